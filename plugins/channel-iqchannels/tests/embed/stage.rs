//! Who stands at which origin, and what the window on top was told.

use std::net::TcpListener;

use channel_iqchannels::IqChannels;
use patchbay_sdk::ChannelPage as _;
use patchbay_sdk::testing::Host;
use serde_json::{Value, json};

use crate::browser::browse;
use crate::pages::{BESIDE, CARD, CHAT, LOGIN, TOP};
use crate::server::{Site, html, serve};

/// Where the chat sends its frame: the stranger may be who logs operators in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Nowhere,
    ToStranger,
    ToLoginAndBack,
}

/// One test: who is where, and how the account is set.
pub(crate) struct Stage {
    pub(crate) crm: TcpListener,
    pub(crate) chat: TcpListener,
    pub(crate) page: TcpListener,
    pub(crate) stranger: TcpListener,
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) query: &'static str,
    pub(crate) has_policy: bool,
    pub(crate) chat_goes: Way,
    /// The stranger frames the page.
    pub(crate) top_is_stranger: bool,
}

pub(crate) fn origin(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

pub(crate) fn stage() -> Stage {
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (crm, chat, page, stranger) = (bind(), bind(), bind(), bind());
    let settings = vec![
        ("chat-url", format!("{}/chat", origin(&chat))),
        ("card-url", format!("{}/client/{{id}}", origin(&crm))),
        ("card-view", "frame".to_owned()),
        ("crm-origins", origin(&crm)),
    ];
    Stage {
        crm,
        chat,
        page,
        stranger,
        settings,
        query: "",
        has_policy: true,
        chat_goes: Way::Nowhere,
        top_is_stranger: false,
    }
}

impl Stage {
    pub(crate) fn set(mut self, key: &'static str, value: &str) -> Self {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_owned()));
        self
    }

    /// Runs the scenario in the browser and returns what the window on top was told.
    pub(crate) fn play(self, scenario: &str) -> Vec<Value> {
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
        if self.chat_goes == Way::ToLoginAndBack {
            stranger.insert("/chat", html(&LOGIN.replace("{chat}", &origin(&self.chat))));
        }
        let chat = if self.chat_goes == Way::Nowhere {
            html(CHAT)
        } else {
            stranger.entry("/chat").or_insert_with(|| html(CHAT));
            (format!("location: {}/chat\r\n", origin(&self.stranger)), String::new())
        };
        let embed = self.rendered();
        serve(self.crm, crm);
        let site = [("/chat", chat), ("/chat/in", html(CHAT)), ("/beside", html(BESIDE))];
        serve(self.chat, Site::from(site));
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

fn told(document: &str) -> Vec<Value> {
    let log = document.split_once("<pre id=\"log\">").unwrap().1.split_once("</pre>").unwrap().0;
    let text = log
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
