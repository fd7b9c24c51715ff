//! The embedded page as it is served: what it allows, and what stands in it. `tests/embed` runs it.

use patchbay_sdk::ChannelPage;
use patchbay_sdk::channel::Page;
use patchbay_sdk::testing::Host;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::host;
use crate::{IqChannels, base64};

fn bank() -> Host {
    host()
        .secret("token-key", "fake key of tokens")
        .setting("chat-url", "https://iq.example.com/app?a=1")
        .setting("card-url", "https://crm.example.com/client/{id}")
        .setting("crm-origins", "https://crm.example.com, https://CRM2.example.com:443/")
}

fn render(host: &Host) -> Option<Page> {
    host.run(|| IqChannels::render(String::new(), "search=x".to_owned()))
}

fn body(page: &Page) -> &str {
    str::from_utf8(&page.body).unwrap()
}

/// What stands between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

fn island(page: &Page) -> Json {
    let text = between(body(page), "id=\"settings\">", "</script>");
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_policy_allows_what_is_set_and_nothing_else() {
    let page = render(&bank()).unwrap();
    let hash = |text: &str| base64::plain(&Sha256::digest(text));
    let expected = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; \
         frame-src https://iq.example.com https://crm.example.com; \
         frame-ancestors https://crm.example.com https://crm2.example.com; \
         base-uri 'none'; form-action 'none'",
        hash(between(body(&page), "<script>", "</script>")),
        hash(between(body(&page), "<style>", "</style>")),
    );
    assert_eq!(page.content_security_policy, expected);
    assert_eq!(page.content_type, "text/html; charset=utf-8");
    let elsewhere = render(
        &bank().setting("card-view", "tab").setting("login-origins", "https://sso.example.com"),
    )
    .unwrap();
    assert!(
        elsewhere
            .content_security_policy
            .contains("frame-src https://iq.example.com https://sso.example.com;")
    );
}

#[test]
fn nobody_frames_the_page_of_a_crm_that_is_not_named() {
    for origins in [
        "",
        "crm.example.com",
        "https://crm.example.com/page",
        "'self'",
        "*",
        "https://*.example.com",
    ] {
        let host = bank().setting("crm-origins", origins);
        let page = render(&host).unwrap();
        assert!(page.content_security_policy.contains("frame-ancestors 'none'"), "{origins}");
        assert_eq!(island(&page)["crmOrigins"], json!([]));
        assert_eq!(host.log_lines().is_empty(), origins.is_empty(), "what is left out is told");
    }
}

#[test]
fn settings_are_data_in_the_page_and_never_markup() {
    let host = bank().setting("card-view", "</script><script>alert(1)</script>");
    let page = render(&host).unwrap();
    assert_eq!(island(&page)["cardView"], "</script><script>alert(1)</script>");
    assert_eq!(body(&page).matches("</script").count(), 2);
    let page = render(&bank()).unwrap();
    assert_eq!(
        island(&page),
        json!({
            "chatUrl": "https://iq.example.com/app?a=1",
            "chatOrigin": "https://iq.example.com",
            "cardUrl": "https://crm.example.com/client/{id}",
            "cardView": "frame",
            "crmOrigins": ["https://crm.example.com", "https://crm2.example.com"],
        })
    );
}

#[test]
fn no_secret_and_nothing_of_the_request_reaches_the_page() {
    let host = bank();
    let with = |query: &str| {
        host.run(|| IqChannels::render("/".to_owned(), query.to_owned())).unwrap().body
    };
    assert_eq!(with(""), with("search=%3Cscript%3E&token=x"));
    let page = render(&host).unwrap();
    for word in ["token", "secret", "fake key"] {
        assert!(!body(&page).contains(word), "{word}");
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = render(&bank()).unwrap();
    let markup = body(&page).replace(between(body(&page), "id=\"settings\">", "</script>"), "");
    for word in ["src=", "href=", "http:", "https:", "@import", "url("] {
        assert!(!markup.contains(word), "{word}");
    }
}

#[test]
fn without_a_chat_and_under_any_other_path_there_is_no_page() {
    for url in ["", "iq.example.com", "javascript:alert(1)", "https://iq.example.com/\"><b>"] {
        let host = bank().setting("chat-url", url);
        assert_eq!(render(&host), None, "{url}");
        assert!(host.log_lines()[0].1.contains("chat-url"));
    }
    assert_eq!(bank().run(|| IqChannels::render("/other".to_owned(), String::new())), None);
}

#[test]
fn without_a_sound_address_no_card_opens() {
    for url in ["https://crm.example.com/client/", "https://{id}.example.com/", "{id}"] {
        let host = bank().setting("card-url", url);
        let page = render(&host).unwrap();
        assert_eq!(island(&page)["cardUrl"], json!(null));
        assert!(host.log_lines()[0].1.contains("card-url"));
        assert!(page.content_security_policy.contains("frame-src https://iq.example.com;"));
    }
    let none = host().setting("chat-url", "https://iq.example.com");
    assert_eq!(island(&render(&none).unwrap())["cardUrl"], json!(null));
    assert!(none.log_lines().is_empty());
}
