//! Who is chosen of agent, holder, pool and default.

use super::*;
use crate::account::{Member, Strategy};

fn person(id: Option<&str>, email: Option<&str>, active: bool) -> Person {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Person { id: owned(id), name: None, email: owned(email), phone: None, active }
}

fn managers() -> Vec<Person> {
    vec![
        person(Some("1"), Some("anna@example.com"), true),
        person(Some("2"), Some("boris@example.com"), true),
        person(Some("3"), Some("away@example.com"), false),
    ]
}

fn rule(pool: Option<&str>, default: Option<&str>) -> ResponsibleRule {
    ResponsibleRule {
        agent: true,
        pool: pool.map(|pool| pool.parse().unwrap()),
        default: default.map(str::to_owned),
    }
}

fn agent(email: &str) -> Vec<Person> {
    vec![person(Some("2"), Some(email), true)]
}

fn manager(id: &str) -> Choice {
    Choice::Manager(id.to_owned())
}

#[test]
fn the_agent_whom_the_crm_knows_comes_first() {
    let holder = person(Some("2"), None, true);
    let chosen = choose(
        &rule(Some("sales"), Some("2")),
        &agent(" Anna@Example.com"),
        Some(&managers()),
        Some(&holder),
    );
    assert_eq!(chosen.choice, manager("1"));
    assert_eq!(chosen.remark, None);
}

#[test]
fn an_agent_is_not_known_by_the_id_of_another_system() {
    let chosen = choose(&rule(None, None), &agent("else@example.com"), Some(&managers()), None);
    assert_eq!(chosen.choice, Choice::Nobody);
    assert_eq!(chosen.remark, None);
}

#[test]
fn an_agent_is_known_by_login() {
    let mut by_login = managers();
    by_login.push(person(Some("i.test"), None, true));
    let mut agent = person(Some("77"), None, true);
    agent.name = Some("I.Test".to_owned());
    let chosen = choose(&rule(None, None), &[agent], Some(&by_login), None);
    assert_eq!(chosen.choice, manager("i.test"));
}

#[test]
fn a_name_that_is_no_login_is_nobodys_id() {
    let mut by_login = managers();
    by_login.push(person(Some("ivan petrov"), None, true));
    for name in ["1", " 1 ", "Ivan Petrov"] {
        let mut agent = person(Some("77"), None, true);
        agent.name = Some(name.to_owned());
        let chosen = choose(&rule(None, None), &[agent], Some(&by_login), None);
        assert_eq!(chosen.choice, Choice::Nobody, "{name}");
    }
}

#[test]
fn an_agent_is_passed_over_where_the_rule_says_so() {
    let rule = ResponsibleRule { agent: false, ..rule(None, Some("2")) };
    let chosen = choose(&rule, &agent("anna@example.com"), Some(&managers()), None);
    assert_eq!(chosen.choice, manager("2"));
}

#[test]
fn the_holder_comes_before_the_pool_while_active() {
    let pool = rule(Some("sales"), None);
    let holder = |id: &str| person(Some(id), None, true);
    let chosen =
        |holder: &Person, known: Option<&[Person]>| choose(&pool, &[], known, Some(holder));
    assert_eq!(chosen(&holder("2"), Some(&managers())).choice, manager("2"));
    let draw = Choice::Draw("sales".parse().unwrap());
    assert_eq!(chosen(&holder("3"), Some(&managers())).choice, draw, "inactive");
    assert_eq!(chosen(&holder("9"), Some(&managers())).choice, draw, "gone");
    assert_eq!(chosen(&holder("9"), None).choice, manager("9"), "nobody can tell");
}

#[test]
fn the_default_stands_in_for_an_empty_pool() {
    let chosen = last_resort(&rule(Some("sales"), Some("boris@example.com")), Some(&managers()));
    assert_eq!(chosen.choice, manager("2"));
    assert_eq!(chosen.remark.unwrap().kind, RemarkKind::NoManager);
    let chosen = last_resort(&rule(Some("sales"), None), Some(&managers()));
    assert_eq!(chosen.choice, Choice::Nobody);
    assert_eq!(chosen.remark.unwrap().kind, RemarkKind::NoManager);
}

#[test]
fn a_default_who_is_no_active_manager_is_remarked() {
    for default in ["3", "away@example.com", "9"] {
        let chosen = choose(&rule(None, Some(default)), &[], Some(&managers()), None);
        assert_eq!(chosen.choice, Choice::Nobody);
        assert_eq!(chosen.remark.unwrap().kind, RemarkKind::NoManager);
    }
    assert_eq!(choose(&rule(None, Some("9")), &[], None, None).choice, manager("9"));
}

#[test]
fn candidates_are_the_active_members_once_each() {
    let member = |manager: &str, weight| Member { manager: manager.to_owned(), weight };
    let pool = Pool {
        id: "sales".parse().unwrap(),
        crm: "crm".parse().unwrap(),
        strategy: Strategy::Weighted,
        members: vec![
            member("2", 0),
            member("3", 1),
            member("Anna@example.com", WEIGHT_MAX + 1),
            member("1", 1),
            member("9", 1),
        ],
    };
    let loads = BTreeMap::from([("1".to_owned(), 7)]);
    let candidate =
        |manager: &str, weight, load| Candidate { manager: manager.to_owned(), weight, load };
    assert_eq!(
        candidates(&pool, Some(&managers()), &loads),
        [candidate("2", 1, 0), candidate("1", WEIGHT_MAX, 7)]
    );
    assert_eq!(candidates(&pool, None, &loads).len(), 5);
}
