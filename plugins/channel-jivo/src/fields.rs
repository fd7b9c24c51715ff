//! What Jivo and the site's token tell about the client, under canonical keys.

use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::types::{Field, Value};

use crate::manifest::SITE_NAMES;
use crate::site::{absolute, name_in};
use crate::token::Token;
use crate::webhook::Webhook;

/// The value of `source`: by it clients of this channel are found in the CRM.
const SOURCE: &str = "Jivo";
/// More fields than this come only from a body that has everything.
const USUAL_FIELDS: usize = 20;

/// The fields of the client, each key once and none of them empty.
pub(crate) fn fields(
    webhook: &Webhook<'_>,
    token: &Token<'_>,
    setting: &dyn Fn(&str) -> Option<String>,
) -> Vec<Field> {
    let mut fields = Fields(Vec::with_capacity(USUAL_FIELDS));
    contacts(&mut fields, webhook);
    fields.text("source", Some(SOURCE));
    let site = webhook.widget_id.get().and_then(|widget| name_in(&setting(SITE_NAMES)?, widget));
    fields.text("site", site.as_deref());
    visit(&mut fields, webhook, token);
    jivo_only(&mut fields, webhook, token);
    fields.0
}

struct Fields(Vec<Field>);

impl Fields {
    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.value(key, Value::Text(text.to_owned()));
        }
    }

    fn value(&mut self, key: &str, value: Value) {
        self.0.push(Field { key: key.to_owned(), value });
    }
}

fn contacts(fields: &mut Fields, webhook: &Webhook<'_>) {
    let visitor = &webhook.visitor;
    fields.text("name", visitor.name.get());
    match (webhook.call.phone.get(), visitor.phone.get()) {
        (Some(called), Some(introduced)) if called != introduced => {
            fields.value("phone", Value::Texts(vec![called.to_owned(), introduced.to_owned()]));
        }
        (called, introduced) => fields.text("phone", called.or(introduced)),
    }
    fields.text("email", visitor.email.get());
    fields.text("comment", visitor.description.get());
    let tags = webhook.tags.items.iter().filter_map(|tag| tag.title.owned()).collect::<Vec<_>>();
    if !tags.is_empty() {
        fields.value("tag", Value::Texts(tags));
    }
}

/// Where the client came from. What the site packed itself wins over what Jivo saw.
fn visit(fields: &mut Fields, webhook: &Webhook<'_>, token: &Token<'_>) {
    let seen = webhook.page.url.get();
    let page = token.get(&["page", "page_url"]).map(|page| absolute(page, seen));
    fields.text("page-url", page.as_deref().or(seen));
    fields.text("page-title", token.get(&["page_title"]).or(webhook.page.title.get()));
    fields.text("referrer", token.get(&["ref", "referrer", "referer"]));
    let utm = &webhook.session.utm_json;
    let marks: [(&str, &str, &Text<'_>); 5] = [
        ("utm-source", "utm_source", &utm.source),
        ("utm-medium", "utm_medium", &utm.medium),
        ("utm-campaign", "utm_campaign", &utm.campaign),
        ("utm-term", "utm_term", &utm.term),
        ("utm-content", "utm_content", &utm.content),
    ];
    for (key, packed, seen) in marks {
        let piped = || piped(webhook.session.utm.get()?, packed.strip_prefix("utm_")?);
        fields.text(key, token.get(&[packed]).or(seen.get()).or_else(piped));
    }
    let geoip = &webhook.session.geoip;
    fields.text("country", geoip.country.get());
    fields.text("region", geoip.region.get());
    fields.text("city", geoip.city.get());
}

/// One value of `source=yandex|medium=cpc`.
fn piped<'a>(utm: &'a str, key: &str) -> Option<&'a str> {
    let mut parts = utm.split('|').filter_map(|part| part.split_once('='));
    let value = parts.find(|(name, _)| name.trim() == key)?.1.trim();
    (!value.is_empty()).then_some(value)
}

fn jivo_only(fields: &mut Fields, webhook: &Webhook<'_>, token: &Token<'_>) {
    fields.text("jivo-department", webhook.department.name.get());
    fields.text("jivo-organization", webhook.organization.name.get());
    fields.text("jivo-status", webhook.status.title.get());
    fields.text("jivo-ga", token.get(&["ga"]).or(webhook.analytics.ga.get()));
    fields.text("jivo-ym", token.get(&["ym"]).or(webhook.analytics.ym.get()));
    fields.text("jivo-login", token.get(&["login"]));
    if let Token::Opaque(token) = token {
        fields.text("jivo-user-token", Some(token));
    }
    if webhook.chat.blacklisted.0 {
        fields.value("jivo-blacklisted", Value::Flag(true));
    }
}

#[cfg(test)]
mod tests {
    use super::piped;

    #[test]
    fn piped_marks_are_found_by_name() {
        let utm = "source=yandex|medium=|campaign = a=b |term";
        let cases = [
            ("source", Some("yandex")),
            ("medium", None),
            ("campaign", Some("a=b")),
            ("term", None),
        ];
        for (key, expected) in cases {
            assert_eq!(piped(utm, key), expected, "{key}");
        }
    }
}
