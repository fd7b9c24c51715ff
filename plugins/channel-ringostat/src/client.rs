//! Who the client is and who answered: identifiers, agents, the lane and the dedup key.

use patchbay_sdk::types::{Call, Identifier, Person};

use crate::aliases::Meaning;
use crate::call::is_number;
use crate::moment::Moment;
use crate::parameters::Parameters;

/// The host keeps no longer key.
const KEY_BYTES_MAX: usize = 512;
const EMAIL_BYTES_MAX: usize = 254;

/// The client's number and e-mail. `client_id` is the browser of a visitor: all who called from it
/// share it, so that it recognises nobody.
pub(crate) fn identifiers(parameters: &Parameters<'_>, call: &Call) -> Vec<Identifier> {
    let phone = call.client_number.clone().filter(|number| is_number(number));
    let email = parameters.get(Meaning::ClientEmail).filter(|text| is_email(text));
    let email = email.map(|email| Identifier::Email(email.to_owned()));
    phone.map(Identifier::Phone).into_iter().chain(email).collect()
}

/// The one who was rung or who answered, as far as the webhook tells.
pub(crate) fn agents(parameters: &Parameters<'_>, call: &Call) -> Vec<Person> {
    let id = parameters.get(Meaning::EmployeeId).or_else(|| {
        // The login that an outgoing call came from.
        call.agent_number.as_deref().filter(|number| !is_number(number))
    });
    let told = parameters.get(Meaning::EmployeeEmail);
    let shown = [told, parameters.get(Meaning::Employee), id];
    let email = shown.into_iter().flatten().find(|text| is_email(text));
    // Where the employee's name is not sent, its aliases lead to the id.
    let name =
        parameters.get(Meaning::Employee).filter(|&name| Some(name) != id && Some(name) != email);
    let login = parameters.get(Meaning::EmployeeNumber);
    if id.is_none() && name.is_none() && email.is_none() && login.is_none() {
        return Vec::new();
    }
    vec![Person {
        id: id.map(str::to_owned),
        name: name.map(str::to_owned),
        email: email.map(str::to_owned),
        phone: login.map(str::to_owned),
        active: true,
    }]
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':');
    let has_dot =
        domain.split_once('.').is_some_and(|(host, zone)| !host.is_empty() && !zone.is_empty());
    is_plain
        && !local.is_empty()
        && has_dot
        && !domain.contains('@')
        && text.len() <= EMAIL_BYTES_MAX
}

/// The lane: one client's calls in their order; a call without a number is alone.
pub(crate) fn lane(call: &Call) -> String {
    match call.client_number.as_deref().filter(|number| is_number(number)) {
        Some(number) => {
            let digits: String = number.chars().filter(char::is_ascii_digit).collect();
            format!("phone:{digits}")
        }
        None => format!("call:{}", call.id),
    }
}

/// The moment and the call's id; steps and ratings of one call may be several.
pub(crate) fn dedup_key(parameters: &Parameters<'_>, moment: Moment, id: &str) -> Option<String> {
    let details: &[Meaning] = match moment {
        Moment::ForwardStep => &[Meaning::Step, Meaning::ForwardNumber, Meaning::EmployeeId],
        Moment::RatingMenu => &[Meaning::Category, Meaning::CategoryValue],
        _ => &[],
    };
    let mut key = format!("{}:{id}", moment.name());
    for name in details {
        key.push(':');
        key.push_str(parameters.get(*name).unwrap_or_default());
    }
    (key.len() <= KEY_BYTES_MAX).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn only_what_looks_like_an_address_is_one() {
        assert!(is_email("op1@shop.example.com"));
        for other in [
            "manager1_10000",
            "@example.com",
            "a@example",
            "a b@example.com",
            "sip:a@example.com",
            "a@b@c.d",
        ] {
            assert!(!is_email(other), "{other}");
        }
    }
}
