//! A function in the place of the network, behind the same door.

use std::sync::Mutex;

use hyper::Request;

use super::*;

#[tokio::test]
async fn what_answers_in_the_place_of_the_network_is_asked_and_scrubbed_as_a_server_is() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let answers: Arc<Answers> = Arc::new(move |request: &Request<Bytes>| {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        kept.lock().unwrap().push(format!("{} {} {body}", request.method(), request.uri()));
        Incoming {
            status: 201,
            headers: vec![("x-echo".to_owned(), "s3cret value".to_owned())],
            body: body.into_bytes(),
        }
    });
    let place = "https://crm.example.test";
    let mut account = account(&[(place, false)]);
    account.secrets.insert("api-key".to_owned(), Secret::new("s3cret value".to_owned()));
    let manifest = manifest(&[place], vec![setting("api-key", true, None)]);
    let peer = Arc::new(Answering(answers));
    let door = egress().door_to(&manifest, &account, peer).unwrap();
    let placeholder = door.setting("api-key").unwrap();

    let request = Outgoing {
        method: "POST".to_owned(),
        body: placeholder.clone().into_bytes(),
        ..get(&format!("{place}/a?key={placeholder}"))
    };
    let answer = door.fetch(request).await.unwrap();
    let elsewhere = door.fetch(get("https://elsewhere.example.test/")).await;

    assert_eq!(
        *asked.lock().unwrap(),
        ["POST https://crm.example.test/a?key=s3cret%20value s3cret value"]
    );
    assert_eq!((answer.status, answer.body), (201, placeholder.clone().into_bytes()));
    assert_eq!(answer.headers, [("x-echo".to_owned(), placeholder)]);
    assert!(matches!(elsewhere, Err(FetchError::Denied(_))), "{elsewhere:?}");
}
