//! Where plugins come from: who signed them, what a change of the keys does, and what they say of
//! themselves.

use std::fs;

use blake2::{Blake2b512, Digest as _};
use hyper::{Method, Request, StatusCode, header};
use patchbay::{
    base64,
    config::{Config, Profile, TrustedKey},
    signature::PublicKey,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::{
    backend::{Backend, on_every_backend},
    cli::{assert_sentence, text},
    harness::{Answer, TestHost},
    program::Site,
    remote::remote,
    versions::guest,
};

on_every_backend!(
    only_what_a_trusted_key_signed_is_installed,
    a_key_that_is_trusted_no_more_takes_its_plugins_out_of_use,
    a_signature_that_comes_later_brings_an_unsigned_plugin_back,
    a_signature_of_other_bytes_in_the_database_lets_nothing_in,
);

/// Signs as minisign does, by other code than what verifies.
struct Signer {
    id: [u8; 8],
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self { id: [seed; 8], pair }
    }

    fn public_key(&self) -> String {
        base64::encode(&[b"Ed", self.id.as_slice(), self.pair.public_key().as_ref()].concat())
    }

    fn trusted(&self, name: &str) -> TrustedKey {
        let key = PublicKey::parse(&self.public_key()).unwrap();
        TrustedKey { name: name.to_owned(), key }
    }

    /// The text of the file beside what was signed.
    fn sign(&self, bytes: &[u8], comment: &str) -> String {
        let signature = self.pair.sign(&Blake2b512::digest(bytes));
        let global = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let signature = [b"ED", self.id.as_slice(), signature.as_ref()].concat();
        let (signature, global) = (base64::encode(&signature), base64::encode(global.as_ref()));
        format!("untrusted comment: \n{signature}\ntrusted comment: {comment}\n{global}\n")
    }
}

/// A host that takes what `key` signed and nothing else.
async fn strict(backend: &Backend, signer: &Signer) -> TestHost {
    TestHost::with(|config| {
        backend.configure(config);
        strictly(config, signer);
    })
    .await
}

fn strictly(config: &mut Config, signer: &Signer) {
    config.profile = Profile::Production;
    config.trust.keys = vec![signer.trusted("example")];
}

async fn push(host: &TestHost, bytes: Vec<u8>, signatures: &[&str]) -> Answer {
    let mut request = Request::post(format!("{}/api/v1/plugins", host.url()))
        .header(header::AUTHORIZATION, format!("bearer {}", host.token()));
    for signature in signatures {
        request = request.header("patchbay-signature", base64::encode(signature.as_bytes()));
    }
    host.send(request.body(http_body_util::Full::new(bytes.into())).unwrap()).await
}

async fn versions(host: &TestHost) -> Vec<Value> {
    host.get("/plugins/guest-version/versions").await["items"].as_array().unwrap().clone()
}

/// What the webhook URL of this token answers.
async fn asked(host: &TestHost, token: &str) -> StatusCode {
    host.hook(&format!("{}/hooks/{token}?probe", host.url()), "{}").await.status
}

async fn with_account(host: &TestHost) -> String {
    let account = host.put("/accounts/shop", json!({ "plugin": "guest-version" })).await;
    account["webhook_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn only_what_a_trusted_key_signed_is_installed(backend: Backend) {
    let (signer, stranger) = (Signer::new(7), Signer::new(8));
    let host = strict(&backend, &signer).await;
    let (bytes, comment) = (guest("good"), "good, of the Example Adapters");
    let good = signer.sign(&bytes, comment);
    let forged = stranger.sign(&bytes, comment).replace('\n', "\r\n");
    let edited = good.replace("good, of", "best, of");

    for (bytes, signatures, status, told) in [
        (
            bytes.clone(),
            vec![],
            422,
            "the plugin is refused: it is not signed, and this host takes",
        ),
        (
            bytes.clone(),
            vec![forged.as_str()],
            422,
            "by the key 0808080808080808, which is none of",
        ),
        (
            guest("good-2"),
            vec![good.as_str()],
            422,
            "key is `example` of `trust.keys`, but the sig",
        ),
        (bytes.clone(), vec![edited.as_str()], 422, "the signature does not fit: the bytes, the"),
        (bytes.clone(), vec!["nonsense"], 422, "not in the format of minisign: it has not four"),
        (bytes.clone(), vec![good.as_str(), good.as_str()], 400, "`patchbay-signature` is no file"),
    ] {
        let refused = push(&host, bytes, &signatures).await;
        let title = refused.json()["title"].as_str().unwrap().to_owned();
        assert_eq!(refused.status.as_u16(), status, "{title}");
        assert!(title.contains(told), "{title}");
    }
    assert_eq!(host.get("/plugins").await["items"], json!([]), "nothing was installed");

    let installed = push(&host, bytes, &[&good]).await;
    assert_eq!(installed.status, StatusCode::CREATED, "{installed:?}");
    let told = host.get("/audit?limit=1").await["items"][0]["detail"].clone();
    assert!(told.as_str().unwrap().ends_with(": active, signed by example"), "{told}");
    let signature = &versions(&host).await[0]["signature"];
    let shown = (&signature["key"], &signature["key_id"], &signature["comment"]);
    assert_eq!(shown, (&json!("example"), &json!("0707070707070707"), &json!(comment)));
    assert_eq!(signature["file"], json!(good), "anybody may verify it again");
    host.stop().await;
}

async fn a_key_that_is_trusted_no_more_takes_its_plugins_out_of_use(backend: Backend) {
    let signer = Signer::new(7);
    let mut host = strict(&backend, &signer).await;
    let bytes = guest("good");
    push(&host, bytes.clone(), &[&signer.sign(&bytes, "good")]).await;
    let token = with_account(&host).await;
    assert_eq!(asked(&host, &token).await, StatusCode::OK);
    assert_eq!(versions(&host).await[0]["refused"], Value::Null);

    host.restart_with(|config| config.trust.keys = vec![Signer::new(9).trusted("next")]).await;
    assert_eq!(asked(&host, &token).await, StatusCode::SERVICE_UNAVAILABLE, "it may come again");
    let told = versions(&host).await[0]["refused"].as_str().unwrap().to_owned();
    let key = "it is signed by the key 0707070707070707, which is none of `trust.keys`: add its";
    assert!(told.starts_with(key), "{told}");
    let digest = versions(&host).await[0]["digest"].clone();
    let choice = json!({ "digest": digest }).to_string();
    let refused = host.api(Method::POST, "/plugins/guest-version/activate", choice).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");

    host.restart_with(|config| strictly(config, &signer)).await;
    assert_eq!(asked(&host, &token).await, StatusCode::OK, "the key is back");
    host.stop().await;
}

/// What the audit log tells of signatures: who, of which plugin, and what.
async fn told_of_signatures(host: &TestHost) -> Vec<(Value, Value, String)> {
    let lines = host.get("/audit").await["items"].as_array().unwrap().clone();
    let told = lines.iter().filter_map(|line| {
        let what = line["detail"].as_str()?.split_once(": signed by ")?.1.to_owned();
        assert_eq!((&line["action"], &line["status"]), (&json!("POST /plugins"), &json!(200)));
        Some((line["who"].clone(), line["subject"].clone(), what))
    });
    told.collect()
}

async fn a_signature_that_comes_later_brings_an_unsigned_plugin_back(backend: Backend) {
    let (signer, folder) = (Signer::new(7), tempfile::tempdir().unwrap());
    let bytes = guest("good");
    fs::write(folder.path().join("guest.wasm"), &bytes).unwrap();
    let mut host = TestHost::with(|config| {
        backend.configure(config);
        config.plugins = Some(folder.path().to_owned());
    })
    .await;
    let token = with_account(&host).await;
    assert_eq!(asked(&host, &token).await, StatusCode::OK, "the profile `dev` lets it in");
    assert_eq!(versions(&host).await[0]["signature"], Value::Null);

    host.restart_with(|config| strictly(config, &signer)).await;
    assert_eq!(asked(&host, &token).await, StatusCode::SERVICE_UNAVAILABLE);
    let told = versions(&host).await[0]["refused"].clone();
    assert!(told.as_str().unwrap().starts_with("it is not signed"), "{told}");

    let file = signer.sign(&bytes, "signed at last");
    fs::write(folder.path().join("guest.wasm.minisig"), file).unwrap();
    host.restart().await;
    assert_eq!(asked(&host, &token).await, StatusCode::OK);
    assert_eq!(versions(&host).await[0]["signature"]["comment"], "signed at last");
    let digest = versions(&host).await[0]["digest"].as_str().unwrap().to_owned();
    let subject = json!(format!("plugins/guest-version/{digest}"));
    let line = (json!("host"), subject, "example".to_owned());
    assert_eq!(told_of_signatures(&host).await, std::slice::from_ref(&line));
    host.restart().await;
    assert_eq!(told_of_signatures(&host).await, [line], "what is signed already is no change");
    host.restart_with(|config| config.profile = Profile::Dev).await;
    let again = push(&host, bytes, &[]).await;
    assert_eq!(again.json()["signature"]["key"], "example", "it keeps the signature that it had");
    host.stop().await;
}

async fn a_signature_of_other_bytes_in_the_database_lets_nothing_in(backend: Backend) {
    let signer = Signer::new(7);
    let mut host = strict(&backend, &signer).await;
    let bytes = guest("good");
    push(&host, bytes.clone(), &[&signer.sign(&bytes, "good")]).await;
    let token = with_account(&host).await;
    // Somebody who writes into the database swaps the bytes and all that is said of them.
    let stored = &host.host().state.stores.versions;
    let mut version = stored.versions().await.unwrap().pop().unwrap();
    let other = guest("good-2");
    version.record.digest = patchbay::id::Digest::of(&other);
    let digest = version.record.digest;
    stored.put_version(version, other).await.unwrap();

    let choice = json!({ "digest": digest.to_string() }).to_string();
    let refused = host.api(Method::POST, "/plugins/guest-version/activate", choice).await;

    let title = refused.json()["title"].as_str().unwrap().to_owned();
    assert!(title.contains("the signature does not fit: the bytes"), "{title}");
    host.restart().await;
    assert_eq!(asked(&host, &token).await, StatusCode::OK, "what was signed goes on");
    host.stop().await;
}

#[tokio::test]
async fn a_push_takes_the_signature_along_that_lies_beside_the_file() {
    let signer = Signer::new(7);
    let key = signer.public_key();
    let trust = format!(
        "[trust]\nkeys = [{{ name = \"example\", key = \"{key}\" }}]\nunsigned = \"refuse\"\n"
    );
    let mut site = Site::new(&[], &trust);
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let (file, signature) = (site.path("guest.wasm"), site.path("elsewhere"));
    let bytes = guest("good");
    fs::write(&file, &bytes).unwrap();
    fs::write(&signature, signer.sign(&bytes, "by hand")).unwrap();
    let run = async |command: &[&str]| site.run(&remote(&program, &token, command)).await;

    assert_sentence(&run(&["plugin", "push", text(&file)]).await, 65, &["it is not signed"]);
    let given = ["plugin", "push", text(&file), "--signature", text(&signature)];
    let pushed = run(&given).await;
    assert_eq!(pushed.code, Some(0), "{pushed:?}");
    let shown = run(&["plugin", "versions", "guest-version"]).await.stdout;
    assert!(shown.ends_with("\n  signed by example: by hand\n"), "{shown}");

    let bytes = guest("good-2");
    fs::write(&file, &bytes).unwrap();
    assert_sentence(&run(&given).await, 65, &["the signature does not fit"]);
    fs::write(site.path("guest.wasm.minisig"), signer.sign(&bytes, "beside\tit")).unwrap();
    assert_eq!(run(&["plugin", "push", text(&file)]).await.code, Some(0));
    let shown = run(&["plugin", "versions", "guest-version"]).await.stdout;
    assert!(shown.contains("\n  signed by example: beside it\n"), "{shown}");
    fs::write(&signature, "no signature").unwrap();
    assert_sentence(&run(&given).await, 65, &["elsewhere` cannot be used", "not four lines"]);
    assert_sentence(
        &run(&["plugin", "push", "x", "--signature", "/nowhere"]).await,
        65,
        &["/nowhere"],
    );
}

/// The component with a custom section at its end, as `cargo xtask plugins` leaves one.
fn with_parts(mut bytes: Vec<u8>, list: &[u8]) -> Vec<u8> {
    let body = [b"\x0dpatchbay:sbom", list].concat();
    let (low, high) = (body.len() % 128, body.len() / 128);
    bytes.extend([0, u8::try_from(low).unwrap() | 0x80, u8::try_from(high).unwrap()]);
    bytes.extend(body);
    bytes
}

#[tokio::test]
async fn what_a_plugin_says_it_is_made_of_is_listed_and_a_lie_is_only_a_remark() {
    let mut site = Site::new(&[], "");
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let file = site.path("guest.wasm");
    let run = async |command: &[&str]| {
        let ended = site.run(&remote(&program, &token, command)).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let list = include_bytes!("../fixtures/sbom/crm-example.json");

    fs::write(&file, with_parts(guest("good"), list)).unwrap();
    run(&["plugin", "push", text(&file)]).await;

    let brief = run(&["plugin", "list"]).await;
    assert_eq!(brief.lines().count(), 1, "{brief}");
    let told = run(&["plugin", "list", "--verbose"]).await;
    for line in [
        "\n  not signed\n",
        "\n  says of itself (nobody vouches for this): commit 0123456789abcdef0123456789abcdef01234567, with changes of no commit, rustc 1.95.0 (example 2026-01-01), profile guest, parts: 2\n",
        "\n    itoa 1.0.15, MIT OR Apache-2.0\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let listed = program.get("/plugins").await["items"][0]["origin"].clone();
    assert_eq!((&listed["profile"], &listed["parts"]), (&json!("guest"), &Value::Null));

    for lie in [b"nonsense".as_slice(), b"{\"bomFormat\":\"CycloneDX\",\"components\":7}"] {
        fs::write(&file, with_parts(guest("good-2"), lie)).unwrap();
        run(&["plugin", "push", text(&file)]).await;
        let told = run(&["plugin", "list", "--verbose"]).await;
        let remark =
            "\n  does not say what it is made of: its list of parts is not right at line 1";
        assert!(told.contains(remark), "{told}");
    }
    fs::write(&file, with_parts(with_parts(guest("good"), list), list)).unwrap();
    run(&["plugin", "push", text(&file)]).await;
    let told = run(&["plugin", "list", "--verbose"]).await;
    assert!(told.contains(": it has more than one list of its parts\n"), "{told}");
}
