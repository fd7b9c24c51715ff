//! Auth API: the chat server hands a token over and wants the client's card.

use patchbay_sdk::channel::{Kind, Outcome, Received, Request, Response};
use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::settings;
use patchbay_sdk::types::{Card, ExternalId, Identifier, Value};
use serde::{Deserialize, Serialize};

use crate::manifest::{COMPANY_FIELD, SESSION_SYSTEM};
use crate::name;
use crate::token::{self, Token};
use crate::{answer, call};

/// More companies than this are not listed.
pub(crate) const MAX_COMPANIES: usize = 100;

/// The client's card as the chat shows it; every member is there, empty where nothing is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Client<'a> {
    id: &'a str,
    first_name: String,
    last_name: String,
    middle_name: String,
    phone: &'a str,
    email: &'a str,
    company_list: Vec<Company>,
}

#[derive(Serialize)]
struct Company {
    id: String,
    name: String,
    inn: String,
}

/// A company as the CRM's field has it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawCompany<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    inn: Text<'a>,
}

/// A token of ours names its card. Any other is a session's, for a CRM that knows sessions.
pub(crate) fn received(token: &Text<'_>, request: &Request) -> Received {
    let text = token.get().unwrap_or_default();
    let client = match token::read(text, &request.received_at) {
        Token::Own(card) => Identifier::Card(card),
        Token::Refused => return Received::Answer(answer::unauthorized()),
        Token::Foreign => {
            let system = settings::get(SESSION_SYSTEM).unwrap_or_default();
            Identifier::External(ExternalId { system, id: text.to_owned() })
        }
    };
    // The token itself is not for filters and templates.
    let context = r#"{"ask":"auth"}"#.to_owned();
    let event = call::question(request, Kind::ClientAsked, vec![client], context);
    call::asked(event, answer::unavailable())
}

/// A token that leads to several cards leads to nobody: it would show one client another's card.
pub(crate) fn reply(outcome: Option<&Outcome>) -> Response {
    match answer::cards(outcome) {
        Some([card]) => answer::result(client(card)),
        Some(_) => answer::unauthorized(),
        None => answer::unavailable(),
    }
}

fn client(card: &Card) -> Client<'_> {
    let text = |key| answer::field(card, key).unwrap_or_default();
    let name = name::split(text("name"));
    Client {
        id: &card.id,
        first_name: name.first,
        last_name: name.last,
        middle_name: name.middle,
        phone: text("phone"),
        email: text("email"),
        company_list: companies(card),
    }
}

/// The companies that the client acts for: names, or JSON objects with `id`, `name` and `inn`.
fn companies(card: &Card) -> Vec<Company> {
    let value = settings::get(COMPANY_FIELD).and_then(|key| card.field(&key));
    let companies = match value {
        Some(Value::Json(json)) => {
            serde_json::from_str::<Vec<RawCompany<'_>>>(json).unwrap_or_default()
        }
        Some(value) => value.texts().into_iter().map(named).collect(),
        None => Vec::new(),
    };
    companies.iter().filter_map(company).take(MAX_COMPANIES).collect()
}

fn named(name: &str) -> RawCompany<'_> {
    RawCompany { name: Text::from(name), ..RawCompany::default() }
}

fn company(raw: &RawCompany<'_>) -> Option<Company> {
    let text = |text: &Text<'_>| text.owned().unwrap_or_default();
    let company = Company { id: text(&raw.id), name: text(&raw.name), inn: text(&raw.inn) };
    let is_blank = [&company.id, &company.name, &company.inn].iter().all(|text| text.is_empty());
    (!is_blank).then_some(company)
}
