//! Canonical fields that senders spell in few ways: read by paths that stand here, not in settings.

use patchbay_sdk::json::Node;
use patchbay_sdk::types::Field;

use crate::template::member;

/// Key and the paths where its value may stand, the surest first. Names match in any letters.
const PATHS: [(&str, &[&[&str]]); 13] = [
    ("site", &[&["site"], &["domain"]]),
    ("page-url", &[&["page_url"], &["page"], &["page", "url"], &["url"], &["landing"]]),
    ("page-title", &[&["page_title"], &["page", "title"]]),
    ("referrer", &[&["referrer"], &["referer"], &["ref"]]),
    ("utm-source", &[&["utm_source"], &["utm", "source"], &["utm-source"], &["utm", "utm_source"]]),
    ("utm-medium", &[&["utm_medium"], &["utm", "medium"], &["utm-medium"], &["utm", "utm_medium"]]),
    (
        "utm-campaign",
        &[&["utm_campaign"], &["utm", "campaign"], &["utm-campaign"], &["utm", "utm_campaign"]],
    ),
    ("utm-term", &[&["utm_term"], &["utm", "term"], &["utm-term"], &["utm", "utm_term"]]),
    (
        "utm-content",
        &[&["utm_content"], &["utm", "content"], &["utm-content"], &["utm", "utm_content"]],
    ),
    ("country", &[&["country"]]),
    ("region", &[&["region"]]),
    ("city", &[&["city"]]),
    ("tag", &[&["tag"]]),
];

/// The fields that stand in the body under their usual names.
pub(crate) fn usual<'a>(body: &'a Node<'a>) -> impl Iterator<Item = Field> + 'a {
    PATHS.iter().filter_map(move |(key, paths)| {
        let at =
            |path: &&[&str]| path.iter().try_fold(body, |node, name| member(node, name))?.text();
        Some(Field::text(*key, paths.iter().find_map(at)?))
    })
}
