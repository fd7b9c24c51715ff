//! What a CRM tells of itself is kept for a while, and then asked for again.

use patchbay_ledger::{Endpoint, Fault};

use super::*;

const FIELDS_KEPT: Duration = Duration::from_mins(5);
const MANAGERS_KEPT: Duration = Duration::from_mins(2);
const SILENCE_KEPT: Duration = Duration::from_secs(30);

impl Journey {
    /// A CRM that is asked for its fields, and for its managers when a client is new.
    async fn asking() -> Self {
        let journey = Self::begin().await;
        journey.ledger.set_managers(&json!([{ "id": "m1", "name": "Vera Example" }]));
        journey.ledger.set_contact_fields(&json!([{ "key": "tier", "type": "text" }]));
        let mut account = crate::harness::ledger_account(&journey.ledger);
        account["settings"]["asks-for-fields"] = json!("true");
        journey.host.put("/accounts/ledger", account).await;
        let pool = json!({ "crm": "ledger", "strategy": "round-robin",
            "members": [{ "manager": "m1" }] });
        journey.host.put("/pools/sales", pool).await;
        let integration = json!({ "channel": "jivo", "crm": "ledger",
            "rules": { "responsible": { "pool": "sales" } } });
        journey.host.put("/integrations/jivo-to-ledger", integration).await;
        journey
    }

    /// A new client comes and is done. How often the CRM was asked for this by then.
    async fn asked(&self, client: u32, endpoint: Endpoint) -> u64 {
        let event = self.chat(client).await;
        assert_eq!(self.attempted(event, 1).await.state, JobState::Done);
        self.ledger.calls_of(endpoint)
    }

    /// Passes until the moment when `kept` has gone by since `from`, less `early`.
    async fn pass_to(&self, from: Timestamp, kept: Duration, early: Duration) {
        let then = from.checked_add(kept).unwrap();
        self.pass(self.until(then) - early).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fields_are_asked_for_again_after_five_minutes() {
    let journey = Journey::asking().await;
    let from = journey.now();
    assert_eq!(journey.asked(1, Endpoint::Fields).await, 1);
    journey.pass_to(from, FIELDS_KEPT, 2 * MS).await;
    assert_eq!(journey.asked(2, Endpoint::Fields).await, 1);
    journey.pass(LATE).await;
    assert_eq!(journey.asked(3, Endpoint::Fields).await, 2);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn managers_are_asked_for_again_after_two_minutes() {
    let journey = Journey::asking().await;
    let from = journey.now();
    assert_eq!(journey.asked(1, Endpoint::Managers).await, 1);
    journey.pass_to(from, MANAGERS_KEPT, 2 * MS).await;
    assert_eq!(journey.asked(2, Endpoint::Managers).await, 1);
    journey.pass(LATE).await;
    assert_eq!(journey.asked(3, Endpoint::Managers).await, 2);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_crm_that_refuses_to_tell_is_asked_again_after_half_a_minute() {
    let journey = Journey::asking().await;
    for endpoint in [Endpoint::Fields, Endpoint::Managers] {
        journey.ledger.fault_on(endpoint, 1, Fault::Status(422));
    }
    let from = journey.now();
    let asked = async |client| {
        let fields = journey.asked(client, Endpoint::Fields).await;
        (fields, journey.ledger.calls_of(Endpoint::Managers))
    };
    assert_eq!(asked(1).await, (1, 1));
    journey.pass_to(from, SILENCE_KEPT, 2 * MS).await;
    assert_eq!(asked(2).await, (1, 1));
    journey.pass(LATE).await;
    assert_eq!(asked(3).await, (2, 2));
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_card_is_its_jobs_own_while_the_crm_is_asked_for_its_fields() {
    let journey = Journey::asking().await;
    let integration = json!({ "channel": "jivo", "crm": "ledger",
        "rules": { "mapping": [{ "field": "contact.tier", "value": "gold" }] } });
    journey.host.put("/integrations/jivo-to-ledger", integration).await;
    journey.ledger.add_contact(&json!({
        "identifiers": ["phone:+79000000001", "phone:+79000000002"], "fields": { "name": "Anna" },
    }));
    journey.ledger.fault_on(Endpoint::Fields, 1, Fault::Hang);
    let first = journey.chat(1).await;
    let asks = async || journey.ledger.calls_of(Endpoint::Fields) == 1;
    journey.come("the first job asks for the fields", asks).await;

    let second = journey.chat(2).await;
    assert_eq!(journey.attempted(second, 1).await.state, JobState::Pending);
    assert_eq!(journey.ledger.calls_of(Endpoint::UpdateContact), 0);
    // The default of `egress.timeout_ms`.
    journey.pass(Duration::from_secs(10) + LATE).await;
    journey.attempted(first, 1).await;
    journey.end().await;
}
