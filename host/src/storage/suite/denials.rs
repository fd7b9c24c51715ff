//! Denials: counted, bounded for each account, the newest first.

use super::*;
use crate::account::Grant;

on_every_backend!(the_same_denial_is_counted_up, of_each_account_the_newest_denials_are_kept,);

fn denial(account: &str, origin: &str, second: i64) -> Denial {
    Denial {
        account: account.parse().unwrap(),
        origin: origin.to_owned(),
        method: "GET".to_owned(),
        reason: "not-granted".to_owned(),
        message: format!("at {second}"),
        grant: Some(Grant::new(origin)),
        first_at: at(second),
        last_at: at(second),
        count: 2,
    }
}

async fn the_same_denial_is_counted_up(stores: &Stores) {
    let denials = &stores.denials;
    let other =
        Denial { reason: "secret".to_owned(), grant: None, ..denial("crm", "https://a", 1) };
    denials.add_denials(vec![denial("crm", "https://a", 2), other.clone()], 10).await.unwrap();
    denials.add_denials(vec![denial("crm", "https://a", 5)], 10).await.unwrap();
    let both = Denial { count: 4, first_at: at(2), ..denial("crm", "https://a", 5) };
    assert_eq!(denials.denials_of(&"crm".parse().unwrap()).await.unwrap(), [both, other]);
    assert!(denials.denials_of(&"crm-2".parse().unwrap()).await.unwrap().is_empty());
}

async fn of_each_account_the_newest_denials_are_kept(stores: &Stores) {
    let denials = &stores.denials;
    denials.add_denials(vec![denial("quiet", "https://a", 0)], 3).await.unwrap();
    let many = (0..5).map(|second| denial("noisy", &format!("https://h{second}"), second));
    denials.add_denials(many.collect(), 3).await.unwrap();
    let kept = denials.denials_of(&"noisy".parse().unwrap()).await.unwrap();
    let kept: Vec<&str> = kept.iter().map(|it| it.origin.as_str()).collect();
    assert_eq!(kept, ["https://h4", "https://h3", "https://h2"]);
    assert_eq!(denials.denials_of(&"quiet".parse().unwrap()).await.unwrap().len(), 1);
}
