//! Tokens: one host at a time obtains them, and what it keeps is there before its turn ends.

use super::*;
use crate::secret::Secret;

on_every_backend!(
    one_host_at_a_time_obtains_tokens,
    a_turn_that_ran_out_keeps_nothing,
    an_operators_consent_ends_a_turn,
    a_consent_counts_once_and_in_its_time,
    of_one_account_so_many_consents_are_under_way,
);

fn crm() -> AccountId {
    "crm".parse().unwrap()
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

async fn one_host_at_a_time_obtains_tokens(stores: &Stores) {
    let tokens = &stores.tokens;
    assert_eq!(tokens.tokens_of(&crm()).await.unwrap(), None);
    assert_eq!(tokens.take_turn(&crm(), "a", at(0), at(10)).await.unwrap(), Some(None));
    assert_eq!(tokens.take_turn(&crm(), "b", at(9), at(19)).await.unwrap(), None);
    assert_eq!(tokens.take_turn(&crm(), "a", at(9), at(10)).await.unwrap(), Some(None), "again");
    let kept = tokens.keep_tokens(&crm(), "a", secret("first")).await.unwrap();
    assert_eq!((kept.generation, kept.text.expose().as_str()), (1, "first"));
    assert_eq!(tokens.tokens_of(&crm()).await.unwrap(), Some(kept.clone()));
    assert_eq!(tokens.take_turn(&crm(), "b", at(9), at(19)).await.unwrap(), Some(Some(kept)));
    tokens.end_turn(&crm(), "a").await.unwrap();
    assert_eq!(tokens.take_turn(&crm(), "a", at(9), at(19)).await.unwrap(), None, "it is b's");
    tokens.end_turn(&crm(), "b").await.unwrap();
    assert!(tokens.take_turn(&crm(), "a", at(9), at(19)).await.unwrap().is_some());
}

async fn a_turn_that_ran_out_keeps_nothing(stores: &Stores) {
    let tokens = &stores.tokens;
    tokens.take_turn(&crm(), "a", at(0), at(10)).await.unwrap();
    assert!(tokens.take_turn(&crm(), "b", at(10), at(20)).await.unwrap().is_some(), "at its edge");
    let late = tokens.keep_tokens(&crm(), "a", secret("late")).await;
    assert!(matches!(late, Err(Error::LeaseLost)));
    tokens.keep_tokens(&crm(), "b", secret("good")).await.unwrap();
    let twice = tokens.keep_tokens(&crm(), "b", secret("twice")).await;
    assert!(matches!(twice, Err(Error::LeaseLost)));
    assert_eq!(tokens.tokens_of(&crm()).await.unwrap().unwrap().text, secret("good"));
}

async fn an_operators_consent_ends_a_turn(stores: &Stores) {
    let tokens = &stores.tokens;
    assert_eq!(tokens.put_tokens(&crm(), secret("first")).await.unwrap().generation, 1);
    tokens.take_turn(&crm(), "a", at(0), at(10)).await.unwrap();
    assert_eq!(tokens.put_tokens(&crm(), secret("second")).await.unwrap().generation, 2);
    let late = tokens.keep_tokens(&crm(), "a", secret("refreshed from the first")).await;
    assert!(matches!(late, Err(Error::LeaseLost)));
    assert_eq!(tokens.tokens_of(&crm()).await.unwrap().unwrap().text, secret("second"));
}

fn flow(text: &str, until: i64) -> Flow {
    Flow { account: crm(), text: secret(text), until: at(until) }
}

async fn a_consent_counts_once_and_in_its_time(stores: &Stores) {
    let tokens = &stores.tokens;
    let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
    for state in [first, second] {
        tokens.begin_flow(state, flow("verifier", 10), at(0), 9).await.unwrap();
    }
    assert_eq!(tokens.end_flow(Digest::of(b"other"), at(1)).await.unwrap(), None);
    assert_eq!(tokens.end_flow(first, at(9)).await.unwrap(), Some(flow("verifier", 10)));
    assert_eq!(tokens.end_flow(first, at(9)).await.unwrap(), None, "once");
    assert_eq!(tokens.end_flow(second, at(10)).await.unwrap(), None, "too late");
}

async fn of_one_account_so_many_consents_are_under_way(stores: &Stores) {
    let tokens = &stores.tokens;
    for number in 0..4 {
        let state = Digest::of(&[number]);
        tokens.begin_flow(state, flow("v", 10 + i64::from(number)), at(0), 2).await.unwrap();
    }
    let mut known = Vec::new();
    for number in 0..4 {
        known.push(tokens.end_flow(Digest::of(&[number]), at(1)).await.unwrap().is_some());
    }
    assert_eq!(known, [false, false, true, true]);
}
