//! One client over three channels, in any order and as often as it pleases the senders.

use patchbay_ledger::Draw;
use serde_json::{Value, json};

use super::{
    fixture::Folder,
    generic::GENERIC,
    jivo::JIVO,
    sendpulse::SENDPULSE,
    stage::{Channel, Stage},
};

const ROUNDS: u64 = 8;

/// All of it is told of one person, who has one phone.
const EVENTS: [(&str, Folder, &str); 8] = [
    ("jivo", JIVO, "chat_accepted.user_token"),
    ("jivo", JIVO, "chat_finished.two_agents"),
    ("jivo", JIVO, "client_updated.legacy_contacts"),
    ("jivo", JIVO, "chat_accepted.known_by_email"),
    ("sendpulse", SENDPULSE, "flow_webhook.telegram"),
    ("sendpulse", SENDPULSE, "run_custom_flow"),
    ("sendpulse", SENDPULSE, "incoming_message.telegram"),
    ("generic", GENERIC, "lead.json"),
];

/// The body with the contacts of the one client.
fn of_one_client(folder: Folder, name: &str) -> String {
    let body = String::from_utf8(folder.bytes(&format!("{name}.json"))).unwrap();
    let phones = ["+380440000001", "+7 900 000-01-51"];
    let emails = ["olena@example.com", "common@example.com"];
    let body = phones.iter().fold(body, |body, phone| body.replace(phone, "+79000000001"));
    emails.iter().fold(body, |body, email| body.replace(email, "alina.testova@example.com"))
}

#[tokio::test]
async fn no_order_and_no_repetition_makes_a_second_card_or_deal() {
    for seed in 0..ROUNDS {
        let mut draw = Draw::new(seed);
        let stage = Stage::new().await;
        let mut urls = Vec::new();
        for vendor in ["jivo", "sendpulse", "generic"] {
            let options = json!({ "deals": true, "tasks": true, "notes": true });
            let channel = Channel { vendor, options, ..Channel::default() };
            urls.push((vendor, stage.join(channel).await));
        }
        // Each at least once, and as many again by chance, some of them at the same time.
        let mut order: Vec<usize> = (0..EVENTS.len()).collect();
        order.extend((0..EVENTS.len()).map(|_| draw.place(EVENTS.len())));
        for place in (1..order.len()).rev() {
            order.swap(place, draw.place(place + 1));
        }
        for pair in order.chunks(2) {
            let sent = pair.iter().map(|place| {
                let (vendor, folder, name) = EVENTS[*place];
                let url = &urls.iter().find(|(of, _)| *of == vendor).unwrap().1;
                stage.host.hook(url, of_one_client(folder, name))
            });
            for answer in futures(sent).await {
                assert!(answer.status.is_success(), "seed {seed}: {answer:?}");
            }
        }
        stage.host.idle().await;
        assert_eq!(stage.counts()[0], 1, "seed {seed}: {:#?}", stage.all("contacts"));
        assert_eq!(stage.counts()[1], 1, "seed {seed}: {:#?}", stage.all("deals"));
        assert_eq!(transcripts(&stage), 1, "seed {seed}");
        stage.close().await;
    }
}

fn transcripts(stage: &Stage) -> usize {
    let is_transcript = |note: &&Value| note["transcript"].is_object();
    stage.all("notes").iter().filter(is_transcript).count()
}

/// Both answers of a pair that was sent at once.
async fn futures<T>(both: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut both = both.map(Box::pin);
    match (both.next(), both.next()) {
        (Some(one), Some(other)) => {
            let (one, other) = tokio::join!(one, other);
            vec![one, other]
        }
        (Some(one), None) => vec![one.await],
        _ => Vec::new(),
    }
}
