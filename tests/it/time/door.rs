//! Timers at the door: the reply deadline, the windows of repeats, the rate of a webhook URL.

use hyper::{StatusCode, header};
use patchbay_ledger::Fault;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_sender_is_answered_at_the_deadline_with_the_crm_hanging_and_the_work_goes_on() {
    let journey = Journey::begin().await;
    journey.host.jivo_account(json!({ "plugin": "channel-jivo", "reply_deadline_ms": 2500 })).await;
    journey.ledger.fault_at(1, Fault::Hang);
    let answer = journey.send(chat(1));
    journey.called(1).await;
    // A tenth of the time and at most 100 ms are kept for the reply to be made.
    journey.pass(Duration::from_millis(2399)).await;
    assert!(!answer.is_finished(), "there is still time");

    journey.pass(MS).await;
    journey.come("the answer", async || answer.is_finished()).await;
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "result": "ok" })));
    let newest = journey.host.get("/events?limit=1").await;
    assert_eq!(newest["items"][0]["events"][0]["jobs"][0]["state"], "leased");

    journey.pass(Duration::from_secs(20)).await;
    journey
        .come("the work is done", async || {
            journey.pass(Duration::from_secs(1)).await;
            journey.ledger.count(patchbay_ledger::Kind::Contact) == 1
        })
        .await;
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_in_time_is_sent_at_once() {
    let journey = Journey::begin().await;
    let answer = journey.hook(chat(1)).await.json();
    assert!(answer["contact_info"].is_object(), "{answer}");
    journey.end().await;
}

/// Sends the same twice, with so much time between. Whether the second was taken for a repeat.
async fn is_repeat(journey: &Journey, body: &[u8], after: Duration) -> bool {
    journey.hook(body.to_vec()).await;
    journey.rest().await;
    time::advance(after).await;
    journey.hook(body.to_vec()).await;
    let newest = journey.host.get("/events?limit=1").await;
    journey.pass(MS).await;
    newest["items"][0]["events"][0]["duplicate"].as_bool().unwrap()
}

/// Senders are answered at once.
async fn hasty(journey: &Journey) {
    let account = json!({ "plugin": "channel-jivo", "reply_deadline_ms": 0 });
    journey.host.jivo_account(account).await;
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_known_to_the_end_of_its_window_and_not_a_microsecond_longer() {
    const MICROSECOND: Duration = Duration::from_micros(1);
    let journey = Journey::with(|config| {
        config.intake.dedup_window_s = 100.try_into().unwrap();
        config.intake.content_dedup_window_s = 10.try_into().unwrap();
    })
    .await;
    hasty(&journey).await;
    let key = Duration::from_secs(100);
    assert!(is_repeat(&journey, &chat(1), key - MICROSECOND).await);
    assert!(is_repeat(&journey, &chat(2), key).await, "the window's end belongs to it");
    assert!(!is_repeat(&journey, &chat(3), key + MICROSECOND).await);

    let content = Duration::from_secs(10);
    let update = |client: u32| {
        let mut update: Value = serde_json::from_slice(&chat(client)).unwrap();
        update["event_name"] = json!("chat_updated");
        update.to_string().into_bytes()
    };
    assert!(is_repeat(&journey, &update(4), content - MICROSECOND).await);
    assert!(is_repeat(&journey, &update(5), content).await);
    assert!(!is_repeat(&journey, &update(6), content + MICROSECOND).await);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_repeat_does_not_make_the_window_longer() {
    let journey = Journey::with(|config| {
        config.intake.dedup_window_s = 100.try_into().unwrap();
    })
    .await;
    hasty(&journey).await;
    assert!(is_repeat(&journey, &chat(1), Duration::from_mins(1)).await);
    journey.pass(Duration::from_secs(41)).await;
    journey.hook(chat(1)).await;
    let newest = journey.host.get("/events?limit=1").await;
    assert_eq!(newest["items"][0]["events"][0]["duplicate"], false);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_url_takes_its_rate_and_tells_when_to_come_again() {
    let journey = Journey::begin().await;
    let rate = json!({ "per_second": 0.5, "burst": 1 });
    journey.host.jivo_account(json!({ "plugin": "channel-jivo", "webhook_rate": rate })).await;
    let knock = async || {
        let answer = journey.hook(chat(1)).await;
        let wait =
            answer.headers.get(header::RETRY_AFTER).map(|it| it.to_str().unwrap().to_owned());
        (answer.status, wait)
    };
    assert_eq!(knock().await, (StatusCode::OK, None));
    assert_eq!(knock().await, (StatusCode::TOO_MANY_REQUESTS, Some("2".to_owned())));
    journey.pass(Duration::from_secs(2) - MS).await;
    assert_eq!(knock().await, (StatusCode::TOO_MANY_REQUESTS, Some("1".to_owned())));
    journey.pass(MS).await;
    assert_eq!(knock().await, (StatusCode::OK, None), "those turned away took no turn");
    journey.end().await;
}
