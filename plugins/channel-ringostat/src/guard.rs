//! Who may send: the key in the URL and the list of addresses.

use std::net::IpAddr;

use patchbay_sdk::channel::Request;
use patchbay_sdk::form::{self, Pair};
use patchbay_sdk::types::Error;
use patchbay_sdk::vault;

use crate::manifest::{ALLOWED_IPS, URL_KEY};
use crate::network;

/// Names under which the key may stand in the query. The user may have parameters of these names too.
const KEY_NAMES: [&str; 2] = ["key", "token"];
/// Some receivers are set up to get it here.
const KEY_HEADER: &str = "auth-key";

/// Why the request is not genuine; `None` for one that is let in.
pub(crate) fn refusal(
    request: &Request,
    setting: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Error> {
    let query = form::pairs(request.query.as_bytes(), None).unwrap_or_default();
    let is_key = |sent: &[u8]| vault::equals(URL_KEY, sent);
    // The secret's own answer tells whether one is set.
    let is_set = is_key(b"").is_some();
    let is_told =
        || url_key(&query).is_some() || request.header(KEY_HEADER).and_then(is_key) == Some(true);
    if is_set && !is_told() {
        return Ok(Some("the URL has no `key`, or another than the setting `url-key`".to_owned()));
    }
    let Some(allowed) = setting(ALLOWED_IPS) else { return Ok(None) };
    let networks = network::list(&allowed).map_err(|entry| {
        let text =
            format!("`{entry}` is no address and no network; write 203.0.113.7 or 198.51.100.0/24");
        Error::invalid(ALLOWED_IPS, text)
    })?;
    let sender = request.remote_address.parse::<IpAddr>();
    let is_allowed = networks.is_empty()
        || sender.is_ok_and(|sender| networks.iter().any(|network| network.contains(sender)));
    Ok((!is_allowed).then(|| "the sender's address is not in `allowed-ips`".to_owned()))
}

/// The key where the URL has it, which then reaches neither fields nor templates.
fn url_key(query: &[Pair]) -> Option<&str> {
    // The first of each name alone: each candidate is a question to the host.
    let sent = |name: &str| query.iter().find(|(known, _)| known == name);
    let mut sent = KEY_NAMES.iter().filter_map(|name| sent(name));
    let found = sent.find(|(_, value)| vault::equals(URL_KEY, value.as_bytes()) == Some(true));
    found.map(|(_, value)| value.as_str())
}

/// The parameters of a URL without its key.
pub(crate) fn without_key(mut query: Vec<Pair>) -> Vec<Pair> {
    let Some(key) = url_key(&query).map(str::to_owned) else { return query };
    query.retain(|(name, value)| !KEY_NAMES.contains(&name.as_str()) || *value != key);
    query
}
