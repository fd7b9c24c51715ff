//! The settings of an account as the way out needs them.

use crate::{
    account::{Account, Manifest},
    card::Problem,
    plugin::secrets::SECRET_BYTES_MIN,
};

pub(super) fn secret_problems(manifest: &Manifest, account: &Account) -> Vec<Problem> {
    let short = account.secrets.iter().filter(|(_, value)| value.expose().len() < SECRET_BYTES_MIN);
    let short = short.map(|(key, _)| Problem {
        field: Some(key.clone()),
        message: format!("a secret has at least {SECRET_BYTES_MIN} bytes: a shorter one cannot be kept out of logs"),
    });
    let open = manifest
        .settings
        .iter()
        .filter(|own| own.secret && account.settings.contains_key(&own.key));
    let open = open.map(|setting| Problem {
        field: Some(setting.key.clone()),
        message: "is a secret: give it under `secrets`, not under `settings`".to_owned(),
    });
    short.chain(open).collect()
}

/// The account's own values, then the manifest's defaults: the first of a key counts.
pub(super) fn plain_settings(manifest: &Manifest, account: &Account) -> Vec<(String, String)> {
    let own = account.settings.iter().map(|(key, value)| (key.clone(), value.clone()));
    let open = manifest.settings.iter().filter(|setting| !setting.secret);
    let defaults =
        open.filter_map(|setting| Some((setting.key.clone(), setting.default_value.clone()?)));
    own.chain(defaults).collect()
}
