//! Every moment of Ringostat's calls: who is told before a call is taken, and what stands in Tryton after it.

use super::*;

/// The employee who looks after whoever has nobody.
const PETRO: &str = "2";

/// A client whom the company knows, one who calls for the first time, and one whom the company calls.
const KNOWN: u64 = 1;
const NEW: u64 = 2;
const CALLED: u64 = 3;

fn number(client: u64) -> String {
    format!("+7900{client:07}")
}

impl Site {
    /// Calls are followed up by all that an integration has.
    async fn with_calls() -> Self {
        let options = json!({ "deals": true, "tasks": true, "notes": true });
        let rules = json!({ "phone": { "country": "RU" }, "responsible": { "default": PETRO } });
        Self::open(options, rules).await
    }

    /// A client with an open deal, made by hand. Gives the ids of both.
    fn add_known_client(&self) -> (u64, u64) {
        let mechanism = json!({ "type": "phone", "value": number(KNOWN) });
        let party = json!({
            "name": "Anna Known",
            "contact_mechanisms": [["create", [mechanism]]],
        });
        let party = self.ask("POST", "party.party?f=name", party.to_string().as_bytes());
        let party = party["id"].as_u64().unwrap();
        let deal = json!({ "party": party, "company": 1, "employee": 2, "description": "Lamps" });
        let deal = self.ask("POST", "sale.opportunity?f=state", deal.to_string().as_bytes());
        (party, deal["id"].as_u64().unwrap())
    }

    /// Sends a moment of a call twice, waits for what comes of it, and gives both answers.
    async fn moment(&self, moment: &str, file: &str, client: u64, call_id: &str) -> [Value; 2] {
        let mut body = call(file, client);
        body["uniqueid"] = json!(call_id);
        let url = format!("{}&event={moment}", self.ringostat);
        let mut answers = [Value::Null, Value::Null];
        for told in &mut answers {
            let answer = self.host.hook(&url, body.to_string()).await;
            assert_eq!(answer.status, StatusCode::OK, "{moment}: {answer:?}");
            self.host.idle().await;
            *told = answer.json();
        }
        answers
    }

    /// The same for moments whose answer is empty.
    async fn told(&self, moment: &str, file: &str, client: u64, call_id: &str) {
        let answers = self.moment(moment, file, client, call_id).await;
        assert_eq!(answers, [json!({}), json!({})], "{moment}");
    }

    /// Whose each note is, and its text without its mark.
    fn notes(&self) -> Vec<(String, String)> {
        let notes = self.all("ir.note?f=message&f=resource");
        let note = |note: &Value| {
            let (text, mark) = note["message"].as_str().unwrap().rsplit_once('\n').unwrap();
            assert!(mark.starts_with("[patchbay:"), "{mark}");
            (note["resource"].as_str().unwrap().to_owned(), text.to_owned())
        };
        notes.iter().map(note).collect()
    }

    /// The party with this client's number: there is one.
    fn party_of(&self, client: u64) -> u64 {
        let parties = self.all("party.party?f=contact_mechanisms.value");
        let has_number = |party: &&Value| {
            let mechanisms = party["contact_mechanisms"].as_array().unwrap();
            mechanisms.iter().any(|it| it["value"] == number(client))
        };
        let ids: Vec<_> =
            parties.iter().filter(has_number).map(|party| party["id"].as_u64().unwrap()).collect();
        let [id] = ids[..] else { panic!("{client} has the parties {ids:?}") };
        id
    }
}

/// What the answer to the beginning of a call holds: the client, Petro if `is_looked_after`.
fn shown(site: &Site, party: u64, client: &Value, is_looked_after: bool) -> Value {
    let mut answer = json!({
        "client": client,
        "card_url": format!("{}/#crm/model/party.party/{party}", site.tryton.at.url),
        "lines": [],
    });
    if is_looked_after {
        answer["manager"] = json!({ "name": "Petro Seller", "email": "petro.seller@example.test" });
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_call_is_taken_the_channel_is_told_who_calls_and_whose_client_it_is() {
    let site = Site::with_calls().await;
    let (party, _) = site.add_known_client();

    let known = site.moment("before_call", "before_call", KNOWN, "ua1-1760000000.1").await;
    let new = site.moment("before_call", "before_call", NEW, "ua1-1760000000.2").await;
    site.told("after_call", "after_call.missed", NEW, "ua1-1760000000.2").await;
    let again = site.moment("before_call", "before_call", NEW, "ua1-1760000000.3").await;

    let client = json!({ "name": "Anna Known", "phone": number(KNOWN) });
    let expected = shown(&site, party, &client, true);
    assert_eq!(known, [expected.clone(), expected]);
    let (party, client) = (site.party_of(NEW), json!({ "phone": number(NEW) }));
    let expected = shown(&site, party, &client, false);
    assert_eq!(new, [expected.clone(), expected], "a card without a name, and nobody's client yet");
    let expected = shown(&site, party, &client, true);
    assert_eq!(again, [expected.clone(), expected], "whoever has the deal looks after the client");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_moment_of_a_call_stands_in_a_real_tryton_once() {
    let site = Site::with_calls().await;
    let (party, deal) = site.add_known_client();
    let id = "ua1-1760000000.1";
    site.moment("before_call", "before_call", KNOWN, id).await;
    site.told("forward_step", "forward_step", KNOWN, id).await;
    site.told("answered", "answered", KNOWN, id).await;
    assert_eq!(site.notes(), [], "a call that goes on leaves nothing");
    site.told("after_call", "after_call.answered", KNOWN, id).await;
    site.told("rating_menu", "rating_menu", KNOWN, id).await;
    let id = "ua1-1760000000.2";
    site.moment("before_call", "before_call", NEW, id).await;
    site.told("after_call", "after_call.missed", NEW, id).await;
    site.told("after_call", "after_call.callback", NEW, "ua1-1760000000.3").await;
    site.told("after_outgoing", "after_outgoing", CALLED, "ua1-1760000000.4").await;
    site.told("after_outgoing", "after_outgoing", KNOWN, "ua1-1760000000.5").await;

    assert_eq!(site.party_of(KNOWN), party);
    let (new, called) = (site.party_of(NEW), site.party_of(CALLED));
    let deals = site.all("sale.opportunity?f=party&f=employee");
    let told: Vec<_> =
        deals.iter().map(|it| (it["party"].as_u64(), it["employee"].as_u64())).collect();
    assert_eq!(told, [(Some(party), Some(2)), (Some(new), Some(2))], "a call of ours opens none");
    let (known, new) = (deal, deals[1]["id"].as_u64().unwrap());
    let (known, new) = (format!("sale.opportunity,{known}"), format!("sale.opportunity,{new}"));
    let (petro, called) = ("Agent: manager1_10000", format!("party.party,{called}"));
    let recording = "https://app.ringostat.example/recordings/ua1-1760000000.100001.mp3";
    let expected = [
        (&known, "The client has come again\nThe deal \u{201c}Lamps\u{201d} is open.".to_owned()),
        (
            &known,
            format!(
                "Incoming call\nClient: 79000000001\nAgent: 101\nLine: 380440000900\nStatus: PROPER\n\
                 Duration: 1:35\nRecording: {recording}\nCall: ua1-1760000000.1"
            ),
        ),
        (&new, "Call back\n79000000002".to_owned()),
        (
            &new,
            "Missed call\nClient: 79000000002\nLine: 380440000900\nStatus: NO ANSWER\nDuration: 0:00\n\
             Call: ua1-1760000000.2"
                .to_owned(),
        ),
        (&new, "The client has come again\nThe deal \u{201c}Call\u{201d} is open.".to_owned()),
        (
            &new,
            "Incoming call\nClient: 79000000002\nLine: 380440000900\nStatus: ANSWERED\nDuration: 1:01\n\
             Call: ua1-1760000000.3"
                .to_owned(),
        ),
        (
            &called,
            format!(
                "Outgoing call\nClient: 79000000003\n{petro}\nStatus: ANSWERED\nDuration: 0:40\n\
                 Call: ua1-1760000000.4"
            ),
        ),
        (
            &known,
            format!(
                "Outgoing call\nClient: 79000000001\n{petro}\nStatus: ANSWERED\nDuration: 0:40\n\
                 Call: ua1-1760000000.5"
            ),
        ),
    ];
    let expected = expected.map(|(owner, text)| (owner.clone(), text));
    assert_eq!(site.notes(), expected);
    site.close().await;
}
