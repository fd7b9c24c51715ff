//! Plugins, accounts, integrations and tokens.

use super::*;
use crate::account::{Auth, Manifest};

on_every_backend!(
    the_plugin_installed_last_is_the_active_one,
    accounts_and_integrations_are_replaced_by_id,
    the_first_token_is_stored_once,
);

fn record(digest: Digest, name: &str) -> PluginRecord {
    let manifest = Manifest {
        name: name.parse().unwrap(),
        version: "1.2.3".to_owned(),
        title: "Odoo".to_owned(),
        vendor: "Odoo".to_owned(),
        settings: Vec::new(),
        egress: vec!["https://*.odoo.example".to_owned()],
        auth: Auth::Settings,
        rate_limit: Some(2.5),
    };
    let contract = "0.1.0".to_owned();
    PluginRecord {
        digest,
        contract,
        roles: Vec::new(),
        manifest,
        size_bytes: 3,
        installed_at: at(0),
    }
}

async fn the_plugin_installed_last_is_the_active_one(stores: &Stores) {
    let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
    let other = record(Digest::of(b"other"), "channel-jivo");
    stores.registry.put_plugin(other.clone(), b"other".to_vec()).await.unwrap();
    for digest in [old, new] {
        let bytes = digest.to_string().into_bytes();
        stores.registry.put_plugin(record(digest, "crm-odoo"), bytes.clone()).await.unwrap();
        assert_eq!(stores.registry.plugin_bytes(digest).await.unwrap(), Some(bytes));
        assert_eq!(
            stores.registry.plugins().await.unwrap(),
            [other.clone(), record(digest, "crm-odoo")]
        );
    }
    stores.registry.put_plugin(record(old, "crm-odoo"), b"ignored".to_vec()).await.unwrap();
    assert_eq!(stores.registry.plugins().await.unwrap()[1].digest, old, "back again");
    assert!(stores.registry.plugin_bytes(new).await.unwrap().is_some(), "earlier ones are kept");
    assert_eq!(stores.registry.plugin_bytes(Digest::of(b"none")).await.unwrap(), None);
}

async fn accounts_and_integrations_are_replaced_by_id(stores: &Stores) {
    let paused = Account { state: AccountState::Paused("401".to_owned()), ..account("odoo") };
    stores.registry.put_account(paused.clone()).await.unwrap();
    let accounts = stores.registry.accounts().await.unwrap();
    assert_eq!(accounts, [account(CHANNEL), account("notebook"), paused], "secrets included");

    let disabled = Integration { enabled: false, ..integration(SECOND, "odoo") };
    stores.registry.put_integration(disabled.clone()).await.unwrap();
    let integrations = stores.registry.integrations().await.unwrap();
    assert_eq!(integrations, [integration(FIRST, "notebook"), disabled]);
}

async fn the_first_token_is_stored_once(stores: &Stores) {
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    assert!(stores.registry.tokens().await.unwrap().is_empty());
    assert!(stores.registry.put_first_token(one).await.unwrap());
    assert!(!stores.registry.put_first_token(two).await.unwrap());
    assert_eq!(stores.registry.tokens().await.unwrap(), [one]);
}
