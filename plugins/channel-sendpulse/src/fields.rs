//! What SendPulse tells about the client, under canonical keys and under keys of its own.

use std::borrow::Cow;

use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::types::{Field, Value};

use crate::client::Client;
use crate::title::Title;
use crate::webhook::Webhook;

/// The value of `source`: by it clients of this channel are found in the CRM.
const SOURCE: &str = "SendPulse";
/// More fields than this come only from a contact that has everything.
const USUAL_FIELDS: usize = 18;

/// The fields of the client, each key once and none of them empty.
pub(crate) fn fields(webhook: &Webhook<'_>, client: &Client<'_>, title: Title) -> Vec<Field> {
    let mut fields = Fields(Vec::with_capacity(USUAL_FIELDS));
    fields.text("name", client.name());
    fields.texts("phone", client.phones().into_iter().map(Cow::into_owned).collect());
    fields.texts("email", client.emails().into_iter().map(str::to_owned).collect());
    fields.text("source", Some(SOURCE));
    visit(&mut fields, webhook);
    let tags = webhook.contact.tags.items.iter().filter_map(Text::owned).collect::<Vec<_>>();
    if !tags.is_empty() {
        fields.value("tag", Value::Texts(tags));
    }
    fields
        .text("sendpulse-service-name", Some(client.service.as_ref()).filter(|name| *name != "-"));
    fields.text("sendpulse-bot-name", webhook.bot.name.get());
    fields.text("sendpulse-user-name", webhook.contact.username.get());
    fields.text("sendpulse-flow-name", webhook.info.flow.name.get());
    let title = webhook.title.get().filter(|_| title == Title::FlowWebhook);
    fields.text("sendpulse-flow-webhook", title);
    // One field for each messenger: a client of three has three chats, and none replaces another.
    // Its name has no `-`, so that no other key is taken.
    if let Some(link) = client.chat_link().filter(|_| client.service != "-") {
        let key = format!("sendpulse-{}", client.service);
        fields.0.push(Field { key, value: Value::Text(link) });
    }
    fields.0
}

/// Where the client came from: the chat on a site fills this into variables.
fn visit(fields: &mut Fields, webhook: &Webhook<'_>) {
    let variables = &webhook.contact.variables;
    let keys = ["utm-source", "utm-medium", "utm-campaign", "utm-term", "utm-content"];
    for (key, mark) in keys.into_iter().zip(variables.utm()) {
        fields.text(key, mark);
    }
    fields.text("page-url", variables.page());
    fields.text("page-title", variables.page_title());
    fields.text("referrer", variables.referrer());
}

struct Fields(Vec<Field>);

impl Fields {
    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.value(key, Value::Text(text.to_owned()));
        }
    }

    fn texts(&mut self, key: &str, mut texts: Vec<String>) {
        if 1 < texts.len() {
            self.value(key, Value::Texts(texts));
        } else if let Some(text) = texts.pop() {
            self.value(key, Value::Text(text));
        }
    }

    fn value(&mut self, key: &str, value: Value) {
        self.0.push(Field { key: key.to_owned(), value });
    }
}
