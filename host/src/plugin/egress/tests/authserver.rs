//! Against a real authorization server: it wants PKCE, rotates refresh tokens, and forgets codes.

use jiff::Timestamp;
use patchbay_test_authserver::{AuthServer, CLIENT_ID, CLIENT_SECRET};

use super::{super::oauth::NoToken, *};
use crate::{
    account::{Oauth2, TokenRequest},
    id::Digest,
    storage::{Keys, Tokens, postgres::Postgres},
};

const REDIRECT: &str = "http://127.0.0.1:1/oauth/callback";

fn door_of(server: &AuthServer, tokens: &Arc<dyn Tokens>, needs_consent: bool) -> Door {
    let egress = Egress { tokens: Arc::clone(tokens), ..egress() };
    let auth = Auth::Oauth2(Oauth2 {
        authorize_url: needs_consent.then(|| format!("{}/authorize", server.url)),
        token_url: format!("{}/token", server.url),
        scopes: vec!["read".to_owned()],
        rotates_refresh_token: true,
        token_request: TokenRequest::Form,
    });
    let settings = vec![setting("client-id", false, None), setting("client-secret", true, None)];
    let mut account = account(&[(&server.url, true)]);
    account.settings.insert("client-id".to_owned(), CLIENT_ID.to_owned());
    account.secrets.insert("client-secret".to_owned(), Secret::new(CLIENT_SECRET.to_owned()));
    egress.door(&Manifest { auth, ..manifest(&[&server.url], settings) }, &account).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

/// What the operator's browser does: it follows the URL, and comes back with state and code.
async fn consent(door: &Door, server: &AuthServer, tokens: &Arc<dyn Tokens>) {
    let begun = door.oauth().unwrap().begin_consent(REDIRECT, now()).await.unwrap();
    let browser = door_to(&egress(), &server.url);
    let sent = browser.fetch(get(begun.url.expose())).await.unwrap();
    assert_eq!(sent.status, 302, "{}", String::from_utf8_lossy(&sent.body));
    let location = sent.headers.iter().find(|(name, _)| name == "location").unwrap().1.clone();
    assert!(location.starts_with(REDIRECT), "{location}");
    let back: BTreeMap<String, String> =
        Url::parse(&location).unwrap().query_pairs().into_owned().collect();
    let state = Digest::of(back["state"].as_bytes());
    let flow = tokens.end_flow(state, now()).await.unwrap().unwrap();
    let code = Secret::new(back["code"].clone());
    door.oauth().unwrap().end_consent(door, &flow, &code, now()).await.unwrap();
    // A code counts once.
    let again = door.oauth().unwrap().end_consent(door, &flow, &code, now()).await;
    assert!(again.unwrap_err().to_string().contains("invalid_grant"));
}

/// One call of the API, as `http.fetch` does it: a refused token is renewed once.
async fn call(door: &Door, server: &AuthServer) -> Result<u16, NoToken> {
    let (oauth, request) = (door.oauth().unwrap(), get(&format!("{}/api", server.url)));
    let token = oauth.token(door, now()).await?;
    let answer = door.fetch_with(request.clone(), Some(&token)).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer.body).contains(token.header().to_str().unwrap()));
    if answer.status != 401 {
        return Ok(answer.status);
    }
    oauth.forget(&token).await;
    let token = oauth.token(door, now()).await?;
    Ok(door.fetch_with(request, Some(&token)).await.unwrap().status)
}

async fn control(server: &AuthServer, what: &str) -> String {
    let url = format!("{}/control/{what}", server.url);
    let answer = door_to(&egress(), &server.url).fetch(get(&url)).await.unwrap();
    String::from_utf8(answer.body).unwrap()
}

fn in_memory() -> Arc<dyn Tokens> {
    Arc::<MemoryTokens>::default()
}

#[tokio::test]
async fn a_real_server_gives_tokens_by_consent_and_rotates_them() {
    let (server, tokens) = (AuthServer::start(), in_memory());
    two_hosts_share_tokens(&server, [&tokens, &tokens]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_on_one_postgres_share_tokens_of_a_real_server() {
    let (server, database) = (AuthServer::start(), patchbay_test_postgres::database().await);
    let keys = Keys::Given(Secret::new("5e".repeat(32)));
    let options = config::Storage::default();
    let one = Postgres::open(&database.url, &options, &keys).await.unwrap();
    let two = Postgres::open(&database.url, &options, &keys).await.unwrap();
    two_hosts_share_tokens(&server, [&one.stores().tokens, &two.stores().tokens]).await;
    one.close().await;
    two.close().await;
}

async fn two_hosts_share_tokens(server: &AuthServer, stores: [&Arc<dyn Tokens>; 2]) {
    let [tokens, _] = stores;
    let [one, two] = stores.map(|tokens| door_of(server, tokens, true));
    consent(&one, server, tokens).await;
    assert_eq!(call(&one, server).await, Ok(200));
    assert_eq!(call(&two, server).await, Ok(200));
    for _ in 0..3 {
        control(server, "expire").await;
        // Two hosts meet the same refused token; one of them refreshes, with a token that counts once.
        assert_eq!(tokio::join!(call(&one, server), call(&two, server)), (Ok(200), Ok(200)));
    }
    let granted = control(server, "granted").await;
    assert_eq!(granted.matches("refresh_token").count(), 3, "{granted}");
    assert_eq!(granted.matches("authorization_code").count(), 1, "{granted}");

    control(server, "revoke").await;
    let Err(NoToken::Refused(text)) = call(&one, server).await else { panic!("not refused") };
    assert!(text.contains("invalid_grant") && text.contains("account connect crm-one"), "{text}");
    assert!(matches!(call(&two, server).await, Err(NoToken::Refused(_))));
    consent(&two, server, tokens).await;
    let reconnected = door_of(server, tokens, true);
    assert_eq!(call(&reconnected, server).await, Ok(200));
}

#[tokio::test]
async fn a_real_server_gives_tokens_for_the_clients_own_credentials() {
    let (server, tokens) = (AuthServer::start(), in_memory());
    let door = door_of(&server, &tokens, false);
    assert_eq!(call(&door, &server).await, Ok(200));
    let restarted = door_of(&server, &tokens, false);
    assert_eq!(call(&restarted, &server).await, Ok(200));
    assert_eq!(control(&server, "granted").await, "[\"client_credentials\"]", "the token is kept");
    control(&server, "expire").await;
    assert_eq!(call(&restarted, &server).await, Ok(200));
}
