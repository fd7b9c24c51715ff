//! Another vendor's body on the URL of each channel: refused or ignored, never a fault of the host.

use serde_json::json;

use super::{
    fixture::Folder,
    generic::GENERIC,
    iqchannels::IQCHANNELS,
    jivo::JIVO,
    livetex::LIVETEX,
    ringostat::RINGOSTAT,
    sendpulse::SENDPULSE,
    stage::{Channel, Stage},
};

const ALL: [(&str, Folder); 6] = [
    ("jivo", JIVO),
    ("sendpulse", SENDPULSE),
    ("ringostat", RINGOSTAT),
    ("livetex", LIVETEX),
    ("iqchannels", IQCHANNELS),
    ("generic", GENERIC),
];

#[tokio::test]
async fn the_body_of_another_vendor_is_never_a_fault_and_never_a_card() {
    for (vendor, _) in ALL {
        let stage = Stage::new().await;
        let secrets = if vendor == "ringostat" {
            json!({ "url-key": "fake-ringostat-key-000" })
        } else {
            json!({})
        };
        let channel = Channel {
            vendor,
            secrets,
            options: json!({ "deals": true, "tasks": true, "notes": true }),
            ..Channel::default()
        };
        let url = stage.join(channel).await;
        for (other, folder) in ALL.into_iter().filter(|(other, _)| *other != vendor) {
            for name in folder.requests() {
                let answer = stage.host.send(folder.request(&name, &url)).await;
                assert!(answer.status.as_u16() < 500, "{other} {name} to {vendor}: {answer:?}");
                stage.host.idle().await;
                let contacts = stage.all("contacts");
                assert!(contacts.is_empty(), "{other} {name} to {vendor}: {contacts:#?}");
            }
        }
        let letters = stage.host.get("/dead-letters").await;
        assert_eq!(letters["items"], json!([]), "{vendor}");
        stage.host.stop().await;
    }
}
