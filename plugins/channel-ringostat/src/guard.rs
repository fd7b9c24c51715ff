//! Who may send: the key in the URL and the list of addresses.

use std::net::IpAddr;

use patchbay_sdk::channel::Request;
use patchbay_sdk::types::Error;
use patchbay_sdk::{form, vault};

use crate::manifest::{ALLOWED_IPS, URL_KEY};
use crate::network;

/// Names under which the key may stand in the query. They reach neither fields nor templates.
pub(crate) const KEY_NAMES: [&str; 2] = ["key", "token"];
/// Some receivers are set up to get it here.
const KEY_HEADER: &str = "auth-key";

/// Why the request is not genuine; `None` for one that is let in.
pub(crate) fn refusal(
    request: &Request,
    setting: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Error> {
    // The secret's own answer tells whether one is set.
    if vault::equals(URL_KEY, &key(request)) == Some(false) {
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

/// The key as sent; empty where there is none.
fn key(request: &Request) -> Vec<u8> {
    let pairs = form::pairs(request.query.as_bytes(), None).unwrap_or_default();
    let named = |name: &str| pairs.iter().find(|(key, _)| key == name);
    let found = KEY_NAMES.iter().find_map(|name| named(name));
    match found {
        Some((_, value)) => value.clone().into_bytes(),
        None => request.header(KEY_HEADER).unwrap_or_default().to_vec(),
    }
}
