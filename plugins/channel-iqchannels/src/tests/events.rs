//! Every stored webhook as an event, and the shapes beside them.

use patchbay_sdk::channel::{Event, Kind};
use patchbay_sdk::types::{Author, Message, Person, Transcript, Value};
use serde_json::{Value as Json, json};

use super::{event, fixture, host, identifiers, request, taken_with};

const CLIENT: [&str; 2] = ["card crm-2001", "iqchannels 21"];

fn operator() -> Person {
    Person {
        id: Some("1".to_owned()),
        name: Some("Оператор Пример".to_owned()),
        email: Some("operator@bank.example.com".to_owned()),
        phone: None,
        active: true,
    }
}

fn body(name: &str) -> Json {
    serde_json::from_slice(&fixture(name).body).unwrap()
}

fn changed(name: &str, change: impl FnOnce(&mut Json)) -> Event {
    let mut body = body(name);
    change(&mut body);
    event(request(body.to_string()))
}

fn field<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    event.fields.iter().find(|field| field.key == key).and_then(|field| field.value.as_text())
}

#[test]
fn every_stored_webhook_is_the_event_it_should_be() {
    let rows = [
        ("webhook.chat_opened", Kind::ConversationStarted, Some("event:600"), Vec::new()),
        ("webhook.chat_assigned", Kind::ClientUpdated, Some("event:604"), vec![operator()]),
        (
            "webhook.message_created.client",
            Kind::MessageReceived(Message {
                author: Author::Client,
                agent: None,
                sent_at: Some("2018-11-22T16:05:05.500Z".to_owned()),
                text: "Здравствуйте, хочу узнать остаток".to_owned(),
            }),
            Some("event:607"),
            Vec::new(),
        ),
        (
            "webhook.message_created.operator",
            Kind::MessageReceived(Message {
                author: Author::Agent,
                agent: Some(operator()),
                sent_at: Some("2018-11-22T16:05:05.500Z".to_owned()),
                text: "Добрый день! Проверяю.".to_owned(),
            }),
            Some("event:608"),
            vec![operator()],
        ),
        (
            "webhook.chat_closed",
            Kind::ConversationFinished(Transcript {
                started_at: None,
                finished_at: Some("2018-11-22T16:05:06.151Z".to_owned()),
                topic: None,
                rating: None,
                messages: vec![patchbay_sdk::transcript::system(
                    "Оператор: Оператор Пример".to_owned(),
                )],
            }),
            Some("event:640"),
            vec![operator()],
        ),
    ];
    for (name, kind, dedup_key, agents) in rows {
        let (event, answer) = taken_with(&host(), fixture(name));
        assert_eq!(event.kind, kind, "{name}");
        assert_eq!(event.dedup_key.as_deref(), dedup_key, "{name}");
        assert_eq!(event.agents, agents, "{name}");
        assert_eq!(identifiers(&event), CLIENT, "{name}");
        assert_eq!(event.conversation, "chat:21");
        assert_eq!(event.episode.as_deref(), Some("ticket:84"));
        assert!(!event.wants_reply);
        assert!(event.occurred_at.unwrap().starts_with("2018-11-22T16:05:06.1"));
        assert_eq!(event.context, None, "templates see the body itself");
        assert_eq!((answer.status, answer.body), (200, br#"{"success":true}"#.to_vec()));
    }
}

#[test]
fn the_client_and_the_channel_are_told() {
    let event = event(fixture("webhook.chat_opened"));
    assert_eq!(field(&event, "name"), Some("Образцов Семён"));
    assert_eq!(field(&event, "source"), Some("iQChannels"));
    assert_eq!(field(&event, "iqchannels-channel"), Some("support"));
    assert_eq!(field(&event, "iqchannels-ticket"), Some("84"));
    assert!(event.fields.iter().all(|field| field.value != Value::Empty));
}

#[test]
fn what_is_not_stored_is_ignored_and_never_deduped_by_its_id() {
    let typing = event(fixture("webhook.typing.transitive"));
    assert_eq!((typing.kind, typing.dedup_key), (Kind::Ignored("typing".to_owned()), None));
    for name in ["message_received", "message_read", "typing", "inbox_changed", "ticket_rated", ""]
    {
        let event = changed("webhook.chat_opened", |body| body["ChatEvent"]["Type"] = name.into());
        assert_eq!((event.kind, event.dedup_key), (Kind::Ignored(name.to_owned()), None));
    }
    let transitive =
        changed("webhook.chat_opened", |body| body["ChatEvent"]["Transitive"] = true.into());
    assert_eq!(
        (transitive.kind, transitive.dedup_key),
        (Kind::Ignored("chat_opened".to_owned()), None)
    );
    for id in [json!(0), json!(null), json!(""), json!("9".repeat(65))] {
        let event = changed("webhook.chat_opened", |body| body["ChatEvent"]["Id"] = id.clone());
        assert_eq!(event.dedup_key, None, "{id}");
    }
    let longest =
        changed("webhook.chat_opened", |body| body["ChatEvent"]["Id"] = "9".repeat(64).into());
    assert_eq!(longest.dedup_key, Some(format!("event:{}", "9".repeat(64))));
}

#[test]
fn an_unknown_name_is_cut_and_cleaned() {
    let name = |name: String| {
        changed("webhook.chat_opened", |body| body["ChatEvent"]["Type"] = name.into()).kind
    };
    assert_eq!(name("я".repeat(64)), Kind::Ignored("я".repeat(64)));
    assert_eq!(name("я".repeat(65)), Kind::Ignored("я".repeat(64)));
    assert_eq!(name("a\u{0}\nb".to_owned()), Kind::Ignored("ab".to_owned()));
}

#[test]
fn the_client_is_the_events_own_or_the_one_of_its_chat() {
    let other = |body: &mut Json| {
        body["ChatEvent"]["ClientId"] = 22.into();
        let client = json!({
            "Id": 22, "IntegrationId": null, "Phone": "+79000000033", "Email": "second@example.com",
        });
        body["Rels"]["Clients"].as_array_mut().unwrap().push(client);
    };
    let event = changed("webhook.chat_opened", other);
    assert_eq!(
        identifiers(&event),
        ["phone +79000000033", "email second@example.com", "iqchannels 22"]
    );
    assert_eq!(field(&event, "phone"), Some("+79000000033"));
    assert_eq!(field(&event, "name"), None);
    let unknown = changed("webhook.chat_opened", |body| body["Rels"]["Clients"] = Json::Null);
    assert_eq!(identifiers(&unknown), ["iqchannels 21"]);
    let bare = event_of(&json!({"ChatEvent": {"Type": "chat_opened", "Id": 1}}));
    assert_eq!((bare.conversation.as_str(), bare.episode, bare.client.len()), ("unnamed", None, 0));
    let of_client = event_of(&json!({"ChatEvent": {"Type": "chat_opened", "ClientId": 5}}));
    assert_eq!(of_client.conversation, "client:5");
}

fn event_of(body: &Json) -> Event {
    event(request(body.to_string()))
}

#[test]
fn an_integration_id_is_a_card_or_an_id_of_another_system() {
    let named = host()
        .setting("integration-id-is", "external")
        .setting("integration-system", "abs")
        .setting("client-system", "iqchannels-msk");
    let (event, _) = taken_with(&named, fixture("webhook.chat_opened"));
    assert_eq!(identifiers(&event), ["abs crm-2001", "iqchannels-msk 21"]);
    let (unnamed, _) = taken_with(
        &host().setting("integration-id-is", "external"),
        fixture("webhook.chat_opened"),
    );
    assert_eq!(identifiers(&unnamed), ["iqchannels-integration crm-2001", "iqchannels 21"]);
}

#[test]
fn newer_servers_name_the_ticket_in_the_event() {
    let event = changed("webhook.chat_opened", |body| {
        body["ChatEvent"]["TicketId"] = 85.into();
        body["ChatEvent"]["TicketRate"] = json!({"Value": 5});
        body["Rels"]["Tickets"] = json!([{"Id": 85, "State": "open"}]);
    });
    assert_eq!(event.episode.as_deref(), Some("ticket:85"));
    let without =
        changed("webhook.chat_opened", |body| body["Rels"]["Chats"][0]["TicketId"] = Json::Null);
    assert_eq!(without.episode, None);
    let created =
        changed("webhook.chat_opened", |body| body["ChatEvent"]["Type"] = "chat_created".into());
    assert_eq!(created.kind, Kind::ConversationStarted);
}

#[test]
fn a_closed_chat_has_the_messages_that_came_along() {
    let event = changed("webhook.chat_closed", |body| {
        body["Rels"]["ChatMessages"] = json!([
            {"Id": 1, "ChatId": 21, "Author": "client", "Payload": "text", "Text": "Добрый день", "CreatedAt": "1542902700000"},
            {"Id": 2, "ChatId": 21, "Author": "user", "UserId": 7, "Payload": "file", "Text": "", "FileId": "f-1", "CreatedAt": "1542902701000"},
            {"Id": 3, "ChatId": 21, "Author": "client", "Payload": "notice", "Text": "Клиент в сети", "CreatedAt": 0},
            {"Id": 4, "ChatId": 22, "Author": "client", "Payload": "text", "Text": "чужое"},
            {"Id": 5, "ChatId": 21, "Author": "bot", "Payload": "text", "Text": "Я бот"},
            {"Id": 6, "ChatId": 21, "Author": "client", "Payload": "text", "Text": null},
        ]);
    });
    let Kind::ConversationFinished(transcript) = event.kind else { panic!("it is not finished") };
    let said = transcript.messages.iter().map(|one| (one.author, one.text.as_str()));
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            (Author::System, "Оператор: Оператор Пример"),
            (Author::Client, "Добрый день"),
            (Author::Agent, "[file f-1]"),
            (Author::System, "Клиент в сети"),
            (Author::Bot, "Я бот"),
        ]
    );
    assert_eq!(transcript.started_at.as_deref(), Some("2018-11-22T16:05:00.000Z"));
    let agent = transcript.messages[2].agent.as_ref().unwrap();
    assert_eq!((agent.id.as_deref(), agent.name.as_deref()), (Some("7"), None));
}

#[test]
fn the_operator_is_told_where_the_event_names_one() {
    for name in ["webhook.chat_assigned", "webhook.chat_closed", "webhook.message_created.operator"]
    {
        assert_eq!(
            field(&event(fixture(name)), "iqchannels-operator"),
            Some("Оператор Пример"),
            "{name}"
        );
    }
    let unknown = changed("webhook.chat_assigned", |body| body["Rels"]["Users"] = Json::Null);
    assert_eq!(field(&unknown, "iqchannels-operator"), Some("1"));
    assert_eq!(field(&event(fixture("webhook.chat_opened")), "iqchannels-operator"), None);
}

#[test]
fn lists_are_kept_up_to_their_limits() {
    let message = json!({"ChatId": 21, "Author": "user", "UserId": 100, "Text": "x"});
    let closed = |users: usize, messages: usize| {
        let event = changed("webhook.chat_closed", |body| {
            let users = (1..=users).map(|id| json!({"Id": id, "Name": format!("n{id}")}));
            body["Rels"]["Users"] = users.collect();
            body["Rels"]["ChatMessages"] = vec![message.clone(); messages].into();
        });
        let Kind::ConversationFinished(transcript) = event.kind else { panic!("not finished") };
        let agent = transcript.messages[1].agent.as_ref().unwrap();
        let last = transcript.messages.last().unwrap().text.clone();
        (agent.name.clone(), transcript.messages.len(), last)
    };
    let name = Some("n100".to_owned());
    assert_eq!(closed(100, 10_000), (name, 10_001, "x".to_owned()));
    assert_eq!(closed(101, 10_001).1, 10_002);
    assert_eq!(closed(100, 10_001).2, "… (+1)");
    let late = changed("webhook.chat_assigned", |body| {
        let users = (2..=102).map(|id| json!({"Id": id, "Name": "n"}));
        body["Rels"]["Users"] = users.collect();
        body["ChatEvent"]["UserId"] = 102.into();
    });
    assert_eq!(late.agents[0].name, None, "the hundred and first is not kept");
}

#[test]
fn an_operator_of_any_length_stands_cut_at_each_message() {
    let agent = |length: usize| {
        let text = "я".repeat(length / 2);
        let event = changed("webhook.chat_closed", |body| {
            body["Rels"]["Users"] =
                json!([{"Id": 1, "DisplayName": text, "Email": text}, {"Id": 1, "Name": "second"}]);
        });
        let [agent] = event.agents.as_slice() else { panic!("{:?}", event.agents) };
        [&agent.name, &agent.email].map(|text| text.as_ref().map(String::len))
    };
    assert_eq!(agent(256), [Some(256), Some(256)]);
    assert_eq!(agent(258), [Some(256), None], "half an address is another one's");
}

#[test]
fn odd_members_cost_no_event() {
    let odd: [(&[u8], &str); 5] = [
        (br#"{"ChatEvent":{"Type":"chat_opened","ChatId":21},"Rels":[]}"#, "chat:21"),
        (br#"{"ChatEvent":{"Type":"chat_opened","ChatId":21},"Rels":{"Users":[null,7],"Chats":{}}}"#, "chat:21"),
        (br#"{"ChatEvent":{"Type":"x","ChatId":2,"Type":"chat_opened","ChatId":21}}"#, "chat:21"),
        (
            br#"{"ChatEvent":{"Type":"chat_opened","ChatId":18446744073709551616}}"#,
            "chat:18446744073709551616",
        ),
        (
            b"{\"ChatEvent\":{\"Type\":\"chat_opened\",\"ChatId\":21,\"Actor\":\"\xff\"}}",
            "chat:21",
        ),
    ];
    for (body, lane) in odd {
        let event = event(request(body));
        assert_eq!(event.kind, Kind::ConversationStarted, "{}", String::from_utf8_lossy(body));
        assert_eq!(event.conversation, lane);
    }
}

#[test]
fn a_message_that_is_not_there_still_tells_of_the_client() {
    let name = "webhook.message_created.client";
    let missing = changed(name, |body| body["Rels"]["ChatMessages"] = Json::Null);
    assert_eq!((missing.kind, missing.client.len()), (Kind::ClientUpdated, 2));
    let empty = changed(name, |body| body["Rels"]["ChatMessages"][0]["Text"] = "".into());
    assert_eq!(empty.kind, Kind::ClientUpdated);
    let by_system =
        changed(name, |body| body["Rels"]["ChatMessages"][0]["Author"] = "system".into());
    assert!(matches!(by_system.kind, Kind::Ignored(_)));
    let by_actor = changed(name, |body| body["Rels"]["ChatMessages"][0]["Author"] = "".into());
    assert!(
        matches!(by_actor.kind, Kind::MessageReceived(message) if message.author == Author::Client)
    );
}

#[test]
fn a_byte_order_mark_is_taken_off_what_templates_see() {
    let sound = fixture("webhook.chat_opened").body;
    let event = event(request([b"\xef\xbb\xbf", sound.as_slice()].concat()));
    assert_eq!(event.context.map(String::into_bytes), Some(sound));
}
