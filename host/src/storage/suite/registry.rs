//! Accounts, integrations and pools.

use super::*;
use crate::account::{
    IntegrationOptions, Mapping, Member, OnDeadLetter, Pool, Rate, Rules, Strategy, Update,
};

on_every_backend!(
    accounts_and_integrations_are_replaced_by_id,
    an_account_is_stored_over_the_one_that_was_read_only,
    the_options_of_an_integration_are_kept,
    the_rules_of_an_integration_are_kept,
    pools_are_replaced_by_id_and_removed,
);

async fn accounts_and_integrations_are_replaced_by_id(stores: &Stores) {
    let paused = Account { state: AccountState::Paused("401".to_owned()), ..account("odoo") };
    stores.registry.put_account(Some(&account("odoo")), paused.clone()).await.unwrap();
    let accounts = stores.registry.accounts().await.unwrap();
    assert_eq!(accounts, [account(CHANNEL), account("notebook"), paused], "secrets included");

    let disabled = Integration { enabled: false, ..integration(SECOND, "odoo") };
    stores.registry.put_integration(disabled.clone()).await.unwrap();
    let integrations = stores.registry.integrations().await.unwrap();
    assert_eq!(integrations, [integration(FIRST, "notebook"), disabled]);
}

async fn an_account_is_stored_over_the_one_that_was_read_only(stores: &Stores) {
    let rate = Some(Rate { per_second: 0.1, burst: 3 });
    let mine = Account { rate, ..account("odoo") };
    let theirs = Account { title: "Theirs".to_owned(), ..account("odoo") };
    let put = async |before: Option<&Account>, account: &Account| {
        stores.registry.put_account(before, account.clone()).await
    };
    let read = async |id: &str| {
        let accounts = stores.registry.accounts().await.unwrap();
        accounts.into_iter().find(|account| account.id.as_str() == id)
    };
    put(Some(&account("odoo")), &mine).await.unwrap();
    for before in [None, Some(&account("odoo")), Some(&theirs)] {
        let refused = put(before, &theirs).await.unwrap_err();
        assert!(matches!(&refused, Error::Changed(id) if id == "odoo"), "{refused}");
        assert_eq!(read("odoo").await.as_ref(), Some(&mine));
    }
    put(Some(&mine), &theirs).await.unwrap();
    assert_eq!(read("odoo").await, Some(theirs));

    let new = account("new");
    let refused = put(Some(&new), &new).await;
    assert!(matches!(refused, Err(Error::Changed(_))), "it was removed, or never there");
    assert_eq!(read("new").await, None);
    put(None, &new).await.unwrap();
    assert_eq!(read("new").await, Some(new));
}

async fn the_options_of_an_integration_are_kept(stores: &Stores) {
    let options = IntegrationOptions {
        on_dead_letter: OnDeadLetter::Stop,
        deals: true,
        tasks: false,
        notes: true,
    };
    let mut expected = integration(FIRST, "notebook");
    for options in [options, IntegrationOptions::default()] {
        expected.options = options;
        stores.registry.put_integration(expected.clone()).await.unwrap();
        assert_eq!(stores.registry.integrations().await.unwrap()[0], expected);
    }
}

async fn the_rules_of_an_integration_are_kept(stores: &Stores) {
    let mapping = Mapping {
        field: "contact.name".to_owned(),
        value: "{{ contact.variables.імʼя }}\u{0}".to_owned(),
        update: Some(Update::NewOnly),
    };
    let rules =
        Rules { filter: Some("true".to_owned()), mapping: vec![mapping], ..Rules::default() };
    let mut expected = integration(FIRST, "notebook");
    for rules in [rules, Rules::default()] {
        expected.rules = rules;
        stores.registry.put_integration(expected.clone()).await.unwrap();
        assert_eq!(stores.registry.integrations().await.unwrap()[0], expected);
    }
}

async fn pools_are_replaced_by_id_and_removed(stores: &Stores) {
    let pool = |id: &str, strategy| Pool {
        id: id.parse().unwrap(),
        crm: "odoo".parse().unwrap(),
        strategy,
        members: vec![Member { manager: "ann@example.com".to_owned(), weight: 3 }],
    };
    let (first, second) = (pool("a", Strategy::Weighted), pool("b", Strategy::LeastLoaded));
    for pool in [&second, &first, &second] {
        stores.registry.put_pool(pool.clone()).await.unwrap();
    }
    assert_eq!(stores.registry.pools().await.unwrap(), [first.clone(), second.clone()]);
    let changed = pool("a", Strategy::RoundRobin);
    stores.registry.put_pool(changed.clone()).await.unwrap();
    assert_eq!(stores.registry.pools().await.unwrap(), [changed, second.clone()]);

    assert!(stores.registry.delete_pool(&first.id).await.unwrap());
    assert!(!stores.registry.delete_pool(&first.id).await.unwrap());
    assert_eq!(stores.registry.pools().await.unwrap(), [second]);
}
