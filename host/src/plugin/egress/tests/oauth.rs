//! Tokens from a token endpoint on the loopback interface.

use jiff::Timestamp;

use super::{
    super::oauth::NoToken,
    server::{Server, Then, ok},
    *,
};
use crate::account::{Oauth2, TokenRequest};

const SECRET: &str = "fake-client-secret";

fn oauth2(token_url: &str, token_request: TokenRequest, scopes: &[&str]) -> Auth {
    Auth::Oauth2(Oauth2 {
        authorize_url: None,
        token_url: token_url.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        rotates_refresh_token: false,
        token_request,
    })
}

fn client(place: &str, auth: Auth) -> (Manifest, Account) {
    let settings = vec![setting("client-id", false, None), setting("client-secret", true, None)];
    let mut account = account(&[(place, true)]);
    account.settings.insert("api-url".to_owned(), format!("{place}/v1"));
    account.settings.insert("client-id".to_owned(), "fake client".to_owned());
    account.secrets.insert("client-secret".to_owned(), Secret::new(SECRET.to_owned()));
    (Manifest { auth, ..manifest(&["setting:api-url"], settings) }, account)
}

/// A door whose tokens come from the place it leads to.
fn door_with_tokens(place: &str, token_request: TokenRequest, scopes: &[&str]) -> Door {
    let auth = oauth2("setting:api-url/oauth/access_token?v=1", token_request, scopes);
    let (manifest, account) = client(place, auth);
    egress().door(&manifest, &account).unwrap()
}

/// Gives the tokens `token-1`, `token-2`, … for an hour each.
async fn token_server() -> Server {
    let count = Arc::new(AtomicUsize::new(0));
    Server::start(Then::ReadOn, move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        ok(&format!(
            r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":3600}}"#
        ))
    })
    .await
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

async fn token(door: &Door, seconds: i64) -> Result<String, NoToken> {
    let token = door.oauth().unwrap().token(door, at(seconds)).await?;
    Ok(token.header().to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_token_is_asked_for_in_json() {
    let server = token_server().await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    assert_eq!(token(&door, 0).await.unwrap(), "Bearer token-1");
    let seen = server.requests().remove(0);
    assert!(seen.starts_with("POST /oauth/access_token?v=1 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("content-type: application/json\r\n"), "{seen}");
    assert!(!seen.contains("authorization:"), "{seen}");
    let body: serde_json::Value =
        serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap();
    let expected = serde_json::json!({
        "grant_type": "client_credentials", "client_id": "fake client", "client_secret": SECRET
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_token_that_is_given_again_after_it_was_refused_goes_out_once_more() {
    let server = Server::start(Then::ReadOn, |_| {
        ok(r#"{"access_token":"the-same-token","expires_in":3600}"#)
    })
    .await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    let oauth = door.oauth().unwrap();
    for asked in 1..=3 {
        let token = oauth.token(&door, at(0)).await.unwrap();
        assert_eq!(server.requests().len(), asked, "what was refused is not taken from the store");
        oauth.forget(&token).await;
    }
}

#[tokio::test]
async fn a_token_is_asked_for_in_a_form_with_its_scopes() {
    let server = token_server().await;
    let door = door_with_tokens(&server.url(), TokenRequest::Form, &["read", "write"]);
    token(&door, 0).await.unwrap();
    let seen = server.requests().remove(0);
    assert!(seen.contains("content-type: application/x-www-form-urlencoded\r\n"), "{seen}");
    let body = format!(
        "grant_type=client_credentials&client_id=fake+client&client_secret={SECRET}&scope=read+write"
    );
    assert!(seen.ends_with(&body), "{seen}");
}

#[tokio::test]
async fn a_token_is_used_until_a_minute_before_it_ends() {
    let server = token_server().await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    assert_eq!(token(&door, 0).await.unwrap(), "Bearer token-1");
    assert_eq!(token(&door, 3539).await.unwrap(), "Bearer token-1");
    assert_eq!(token(&door, 3540).await.unwrap(), "Bearer token-2");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn many_calls_at_once_make_one_token_request() {
    let server = token_server().await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    let all = tokio::join!(token(&door, 0), token(&door, 0), token(&door, 0), token(&door, 0));
    let first = || Ok("Bearer token-1".to_owned());
    assert_eq!(all, (first(), first(), first(), first()));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn those_who_waited_share_a_failure_and_the_next_one_asks_again() {
    let server = Server::start(Then::ReadOn, |_| {
        "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned()
    })
    .await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    let all = tokio::join!(token(&door, 0), token(&door, 0), token(&door, 0));
    let failed = || Err(NoToken::Unreachable("the token endpoint answered 503".to_owned()));
    assert_eq!(all, (failed(), failed(), failed()));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(token(&door, 0).await, failed());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_token_is_dropped_and_a_newer_one_is_not() {
    let server = token_server().await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    let oauth = door.oauth().unwrap();
    let first = oauth.token(&door, at(0)).await.unwrap();
    oauth.forget(&first).await;
    assert_eq!(token(&door, 0).await.unwrap(), "Bearer token-2");
    oauth.forget(&first).await;
    assert_eq!(token(&door, 0).await.unwrap(), "Bearer token-2");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refusal_tells_the_endpoints_words_without_the_secret() {
    let body = format!(r#"{{"error":"invalid_client","error_description":"no {SECRET}"}}"#);
    let server =
        Server::start(Then::ReadOn, move |_| ok(&body).replacen("200 OK", "401 Unauthorized", 1))
            .await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    let Err(NoToken::Refused(text)) = token(&door, 0).await else { panic!("not refused") };
    assert!(text.contains("answered 401 `invalid_client`: no pbsecret"), "{text}");
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let other = token_server().await;
    let place = other.url();
    let server = Server::start(Then::ReadOn, move |_| {
        format!("HTTP/1.1 307 Elsewhere\r\nlocation: {place}/\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    let Err(NoToken::Refused(text)) = token(&door, 0).await else { panic!("not refused") };
    assert!(text.contains("307") && text.contains("not followed"), "{text}");
    assert_eq!(other.accepted(), 0);
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_granted_is_denied_with_its_grant() {
    let server = token_server().await;
    let token_url = format!("{}/token", server.url());
    let (mut manifest, account) =
        client("https://api.example.com", oauth2(&token_url, TokenRequest::Form, &[]));
    manifest.egress.push(server.url());
    let door = egress().door(&manifest, &account).unwrap();
    let Err(NoToken::Denied(text)) = token(&door, 0).await else { panic!("not denied") };
    assert!(text.contains(&format!("{{\"allow\": \"{}\"}}", server.url())), "{text}");

    let account = Account { grants: [Grant::new(server.url())].into(), ..account };
    let door = egress().door(&manifest, &account).unwrap();
    let Err(NoToken::Denied(text)) = token(&door, 0).await else { panic!("not denied") };
    assert!(text.contains("\"private\": true") && server.accepted() == 0, "{text}");
}

#[tokio::test]
async fn an_endless_answer_and_silence_bring_no_token() {
    let huge = ok(&format!("{{\"access_token\":\"{}\"}}", "t".repeat(64 << 10)));
    let server = Server::start(Then::ReadOn, move |_| huge.clone()).await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    assert!(matches!(token(&door, 0).await, Err(NoToken::Unreachable(_))));

    let silent = Server::start(Then::ReadOn, |_| String::new()).await;
    let auth = oauth2("setting:api-url/token", TokenRequest::Json, &[]);
    let (manifest, account) = client(&silent.url(), auth);
    let mut impatient = egress();
    impatient.config.timeout_ms = NonZeroU32::new(50).unwrap();
    let door = impatient.door(&manifest, &account).unwrap();
    let Err(NoToken::Unreachable(text)) = token(&door, 0).await else { panic!("no failure") };
    assert!(text.contains("within 50 ms"), "{text}");
}

#[tokio::test]
async fn a_token_goes_out_and_never_comes_back() {
    let server = Server::start(Then::ReadOn, |request| {
        if request.starts_with("POST") {
            // A token that holds the secret is sent as it is.
            return ok(&format!(r#"{{"access_token":"{SECRET}.t1","expires_in":3600}}"#));
        }
        let own = request.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap();
        format!("HTTP/1.1 200 OK\r\nx-echo: {own}\r\ncontent-length: {}\r\n\r\n{own}", own.len())
    })
    .await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    let token = door.oauth().unwrap().token(&door, at(0)).await.unwrap();

    let answer = door.fetch_with(get(&server.url()), Some(&token)).await.unwrap();

    let seen = server.requests().pop().unwrap();
    assert!(seen.contains(&format!("authorization: Bearer {SECRET}.t1\r\n")), "{seen}");
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.starts_with("Bearer pbsecret") && !body.contains("t1"), "{body}");
    assert!(answer.headers.iter().all(|(_, value)| !value.contains(".t1")));
    assert!(!door.scrub(&format!("it was {SECRET}.t1")).contains(".t1"));
    assert!(!format!("{token:?} {:?} {door:?}", door.oauth()).contains(SECRET));

    let mut own = get(&server.url());
    own.headers.push(("Authorization".to_owned(), "Basic own".to_owned()));
    let answer = door.fetch_with(own, Some(&token)).await.unwrap();
    assert_eq!(answer.body, b"Basic own");
}

#[tokio::test]
async fn a_guest_cannot_obtain_a_token_with_the_clients_secret() {
    let server = token_server().await;
    let auth = oauth2("setting:api-url/token", TokenRequest::Json, &[]);
    let (mut manifest, mut account) = client(&server.url(), auth);
    manifest.settings.push(setting("api-key", true, None));
    account.secrets.insert("api-key".to_owned(), Secret::new("another-secret".to_owned()));
    let door = egress().door(&manifest, &account).unwrap();
    let [secret, other] = ["client-secret", "api-key"].map(|key| door.setting(key).unwrap());
    let request = Outgoing {
        method: "POST".to_owned(),
        body: format!("{secret} {other}").into_bytes(),
        ..get(&format!("{}/token", server.url()))
    };
    door.fetch(request).await.unwrap();
    let seen = server.requests().remove(0);
    assert!(seen.ends_with(&format!("{secret} another-secret")), "{seen}");
    // Signatures that are made with it are checked in the vault.
    assert_eq!(door.secret("client-secret").unwrap().expose(), SECRET);
    token(&door, 0).await.unwrap();
    assert!(server.requests().remove(1).contains(SECRET));
}

#[tokio::test]
async fn the_tokens_before_are_scrubbed_too_and_not_for_ever() {
    let server = token_server().await;
    let door = door_with_tokens(&server.url(), TokenRequest::Json, &[]);
    for hour in 0..=8 {
        token(&door, hour * 3600).await.unwrap();
    }
    assert!((2..=9).all(|number| !door.scrub(&format!("token-{number}")).contains("token-")));
    assert_eq!(door.scrub("token-1"), "token-1");
}

#[track_caller]
fn problems(manifest: &Manifest, account: &Account, expected: &[&str]) {
    let problems = match egress().door(manifest, account) {
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    };
    let fields: Vec<&str> =
        problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
    assert_eq!(fields, expected);
}

#[test]
fn credentials_that_are_missing_are_told() {
    let auth = || oauth2("setting:api-url/token", TokenRequest::Json, &[]);
    let place = "https://api.example.com";
    let (manifest, account) = client(place, auth());
    problems(&manifest, &account, &[]);
    let no_secret = Account { secrets: BTreeMap::new(), ..account.clone() };
    problems(&manifest, &no_secret, &["client-secret"]);
    let mut no_id = account.clone();
    no_id.settings.insert("client-id".to_owned(), String::new());
    problems(&manifest, &no_id, &["client-id"]);
    // A plugin that can do without says so, and then the account may have neither.
    let neither = Account { secrets: BTreeMap::new(), ..no_id };
    problems(&manifest, &neither, &[]);
    let mut strict = manifest.clone();
    strict.settings.iter_mut().for_each(|setting| setting.required = true);
    problems(&strict, &neither, &["client-id", "client-secret"]);
}

#[tokio::test]
async fn an_account_without_credentials_is_told_when_it_needs_them() {
    let auth = oauth2("setting:api-url/token", TokenRequest::Json, &[]);
    let (manifest, mut account) = client("https://api.example.com", auth);
    account.settings.remove("client-id");
    account.secrets.clear();
    let door = egress().door(&manifest, &account).unwrap();
    let refused = NoToken::Refused("`client-id` is not set on the account".to_owned());
    assert_eq!(token(&door, 0).await, Err(refused));
}

#[test]
fn a_token_url_needs_its_setting() {
    let (manifest, mut account) =
        client("https://api.example.com", oauth2("setting:login-url", TokenRequest::Json, &[]));
    problems(&manifest, &account, &["login-url"]);
    let consent = Oauth2 {
        authorize_url: Some("https://login.example.com".to_owned()),
        token_url: "setting:login-url".to_owned(),
        scopes: Vec::new(),
        rotates_refresh_token: true,
        token_request: TokenRequest::Form,
    };
    let manifest = Manifest { auth: Auth::Oauth2(consent), ..manifest };
    problems(&manifest, &account, &["login-url"]);
    // Without a client there is nobody to consent to: the adapter may do without.
    account.settings.remove("client-id");
    assert!(egress().door(&manifest, &account).unwrap().oauth().is_none());
}
