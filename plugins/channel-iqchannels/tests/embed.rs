//! The embedded page in a real browser: a CRM that frames it, the chat within it, and a stranger, each with an origin of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use channel_iqchannels::IqChannels;
use patchbay_sdk::ChannelPage as _;
use patchbay_sdk::testing::Host;
use serde_json::{Value, json};

/// The names of Chromium on the systems that it comes with.
const BROWSERS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome-headless-shell",
];

/// Tells the window on top what arrives, and says to the page above what the test wants said.
const CHAT: &str = "<!doctype html><script>
  addEventListener('message', (event) => {
    if (event.data && 'say' in event.data) parent.postMessage(event.data.say, '*');
    else top.postMessage({ chat: event.data, sender: event.origin }, '*');
  });
  top.postMessage({ loaded: location.origin }, '*');
</script>";

/// In a frame it tells the window on top, in a tab the one that its opener stands in, and how often
/// this tab has shown cards.
const CARD: &str = "<!doctype html><script>
  if (opener) {
    sessionStorage.visits = Number(sessionStorage.visits ?? 0) + 1;
    opener.top.postMessage({ card: location.pathname, visit: sessionStorage.visits }, '*');
  } else {
    top.postMessage({ card: location.pathname }, '*');
  }
</script>";

/// Stands beside the page and talks to it as if it were somebody.
const BESIDE: &str = "<!doctype html><script>
  addEventListener('message', (event) => top.frames[0].postMessage(event.data.say, '*'));
</script>";

/// The window on top: writes down what it is told. The scenario is the test's.
const TOP: &str = "<!doctype html><pre id=\"log\"></pre>
<iframe id=\"embed\" src=\"{page}\"></iframe>
<iframe id=\"stranger\" src=\"{stranger}/beside\"></iframe>
<iframe id=\"second-chat\" src=\"{chat}/beside\"></iframe>
<iframe id=\"second-crm\" src=\"{crm}/beside\"></iframe>
<script>
  const log = (entry) => { document.getElementById('log').textContent += JSON.stringify(entry) + '\\n'; };
  const frame = (name) => document.getElementById(name).contentWindow;
  const settle = () => new Promise((done) => setTimeout(done, 300));
  const chatSays = async (message) => { frame('embed').frames[0].postMessage({ say: message }, '*'); await settle(); };
  const besideSays = async (name, message) => { frame(name).postMessage({ say: message }, '*'); await settle(); };
  const crmSays = async (message) => { frame('embed').postMessage(message, '*'); await settle(); };
  const frames = () => log({ frames: frame('embed').length });
  addEventListener('message', (event) => log(event.data));
  addEventListener('load', async () => {
    await settle();
    {scenario}
    log('done');
  });
</script>";

/// Paths, or beginnings of paths that end with a slash; more headers, and the body.
type Site = BTreeMap<&'static str, (String, String)>;

fn html(body: &str) -> (String, String) {
    (String::new(), body.to_owned())
}

/// One test: who is where, and how the account is set.
struct Stage {
    crm: TcpListener,
    chat: TcpListener,
    page: TcpListener,
    stranger: TcpListener,
    settings: Vec<(&'static str, String)>,
    query: &'static str,
    has_policy: bool,
    /// The chat sends its frame to the stranger.
    chat_moves: bool,
    /// The stranger frames the page.
    top_is_stranger: bool,
}

fn origin(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

fn stage() -> Stage {
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (crm, chat, page, stranger) = (bind(), bind(), bind(), bind());
    let settings = vec![
        ("chat-url", format!("{}/chat", origin(&chat))),
        ("card-url", format!("{}/client/{{id}}", origin(&crm))),
        ("card-view", "frame".to_owned()),
        ("crm-origins", origin(&crm)),
    ];
    let (query, has_policy, chat_moves, top_is_stranger) = ("", true, false, false);
    Stage { crm, chat, page, stranger, settings, query, has_policy, chat_moves, top_is_stranger }
}

impl Stage {
    fn set(mut self, key: &'static str, value: &str) -> Self {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_owned()));
        self
    }

    /// Runs the scenario in the browser and returns what the window on top was told.
    fn play(self, scenario: &str) -> Vec<Value> {
        let top = TOP
            .replace("{page}", &format!("{}/embed{}", origin(&self.page), self.query))
            .replace("{stranger}", &origin(&self.stranger))
            .replace("{chat}", &origin(&self.chat))
            .replace("{crm}", &origin(&self.crm))
            .replace("{scenario}", scenario);
        let mut crm = Site::from([("/client/", html(CARD)), ("/beside", html(BESIDE))]);
        let mut stranger = Site::from([("/beside", html(BESIDE))]);
        let (above, url) = if self.top_is_stranger {
            (&mut stranger, origin(&self.stranger))
        } else {
            (&mut crm, origin(&self.crm))
        };
        above.insert("/top", html(&top));
        let chat = if self.chat_moves {
            stranger.insert("/chat", html(CHAT));
            (format!("location: {}/chat\r\n", origin(&self.stranger)), String::new())
        } else {
            html(CHAT)
        };
        let embed = self.rendered();
        serve(self.crm, crm);
        serve(self.chat, Site::from([("/chat", chat), ("/beside", html(BESIDE))]));
        serve(self.page, Site::from([("/embed", embed)]));
        serve(self.stranger, stranger);
        let mut log = told(&browse(&format!("{url}/top")));
        assert_eq!(log.pop(), Some(json!("done")), "the scenario did not end: {log:?}");
        log
    }

    /// As the host serves it.
    fn rendered(&self) -> (String, String) {
        let host = self
            .settings
            .iter()
            .fold(Host::new().pure(), |host, (key, value)| host.setting(key, value));
        let page = host.run(|| IqChannels::render(String::new(), String::new())).unwrap();
        let policy = format!("content-security-policy: {}\r\n", page.content_security_policy);
        let headers = if self.has_policy { policy } else { String::new() };
        (headers, String::from_utf8(page.body).unwrap())
    }
}

/// Answers in a thread for each connection, because browsers open some that they do not use.
fn serve(listener: TcpListener, site: Site) {
    let site = Arc::new(site);
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let site = Arc::clone(&site);
            thread::spawn(move || answer(&connection, &site));
        }
    });
}

fn answer(mut connection: &TcpStream, site: &Site) -> Option<()> {
    let mut lines = BufReader::new(connection).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    lines.map_while(Result::ok).find(String::is_empty)?;
    let path = target.split('?').next()?;
    let found = site
        .iter()
        .find(|(known, _)| path == **known || known.ends_with('/') && path.starts_with(*known));
    let (status, headers, body) = match found {
        None => ("404 Not Found", "", ""),
        Some((_, (headers, body))) if headers.starts_with("location") => {
            ("302 Found", headers.as_str(), body.as_str())
        }
        Some((_, (headers, body))) => ("200 OK", headers.as_str(), body.as_str()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
    );
    connection.write_all(format!("{head}{body}").as_bytes()).ok()
}

/// The document after half a minute of the browser's own time, which pass as fast as it can work.
fn browse(url: &str) -> String {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(url.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    let output = Command::new(browser())
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-popup-blocking",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--virtual-time-budget=30000", "--dump-dom", url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A process of the browser may be at work in it still.
    drop(fs::remove_dir_all(profile));
    String::from_utf8(output.stdout).unwrap()
}

fn browser() -> &'static str {
    let is_there = |name: &&&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    BROWSERS.iter().find(is_there).unwrap_or_else(|| {
        panic!("there is no Chromium: run `apt-get install chromium-headless-shell`, or put one of {BROWSERS:?} into PATH")
    })
}

fn told(document: &str) -> Vec<Value> {
    let log = document.split_once("<pre id=\"log\">").unwrap().1.split_once("</pre>").unwrap().0;
    let text = log
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fixture(name: &str) -> Value {
    let file = format!("{}/fixtures/postmessage.{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn loaded(chat: &TcpListener) -> Value {
    json!({"loaded": origin(chat)})
}

#[test]
fn the_chat_opens_and_closes_the_clients_card() {
    let stage = stage();
    let loaded = loaded(&stage.chat);
    let incoming = fixture("incoming.designed");
    let log = stage.play(&format!(
        "const [open, openFromTicket, close] = {incoming};
         frames();
         await chatSays(open); frames();
         await chatSays(close); frames();
         await chatSays(openFromTicket); frames();
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
            // A card that was opened by hand stays, and so does one of another ticket.
            frames(2),
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
    let (write, open) = (fixture("write_to_client"), fixture("open_iframe_ticket"));
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
    let (incoming, write) = (fixture("incoming.designed"), fixture("write_to_client"));
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
    let moved = || Stage { chat_moves: true, query: "?search=crm-2001", ..stage() };
    let (incoming, write) = (fixture("incoming.designed"), fixture("write_to_client"));
    let scenario = format!("await crmSays({write}); await chatSays({incoming}[0]); frames();");
    assert_eq!(moved().play(&scenario), [json!({"frames": 1})], "the policy stops it");
    let stage = Stage { has_policy: false, ..moved() };
    let loaded = loaded(&stage.stranger);
    assert_eq!(stage.play(&scenario), [loaded, json!({"frames": 1})], "the origin stops it");
}

#[test]
fn a_stranger_cannot_frame_the_page() {
    let framed = || Stage { top_is_stranger: true, query: "?search=crm-2001", ..stage() };
    assert_eq!(framed().play("frames();"), [json!({"frames": 0})], "the policy stops it");
    // And where a browser did not know the policy, what it says would be nothing to the page.
    let stage = Stage { has_policy: false, query: "", ..framed() };
    let loaded = loaded(&stage.chat);
    let write = fixture("write_to_client");
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
         await chatSays(open); await chatSays(openFromTicket); await chatSays(close); await chatSays(close); frames();",
        fixture("incoming.designed")
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
            told("patchbay.close-card", json!(84)),
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
        fixture("incoming.designed")
    ));
    let visit = |visits: &str| json!({"card": "/client/crm-2001", "visit": visits});
    // The same tab twice; a new one after it was closed.
    assert_eq!(log, [loaded, visit("1"), visit("2"), visit("1"), json!({"frames": 1})]);
}
