//! Which card an agent means, who bound a conversation to it by its URL or id.

use url::{Host, Url};

use crate::{
    card::{Card, Identifier},
    event::{Remark, RemarkKind},
    rules::identity,
};

/// The ids that the card may have: what was told, and the last part of its path.
pub(super) fn candidates(told: &str) -> Vec<String> {
    let told = told.trim();
    let last = url(told).and_then(|url| last_segment(&url));
    let whole = url(told).is_none().then(|| told.to_owned());
    let is_id = |id: &String| identity::normal(&Identifier::Card(id.clone())).is_some();
    whole.into_iter().chain(last).filter(is_id).collect()
}

/// Whether the CRM's card is the one that was told. A URL of another place is not, whatever id it
/// ends with.
pub(super) fn is_meant(card: &Card, told: &str) -> bool {
    let told = told.trim();
    let Some(told_url) = url(told) else { return card.id == told };
    let own = card.url.as_deref().and_then(url);
    if own.as_ref().is_some_and(|own| is_same(own, &told_url)) {
        return true;
    }
    let is_its_place = own.is_none_or(|own| {
        // Where the card's URL ends with its id, one that leads to a deal of the same number does
        // so by another path.
        let names_id = last_segment(&own).as_deref() == Some(card.id.as_str());
        host(&own) == host(&told_url) && (!names_id || folder(&own) == folder(&told_url))
    });
    is_its_place && last_segment(&told_url).as_deref() == Some(card.id.as_str())
}

pub(super) fn leads_nowhere() -> Remark {
    Remark {
        kind: RemarkKind::UnknownCard,
        text: "the agent bound the conversation to a card that the CRM does not have".to_owned(),
    }
}

fn url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

fn host(url: &Url) -> Option<Host<&str>> {
    url.host()
}

fn last_segment(url: &Url) -> Option<String> {
    let last = url.path_segments()?.rfind(|segment| !segment.is_empty())?;
    Some(last.to_owned())
}

/// The path before its last part.
fn folder(url: &Url) -> Vec<&str> {
    let segments = url.path_segments().into_iter().flatten();
    let mut folder: Vec<&str> = segments.filter(|segment| !segment.is_empty()).collect();
    folder.pop();
    folder
}

/// A slash at the end makes no difference.
fn is_same(one: &Url, other: &Url) -> bool {
    one.as_str().trim_end_matches('/') == other.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(id: &str, url: Option<&str>) -> Card {
        Card {
            id: id.to_owned(),
            url: url.map(str::to_owned),
            manager: None,
            fields: Vec::new(),
            lines: Vec::new(),
            matched: Vec::new(),
        }
    }

    #[test]
    fn a_card_is_told_by_its_id_or_by_a_url_that_ends_with_it() {
        assert_eq!(candidates(" 42 "), ["42"]);
        assert_eq!(candidates("https://crm.example.com/contacts/42/?tab=1"), ["42"]);
        assert_eq!(candidates("https://crm.example.com"), Vec::<String>::new());
        assert_eq!(candidates(&"4".repeat(513)), Vec::<String>::new());
    }

    #[test]
    fn only_the_card_of_that_id_or_url_is_meant() {
        let at = |url| card("42", Some(url));
        assert!(is_meant(&card("42", None), "42"));
        assert!(!is_meant(&card("43", None), "42"));
        assert!(is_meant(&card("42", None), "https://crm.example.com/contacts/42/"));
        let told = "https://crm.example.com/contacts/42";
        assert!(is_meant(&at("https://crm.example.com/people?id=7"), told));
        assert!(!is_meant(&at("https://crm.example.org/contacts/42"), told), "another place");
        let own = "https://crm.example.com/crm/contact/details/42/";
        assert!(is_meant(&at(own), "https://crm.example.com/crm/contact/details/42?tab=main"));
        assert!(!is_meant(&at(own), "https://crm.example.com/crm/deal/details/42/"), "a deal");
        let odd = "https://crm.example.com/web#id=42&model=partner";
        assert!(is_meant(&at(odd), odd), "its very URL");
        assert!(!is_meant(&card("web", Some("https://crm.example.org/web")), odd));
    }
}
