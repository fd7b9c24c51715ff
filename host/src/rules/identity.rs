//! Who the client of an event is.

use super::phone::{self, Standard};
use crate::{
    card::{ExternalId, Field, Identifier, Value},
    event::Event,
    id::{ClientKey, Digest},
};

/// Identifiers of one event that are looked up at most.
const IDENTIFIERS_MAX: usize = 20;

/// Longest identifier that recognises anybody, in bytes: it is kept in an index.
const IDENTIFIER_BYTES_MAX: usize = 512;

/// Systems of the host's own begin so: no channel may speak for them.
const OWN_SYSTEMS: &str = "patchbay:";

/// The keys whose meaning every CRM adapter knows. Any other key is one channel's or one CRM's
/// own: what a channel calls `x` is not what a CRM calls so, unless an operator maps it.
pub(super) const CANONICAL_KEYS: &[&str] = &[
    "name",
    "phone",
    "email",
    "comment",
    "source",
    "site",
    "page-url",
    "page-title",
    "referrer",
    "utm-source",
    "utm-medium",
    "utm-campaign",
    "utm-term",
    "utm-content",
    "country",
    "region",
    "city",
    "tag",
];

/// The ways to recognise the client, in one notation, without repeats, the surest first.
pub fn identifiers(event: &Event) -> Vec<Identifier> {
    distinct(event.client.iter().filter_map(normal))
}

/// Without repeats, and no more than are looked up.
pub(super) fn distinct(identifiers: impl Iterator<Item = Identifier>) -> Vec<Identifier> {
    let mut found = Vec::new();
    for identifier in identifiers {
        if !found.contains(&identifier) && found.len() < IDENTIFIERS_MAX {
            found.push(identifier);
        }
    }
    found
}

/// What the client of an event is locked by: no two jobs of one client run at the same time.
/// Sorted and without repeats.
pub fn client_keys(event: &Event) -> Vec<ClientKey> {
    let mut keys: Vec<ClientKey> = identifiers(event).iter().map(client_key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The key of one identifier in its normal notation.
pub fn client_key(identifier: &Identifier) -> ClientKey {
    let (kind, system, value) = match identifier {
        Identifier::Phone(phone) => ("phone", "", phone),
        Identifier::Email(email) => ("email", "", email),
        Identifier::External(ExternalId { system, id }) => ("external", system.as_str(), id),
        Identifier::Card(id) => ("card", "", id),
    };
    let digest = Digest::of(format!("{kind}\0{system}\0{value}").as_bytes());
    let head = digest.0.first_chunk().expect("a digest is longer than a key");
    ClientKey(i64::from_le_bytes(*head))
}

/// Whether a card may be made for this client: a channel's own visitor id alone names nobody.
pub fn can_make_a_card(client: &[Identifier]) -> bool {
    client.iter().any(|id| matches!(id, Identifier::Phone(_) | Identifier::Email(_)))
}

/// Whether a card may be made although nothing in it can be recognised again: it has a phone or an
/// e-mail as received, and an id of the channel leads to it from then on.
pub(super) fn can_keep_as_received(client: &[Identifier], fields: &[&Field]) -> bool {
    client.iter().any(|id| matches!(id, Identifier::External(_)))
        && fields.iter().any(|field| matches!(field.key.as_str(), "phone" | "email"))
}

/// The identifier in the notation of an integration.
///
/// Where a country is set, a phone that cannot be told recognises nobody. Without one, digits are
/// compared as they were received: no standard says what they are, and without them a client who
/// leaves a national number would be unknown each time.
pub(super) fn normal_by(identifier: &Identifier, standard: &Standard) -> Option<Identifier> {
    match identifier {
        Identifier::Phone(text) => match standard.e164(text) {
            Some(number) => Some(Identifier::Phone(number)),
            None if standard.is_strict() => None,
            None => normal(identifier),
        },
        _ => normal(identifier),
    }
}

/// The identifier in its one notation; `None` when it is no address.
pub fn normal(identifier: &Identifier) -> Option<Identifier> {
    let is_short = |bytes: usize| bytes <= IDENTIFIER_BYTES_MAX;
    match identifier {
        Identifier::Phone(text) => normal_phone(text).map(Identifier::Phone),
        Identifier::Email(text) => {
            normal_email(text).filter(|email| is_short(email.len())).map(Identifier::Email)
        }
        Identifier::External(ExternalId { system, id }) => {
            let is_whole = !system.trim().is_empty() && !id.trim().is_empty();
            let is_foreign = !system.starts_with(OWN_SYSTEMS);
            let is_known = is_whole && is_foreign && is_short(system.len() + id.len());
            is_known.then(|| identifier.clone())
        }
        Identifier::Card(id) => {
            (!id.trim().is_empty() && is_short(id.len())).then(|| identifier.clone())
        }
    }
}

/// A phone that cannot be parsed is kept as received, but never used to recognise anybody.
fn normal_phone(text: &str) -> Option<String> {
    phone::e164(text).or_else(|| {
        let digits = phone::digits(text);
        let is_national =
            (7..=15).contains(&digits.len()) && !text.chars().any(char::is_alphabetic);
        is_national.then_some(digits)
    })
}

fn normal_email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (name, host) = text.rsplit_once('@')?;
    let is_address = !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace);
    is_address.then_some(text)
}

/// Whether two identifiers are one, however a CRM has written them.
pub(super) fn is_same(one: &Identifier, other: &Identifier) -> bool {
    match (one, other) {
        (Identifier::Phone(one), Identifier::Phone(other)) => {
            phone::digits(one) == phone::digits(other)
        }
        (Identifier::Email(one), Identifier::Email(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

/// The field with phones and e-mails in one notation; `None` where it is empty.
pub(super) fn normal_field_by(field: &Field, standard: &Standard) -> Option<Field> {
    let normal = |text: &String| match field.key.as_str() {
        "phone" => standard.e164(text).unwrap_or_else(|| text.trim().to_owned()),
        "email" => normal_email(text).unwrap_or_else(|| text.trim().to_owned()),
        _ => text.trim().to_owned(),
    };
    let value = match &field.value {
        Value::Empty => return None,
        Value::Text(text) => Value::Text(normal(text)),
        Value::Texts(texts) => {
            Value::Texts(texts.iter().map(normal).filter(|text| !text.is_empty()).collect())
        }
        Value::Number(_) | Value::Flag(_) | Value::Instant(_) | Value::Json(_) => {
            field.value.clone()
        }
    };
    let is_empty = matches!(&value, Value::Text(text) if text.is_empty())
        || matches!(&value, Value::Texts(texts) if texts.is_empty());
    (!is_empty).then(|| Field { key: field.key.clone(), value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    fn event(client: Vec<Identifier>) -> Event {
        Event {
            dedup_key: None,
            conversation: "chat:1".to_owned(),
            episode: None,
            wants_reply: false,
            occurred_at: None,
            kind: Kind::ClientUpdated,
            client,
            fields: Vec::new(),
            agents: Vec::new(),
            context: None,
        }
    }

    fn phone(text: &str) -> Identifier {
        Identifier::Phone(text.to_owned())
    }

    fn email(text: &str) -> Identifier {
        Identifier::Email(text.to_owned())
    }

    #[test]
    fn one_phone_in_two_notations_is_one_identifier() {
        let client =
            vec![phone("+7 900 000-00-03"), phone("+79000000003"), email(" M.Test@Example.COM ")];
        assert_eq!(
            identifiers(&event(client)),
            [phone("+79000000003"), email("m.test@example.com")]
        );
    }

    #[test]
    fn one_client_in_two_notations_is_locked_by_one_key() {
        let twice = vec![phone("+7 900 000-00-03"), email(" M.Test@Example.COM ")];
        let once = vec![email("m.test@example.com"), phone("+79000000003")];
        let keys = client_keys(&event(twice));
        assert_eq!(keys, client_keys(&event(once)));
        assert_eq!(keys.len(), 2);
        assert_ne!(client_key(&phone("1")), client_key(&email("1")), "the kind counts too");
    }

    #[test]
    fn what_is_no_address_recognises_nobody() {
        let external =
            Identifier::External(ExternalId { system: "site".to_owned(), id: " ".to_owned() });
        let client =
            vec![phone("call me"), phone("123"), email("none"), email("a b@c.d"), external];
        assert_eq!(identifiers(&event(client)), []);
    }

    #[test]
    fn an_identifier_is_used_up_to_its_longest() {
        let external = |bytes: usize| {
            let id = "9".repeat(bytes - "site".len());
            Identifier::External(ExternalId { system: "site".to_owned(), id })
        };
        let address = |bytes: usize| email(&format!("{}@a.example", "a".repeat(bytes - 10)));
        for at_most in [external(IDENTIFIER_BYTES_MAX), address(IDENTIFIER_BYTES_MAX)] {
            assert_eq!(normal(&at_most), Some(at_most));
        }
        for beyond in [external(IDENTIFIER_BYTES_MAX + 1), address(IDENTIFIER_BYTES_MAX + 1)] {
            assert_eq!(normal(&beyond), None);
        }
    }

    #[test]
    fn no_channel_speaks_for_the_host() {
        let own = ExternalId { system: "patchbay:deal".to_owned(), id: "7".to_owned() };
        assert_eq!(identifiers(&event(vec![Identifier::External(own)])), []);
    }

    #[test]
    fn a_visitor_id_alone_makes_no_card() {
        let visitor =
            Identifier::External(ExternalId { system: "site".to_owned(), id: "2750".to_owned() });
        assert!(!can_make_a_card(std::slice::from_ref(&visitor)));
        assert!(can_make_a_card(&[visitor, email("a@example.com")]));
    }

    #[test]
    fn identifiers_are_capped() {
        let client = (0..30).map(|n| phone(&format!("+7900000{n:04}"))).collect();
        assert_eq!(identifiers(&event(client)).len(), IDENTIFIERS_MAX);
    }

    #[test]
    fn fields_lose_what_is_empty_and_gain_one_notation() {
        let text = |key: &str, value: &str| Field {
            key: key.to_owned(),
            value: Value::Text(value.to_owned()),
        };
        let fields =
            [text("name", "  "), text("phone", "+7 900 000-00-03"), text("email", "A@Example.com")];
        assert_eq!(
            fields
                .iter()
                .filter_map(|field| normal_field_by(field, &Standard::default()))
                .collect::<Vec<_>>(),
            [text("phone", "+79000000003"), text("email", "a@example.com")]
        );
    }
}
