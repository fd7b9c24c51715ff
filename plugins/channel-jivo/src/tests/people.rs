//! Who the client is by a login, and who the agents are.

use patchbay_sdk::channel::Kind;
use patchbay_sdk::types::Author;

use super::{event, event_with, fixture, host, identifiers, request};

#[test]
fn a_login_identifies_only_where_the_operator_says_so() {
    let with = |settings: &[(&str, &str)]| {
        let host = settings.iter().fold(host(), |host, (key, value)| host.setting(key, value));
        let event = event_with(&host, fixture("chat_accepted.user_token"));
        identifiers(&event).contains(&"site alina77".to_owned())
    };
    assert!(!with(&[]), "any visitor can set any token");
    assert!(!with(&[("login-identifies", "false")]));
    assert!(with(&[("login-identifies", "true")]));
    assert!(with(&[("login-identifies", "true"), ("user-token-format", "pairs")]));
    assert!(!with(&[("login-identifies", "true"), ("user-token-format", "opaque")]));
}

#[test]
fn agents_who_joined_and_wrote_nothing_are_named() {
    let messages = |name: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let mut body: serde_json::Value = serde_json::from_slice(&fixture(name).body).unwrap();
        change(&mut body);
        match event(request(body.to_string())).kind {
            Kind::ConversationFinished(transcript) => transcript.messages,
            other => panic!("{other:?}"),
        }
    };
    let whole = messages("chat_finished.two_agents", &|_| ());
    assert!(whole.iter().all(|message| message.author != Author::System), "{whole:?}");
    let silent = messages("chat_finished.two_agents", &|body| {
        let said = body["chat"]["messages"].as_array_mut().unwrap();
        said.retain(|message| message["type"] == "visitor");
    });
    assert_eq!(silent[0].text, "Операторы: Оператор Первый, Оператор Вторая");
    let plain = messages("chat_finished.one_agent", &|body| {
        body["chat"]["messages"] = serde_json::json!([]);
        body["plain_messages"] = "all in one".into();
    });
    assert_eq!(plain.len(), 1, "the ready text names them itself");
}

#[test]
fn an_agent_of_any_length_stands_cut_at_each_message() {
    let agent = |length: usize| {
        let mut body: serde_json::Value =
            serde_json::from_slice(&fixture("chat_finished.one_agent").body).unwrap();
        let text = "a".repeat(length);
        body["agents"] =
            serde_json::json!([{"id": text, "name": text, "email": text, "phone": text}]);
        event(request(body.to_string())).agents.remove(0)
    };
    let lengths = |length: usize| {
        let agent = agent(length);
        [agent.id, agent.name, agent.email, agent.phone].map(|text| text.map(|text| text.len()))
    };
    assert_eq!(lengths(256), [Some(256); 4]);
    assert_eq!(lengths(257), [None, Some(256), None, None], "half an id is another one's");
}
