//! The embedded page in a real browser: a CRM that frames it, the chat within it, and a stranger, each with an origin of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod browser;
mod pages;
mod server;
mod stage;

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::stage::{Stage, Way, origin, stage};

fn fixture(name: &str) -> Value {
    let file = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn loaded(chat: &TcpListener) -> Value {
    json!({"loaded": origin(chat)})
}

#[test]
fn the_chat_opens_and_closes_the_clients_card() {
    let stage = stage();
    let loaded = loaded(&stage.chat);
    let incoming = fixture("postmessage.incoming.designed");
    let log = stage.play(&format!(
        "const [open, openFromTicket, close] = {incoming};
         frames();
         await chatSays(open); frames();
         await chatSays(close); frames();
         await chatSays(openFromTicket); await chatSays(close); frames();
         await chatSays({{ ...openFromTicket, Client: {{ IntegrationId: 'crm-2002' }} }}); frames();
         await chatSays({{ ...close, TicketId: 85 }}); frames();
         await chatSays(close); frames();
         await chatSays(openFromTicket);"
    ));
    let card = json!({"card": "/client/crm-2001"});
    let frames = |count: u8| json!({"frames": count});
    assert_eq!(
        log,
        [
            loaded,
            frames(1),
            card.clone(),
            frames(2),
            // A card that was opened by hand stays, also where a ticket opens it again, and so does
            // one of another ticket.
            frames(2),
            frames(2),
            json!({"card": "/client/crm-2002"}),
            frames(2),
            frames(2),
            frames(1),
            card,
        ]
    );
}

#[test]
fn an_id_is_encoded_into_the_address_and_never_climbs_out_of_it() {
    let stage = stage();
    let loaded = loaded(&stage.chat);
    let log = stage.play(
        "for (const id of ['..', '.', '', null, { a: 1 }, true, 1.5, 'a\\u0000', '\\ud800', 'x'.repeat(501), undefined]) {
           await chatSays({ Type: 'open_client', Client: { IntegrationId: id } });
         }
         for (const message of [null, 'open_client', 7, [], { Type: 'open_client' }, { Type: 'toString', Client: {} }]) {
           if (message !== null) await chatSays(message);
         }
         frames();
         await chatSays({ Type: 'open_client', Client: { IntegrationId: 'a/../b?c=#<d>&$\\'é' } });
         await chatSays({ Type: 'open_client', Client: { IntegrationId: 7 } });
         frames();",
    );
    let encoded = "/client/a%2F..%2Fb%3Fc%3D%23%3Cd%3E%26%24'%C3%A9";
    let expected = [
        loaded,
        json!({"frames": 1}),
        json!({"card": encoded}),
        json!({"card": "/client/7"}),
        json!({"frames": 2}),
    ];
    assert_eq!(log, expected);
}

#[test]
fn the_chat_is_sent_the_stored_messages_and_no_other_origin_is() {
    let stage = Stage { query: "?search=crm-2001&client=21&ticket=84&crm=crm-2001", ..stage() };
    let (loaded, sender) = (loaded(&stage.chat), origin(&stage.page));
    let (write, open) =
        (fixture("postmessage.write_to_client"), fixture("postmessage.open_iframe_ticket"));
    let log = stage.play(&format!(
        "await crmSays({{ ...{write}, More: 1 }});
         await crmSays({{ Type: 'open_iframe_ticket', OpenTicket: {{ ClientId: '21', TicketId: 84, CRMID: 'crm-2001', More: 1 }} }});
         await crmSays({{ Type: 'open_iframe_ticket', OpenTicket: {{ ClientId: 'x', CRMID: 2001 }} }});
         await crmSays({{ Type: 'open_iframe_ticket', OpenTicket: {{ ClientId: '9'.repeat(15), TicketId: '9'.repeat(16) }} }});
         for (const length of [500, 501]) {{
           await crmSays({{ Type: 'write_to_client', WriteToClient: {{ Search: 'x'.repeat(length) }} }});
         }}
         for (const message of [{{}}, {{ Type: 'other' }}, {{ Type: 'write_to_client' }}, {{ Type: 'open_iframe_ticket', OpenTicket: {{}} }}, 'x']) {{
           await crmSays(message);
         }}"
    ));
    let sent = |message: &Value| json!({"chat": message, "sender": sender});
    let partly = json!({"Type": "open_iframe_ticket", "OpenTicket": {"CRMID": "2001"}});
    let long_id =
        json!({"Type": "open_iframe_ticket", "OpenTicket": {"ClientId": 999_999_999_999_999_u64}});
    let long_text =
        json!({"Type": "write_to_client", "WriteToClient": {"Search": "x".repeat(500)}});
    assert_eq!(
        log,
        [
            loaded,
            sent(&write),
            sent(&open),
            sent(&write),
            sent(&open),
            sent(&partly),
            sent(&long_id),
            sent(&long_text)
        ]
    );
}

#[test]
fn messages_of_anybody_else_do_nothing() {
    let stage = stage();
    let loaded = loaded(&stage.chat);
    let (incoming, write) =
        (fixture("postmessage.incoming.designed"), fixture("postmessage.write_to_client"));
    let log = stage.play(&format!(
        "const [open] = {incoming};
         for (const name of ['stranger', 'second-chat', 'second-crm']) {{
           await besideSays(name, open);
           await besideSays(name, {write});
         }}
         frames();
         await crmSays(open); frames();
         await chatSays({write});
         await chatSays(open); frames();"
    ));
    let frames = |count: u8| json!({"frames": count});
    assert_eq!(log, [loaded, frames(1), frames(1), json!({"card": "/client/crm-2001"}), frames(2)]);
}

#[test]
fn a_chat_that_went_elsewhere_is_neither_heard_nor_told() {
    let moved = || Stage { chat_goes: Way::ToStranger, query: "?search=crm-2001", ..stage() };
    let (incoming, write) =
        (fixture("postmessage.incoming.designed"), fixture("postmessage.write_to_client"));
    let scenario = format!("await crmSays({write}); await chatSays({incoming}[0]); frames();");
    assert_eq!(moved().play(&scenario), [json!({"frames": 1})], "the policy stops it");
    let stage = Stage { has_policy: false, ..moved() };
    let loaded = loaded(&stage.stranger);
    assert_eq!(stage.play(&scenario), [loaded, json!({"frames": 1})], "the origin stops it");
}

#[test]
fn what_is_asked_for_waits_until_the_operator_has_logged_in() {
    let stage = Stage { chat_goes: Way::ToLoginAndBack, query: "?search=crm-2001", ..stage() };
    let login = origin(&stage.stranger);
    let stage = stage.set("login-origins", &login);
    let (login, chat) = (loaded(&stage.stranger), loaded(&stage.chat));
    let sender = origin(&stage.page);
    let write = fixture("postmessage.write_to_client");
    let log = stage.play("await settle(); await settle();");
    assert_eq!(log, [login, chat, json!({"chat": write, "sender": sender})]);
}

#[test]
fn a_window_of_its_own_asks_the_chat_for_nothing() {
    let stage = Stage { query: "?search=crm-2001&client=21", ..stage() };
    let loaded = loaded(&stage.chat);
    let log = stage.play(
        "log('alone'); open(document.getElementById('embed').src); await settle(); await settle();",
    );
    let alone = log.iter().position(|entry| entry == "alone").unwrap();
    assert_eq!(log[alone + 1..], [loaded], "{log:?}");
    assert_eq!(log[..alone].len(), 3, "framed, it asks: {log:?}");
}

#[test]
fn a_stranger_cannot_frame_the_page() {
    let framed = || Stage { top_is_stranger: true, query: "?search=crm-2001", ..stage() };
    assert_eq!(framed().play("frames();"), [json!({"frames": 0})], "the policy stops it");
    // And where a browser did not know the policy, what it says would be nothing to the page.
    let stage = Stage { has_policy: false, query: "", ..framed() };
    let loaded = loaded(&stage.chat);
    let write = fixture("postmessage.write_to_client");
    assert_eq!(
        stage.play(&format!("await crmSays({write}); frames();")),
        [loaded, json!({"frames": 1})]
    );
}

#[test]
fn the_crms_own_window_is_told_where_it_opens_cards_itself() {
    let stage = stage().set("card-view", "message");
    let (loaded, crm) = (loaded(&stage.chat), origin(&stage.crm));
    let log = stage.play(&format!(
        "const [open, openFromTicket, close] = {};
         await chatSays(open); await chatSays(openFromTicket);
         await chatSays({{ ...openFromTicket, TicketId: 85 }});
         await chatSays(close); await chatSays(close);
         await chatSays({{ ...close, TicketId: 85 }}); frames();",
        fixture("postmessage.incoming.designed")
    ));
    let told = |kind: &str, ticket: Value| {
        let mut told = json!({"type": kind, "id": "crm-2001", "ticket": ticket});
        if kind == "patchbay.open-card" {
            told["url"] = format!("{crm}/client/crm-2001").into();
        }
        told
    };
    assert_eq!(
        log,
        [
            loaded,
            told("patchbay.open-card", Value::Null),
            told("patchbay.open-card", json!(84)),
            told("patchbay.open-card", json!(85)),
            told("patchbay.close-card", json!(84)),
            told("patchbay.close-card", json!(85)),
            json!({"frames": 1}),
        ]
    );
}

#[test]
fn a_card_opens_in_a_tab_of_its_own() {
    let stage = stage().set("card-view", "tab");
    let loaded = loaded(&stage.chat);
    let log = stage.play(&format!(
        "const [open, openFromTicket, close] = {};
         await chatSays(open); await chatSays(openFromTicket); await chatSays(close); await chatSays(openFromTicket); frames();",
        fixture("postmessage.incoming.designed")
    ));
    let visit = |visits: &str| json!({"card": "/client/crm-2001", "visit": visits});
    // The same tab twice; a new one after it was closed.
    assert_eq!(log, [loaded, visit("1"), visit("2"), visit("1"), json!({"frames": 1})]);
}
