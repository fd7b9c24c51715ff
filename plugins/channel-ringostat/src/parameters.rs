//! The parameters of a webhook, wherever they stand, by what they mean; and the object that templates see.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ptr;

use patchbay_sdk::form::Pair;
use patchbay_sdk::json::Node;

use crate::aliases::{Aliases, Meaning};
use crate::input::{Input, unbrace};

/// All parameters that have a text: by the lengths of their names, then in the order of looking.
#[derive(Debug)]
pub(crate) struct Parameters<'a> {
    found: Vec<(&'a str, Cow<'a, str>)>,
    query: &'a [Pair],
    aliases: &'a Aliases,
}

impl<'a> Parameters<'a> {
    pub(crate) fn new(body: &'a Node<'a>, query: &'a [Pair], aliases: &'a Aliases) -> Self {
        let members = aliases.roots(body).into_iter().flat_map(Node::members);
        let body = members.filter_map(|(name, node)| Some((unbrace(name), text(node)?)));
        let url = query.iter().filter_map(|(name, value)| {
            let value = value.trim();
            (!value.is_empty()).then_some((unbrace(name), Cow::Borrowed(value)))
        });
        let mut found: Vec<_> = body.chain(url).collect();
        // Stable: those of one length keep their order.
        found.sort_by_key(|(name, _)| name.len());
        Self { found, query, aliases }
    }

    /// The first value under any of the names that the parameter may have.
    pub(crate) fn get(&self, name: Meaning) -> Option<&str> {
        self.aliases.of(name).find_map(|alias| {
            let start = self.found.partition_point(|(name, _)| name.len() < alias.len());
            let alike = self.found.get(start..)?.iter();
            let mut alike = alike.take_while(|(name, _)| name.len() == alias.len());
            alike
                .find(|(name, _)| name.eq_ignore_ascii_case(alias))
                .map(|(_, value)| value.as_ref())
        })
    }

    pub(crate) fn owned(&self, name: Meaning) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// The value that the URL gives, where it does.
    pub(crate) fn of_url(&self, name: Meaning) -> Option<&str> {
        let value = |alias: &str| {
            let (_, value) =
                self.query.iter().find(|(name, _)| name.eq_ignore_ascii_case(alias))?;
            Some(value.trim()).filter(|value| !value.is_empty())
        };
        self.aliases.of(name).find_map(value)
    }
}

/// A parameter that was sent several times counts as its first value that is not empty.
fn text<'a>(node: &'a Node<'a>) -> Option<Cow<'a, str>> {
    node.text().or_else(|| node.items().iter().find_map(Node::text))
}

/// Every parameter as a member of one object: the body's own, then those of nested objects that
/// the lookup knows, then the URL's. The first of a name counts, and nothing else is left out.
pub(crate) fn context(body: &Node<'_>, input: &Input<'_>, aliases: &Aliases) -> String {
    let roots = aliases.roots(body);
    if input.is_whole && roots.iter().all(|root| ptr::eq(*root, body)) {
        return input.body.clone().into_owned();
    }
    let nested = roots.into_iter().filter(|root| !ptr::eq(*root, body));
    let members = body.members().iter().chain(nested.flat_map(Node::members));
    let mut written = BTreeSet::new();
    let mut text = String::with_capacity(2_048);
    let mut open = |name, text: &mut String| {
        let is_new = written.insert(name);
        if is_new {
            text.push(if text.is_empty() { '{' } else { ',' });
            Node::Text(Cow::Borrowed(name)).write(text);
            text.push(':');
        }
        is_new
    };
    for (name, node) in members {
        if open(unbrace(name), &mut text) {
            node.write(&mut text);
        }
    }
    for (name, value) in &input.query {
        if open(unbrace(name), &mut text) {
            Node::Text(Cow::Borrowed(value)).write(&mut text);
        }
    }
    if text.is_empty() {
        text.push('{');
    }
    text.push('}');
    text
}
