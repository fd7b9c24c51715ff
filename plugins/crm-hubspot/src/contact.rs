//! A contact as HubSpot answers it, and the card made of it.

use patchbay_sdk::phone;
use patchbay_sdk::types::{Card, Error, Field, Identifier, Line, Value};

use crate::account::{Account, Kind};
use crate::object::Object;
use crate::owner::Directory;
use crate::server::Server;
use crate::{lookup, names};

/// What HubSpot calls contacts in its addresses.
pub(crate) const CONTACTS: &str = "contacts";

/// The number as HubSpot understood it, with its country.
const INTERNATIONAL: [(&str, &str); 2] = [
    (names::PHONE, "hs_searchable_calculated_international_phone_number"),
    (names::MOBILE, "hs_searchable_calculated_international_mobile_number"),
];

/// The ids of contacts that were merged into this one.
const MERGED: &str = "hs_merged_object_ids";

/// What is asked of each contact, besides what the settings name.
const PROPERTIES: [&str; 15] = [
    names::EMAIL,
    names::PHONE,
    names::FIRST_NAME,
    names::LAST_NAME,
    names::OWNER,
    names::MOBILE,
    names::MORE_EMAILS,
    "website",
    "city",
    "state",
    "country",
    "message",
    INTERNATIONAL[0].1,
    INTERNATIONAL[1].1,
    MERGED,
];

/// The properties to ask for.
pub(crate) fn asked(server: &Server) -> Vec<&str> {
    let mut asked = PROPERTIES.to_vec();
    let lines = server.lines.iter().map(|(property, _)| property.as_str());
    for property in server.external_property.as_deref().into_iter().chain(lines) {
        if !asked.contains(&property) {
            asked.push(property);
        }
    }
    asked
}

/// Whether the contact is whom the identifier means.
pub(crate) fn is_of(server: &Server, contact: &Object, identifier: &Identifier) -> bool {
    match identifier {
        Identifier::Phone(number) => INTERNATIONAL.iter().any(|(property, understood)| {
            let held = contact.text(property);
            held.is_some_and(|held| phone::matches(number, held, contact.text(understood)))
        }),
        Identifier::Email(email) => {
            let email = email.trim().to_lowercase();
            emails(contact).contains(&email)
        }
        Identifier::External(external) => {
            let held = server.external_property.as_deref().and_then(|name| contact.text(name));
            lookup::reference(external).is_some_and(|text| held == Some(text.as_str()))
        }
        Identifier::Card(id) => {
            contact.id == *id || contact.texts(MERGED).any(|merged| merged == id)
        }
    }
}

/// Every address in lower case, the main one first.
pub(crate) fn emails(contact: &Object) -> Vec<String> {
    let mut emails: Vec<String> = Vec::new();
    for email in contact.texts(names::EMAIL).chain(contact.texts(names::MORE_EMAILS)) {
        let email = email.to_lowercase();
        if !emails.contains(&email) {
            emails.push(email);
        }
    }
    emails
}

/// Makes cards of contacts: what they need besides is asked for once.
pub(crate) struct Cards<'s> {
    server: &'s Server,
    account: Account,
    directory: Directory<'s>,
}

impl<'s> Cards<'s> {
    pub(crate) fn new(server: &'s Server) -> Result<Self, Error> {
        let account = Account::known(server)?;
        Ok(Self { server, account, directory: Directory::known(server)? })
    }

    pub(crate) fn card(&mut self, contact: &Object, matched: Vec<Identifier>) -> Card {
        Card {
            id: contact.id.clone(),
            url: self.account.address(Kind::Contact, &contact.id),
            manager: contact.text(names::OWNER).map(|id| self.directory.person(id)),
            fields: fields(contact),
            lines: lines(self.server, contact),
            matched,
        }
    }
}

fn fields(contact: &Object) -> Vec<Field> {
    let halves = [names::FIRST_NAME, names::LAST_NAME];
    let name: Vec<&str> = halves.into_iter().filter_map(|half| contact.text(half)).collect();
    let phones = [names::PHONE, names::MOBILE].into_iter().filter_map(|name| contact.text(name));
    let mut phones: Vec<String> = phones.map(str::to_owned).collect();
    phones.dedup();
    let mut fields = Vec::new();
    if !name.is_empty() {
        fields.push(Field::text("name", name.join(" ")));
    }
    fields.extend(several("phone", phones));
    fields.extend(several("email", emails(contact)));
    let plain = names::CONTACT.iter().filter(|(key, _)| *key != "manager");
    let plain = plain.filter_map(|(key, name)| Some(Field::text(*key, contact.text(name)?)));
    fields.extend(plain);
    fields
}

fn several(key: &str, mut texts: Vec<String>) -> Option<Field> {
    match texts.len() {
        0 | 1 => texts.pop().map(|text| Field::text(key, text)),
        _ => Some(Field::new(key, Value::Texts(texts))),
    }
}

fn lines(server: &Server, contact: &Object) -> Vec<Line> {
    let line = |(property, title): &(String, String)| {
        Some(Line { title: title.clone(), text: contact.text(property)?.to_owned(), url: None })
    };
    server.lines.iter().filter_map(line).collect()
}
