//! Tokens by an operator's consent: kept before they are used, one host at a time, never lost.

use jiff::Timestamp;
use url::form_urlencoded;

use super::{
    super::oauth::{ConsentError, NoToken},
    *,
};
use crate::{
    account::{Oauth2, TokenRequest},
    id::Digest,
    storage::Tokens as _,
};

const REDIRECT: &str = "https://hooks.example/oauth/callback";

/// An authorization server that rotates: a refresh token counts once. Each token lives an hour.
async fn vendor() -> Server {
    let valid = Arc::new(std::sync::Mutex::new(String::new()));
    let count = Arc::new(AtomicUsize::new(0));
    Server::start(Then::ReadOn, move |request| {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let members: BTreeMap<String, String> =
            form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let mut valid = valid.lock().unwrap();
        let is_good = match members.get("grant_type").map(String::as_str) {
            Some("authorization_code") => {
                members["code"] == "good-code"
                    && members["redirect_uri"] == REDIRECT
                    && 43 <= members["code_verifier"].len()
            }
            Some("refresh_token") => members["refresh_token"] == *valid,
            _ => false,
        };
        if !is_good {
            let body = "{\"error\":\"invalid_grant\"}";
            let length = body.len();
            return format!("HTTP/1.1 400 Bad\r\ncontent-length: {length}\r\n\r\n{body}");
        }
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        *valid = format!("refresh-{number}");
        ok(&format!(
            "{{\"access_token\":\"access-{number}\",\"refresh_token\":\"{valid}\",\"expires_in\":3600}}"
        ))
    })
    .await
}

fn door_of(place: &str, tokens: &Arc<MemoryTokens>, secret: &str) -> Door {
    let egress = Egress { tokens: Arc::<MemoryTokens>::clone(tokens), ..egress() };
    let auth = Auth::Oauth2(Oauth2 {
        authorize_url: Some(format!("{place}/authorize?tenant=1")),
        token_url: format!("{place}/token"),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        rotates_refresh_token: true,
        token_request: TokenRequest::Form,
    });
    let settings = vec![setting("client-id", false, None), setting("client-secret", true, None)];
    let mut account = account(&[(place, true)]);
    account.settings.insert("client-id".to_owned(), "fake client".to_owned());
    account.secrets.insert("client-secret".to_owned(), Secret::new(secret.to_owned()));
    let manifest = Manifest { auth, ..manifest(&[place], settings) };
    egress.door(&manifest, &account).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

async fn token(door: &Door, seconds: i64) -> Result<String, NoToken> {
    let token = door.oauth().unwrap().token(door, at(seconds)).await?;
    Ok(token.header().to_str().unwrap().to_owned())
}

/// What an operator's browser does: the members of the URL that it is sent to.
async fn begin(door: &Door) -> BTreeMap<String, String> {
    let begun = door.oauth().unwrap().begin_consent(REDIRECT, at(0)).await.unwrap();
    assert_eq!(begun.until, at(600));
    Url::parse(begun.url.expose()).unwrap().query_pairs().into_owned().collect()
}

async fn end(
    door: &Door,
    tokens: &MemoryTokens,
    state: &str,
    code: &str,
) -> Result<(), ConsentError> {
    let flow = tokens.end_flow(Digest::of(state.as_bytes()), at(1)).await.unwrap().unwrap();
    let code = Secret::new(code.to_owned());
    door.oauth().unwrap().end_consent(door, &flow, &code, at(1)).await
}

async fn connect(door: &Door, tokens: &MemoryTokens) {
    let asked = begin(door).await;
    end(door, tokens, &asked["state"], "good-code").await.unwrap();
}

#[tokio::test]
async fn a_consent_brings_the_first_tokens() {
    let (server, tokens) = (vendor().await, Arc::<MemoryTokens>::default());
    let door = door_of(&server.url(), &tokens, "fake-secret");
    let Err(NoToken::Refused(text)) = token(&door, 0).await else { panic!("not connected") };
    assert!(text.contains("`patchbay account connect crm-one`"), "{text}");

    let asked = begin(&door).await;
    assert_eq!(asked["response_type"], "code");
    assert_eq!(
        (asked["client_id"].as_str(), asked["scope"].as_str()),
        ("fake client", "read write")
    );
    assert_eq!((asked["redirect_uri"].as_str(), asked["tenant"].as_str()), (REDIRECT, "1"));
    assert_eq!(
        (asked["code_challenge_method"].as_str(), asked["code_challenge"].len()),
        ("S256", 43)
    );
    assert!(26 <= asked["state"].len(), "128 bits");
    end(&door, &tokens, &asked["state"], "good-code").await.unwrap();

    assert_eq!(token(&door, 2).await.unwrap(), "Bearer access-1");
    let sent = server.requests().remove(0);
    let verifier = sent.split("code_verifier=").nth(1).unwrap().split('&').next().unwrap();
    let challenge =
        crate::base64::unpadded(&<sha2::Sha256 as sha2::Digest>::digest(verifier), *b"-_");
    assert_eq!(challenge, asked["code_challenge"]);
    assert!(sent.contains("client_secret=fake-secret"), "{sent}");
    let connection = door.oauth().unwrap().connection().await.unwrap();
    assert!(connection.is_connected && connection.needs_consent);
    assert_eq!((connection.generation, connection.refused), (1, None));
}

#[tokio::test]
async fn a_consent_with_a_wrong_code_or_another_client_brings_nothing() {
    let (server, tokens) = (vendor().await, Arc::<MemoryTokens>::default());
    let door = door_of(&server.url(), &tokens, "fake-secret");
    let asked = begin(&door).await;
    let Err(ConsentError::Refused(text)) = end(&door, &tokens, &asked["state"], "bad-code").await
    else {
        panic!("not refused")
    };
    assert!(text.contains("invalid_grant") && !text.contains("bad-code"), "{text}");

    let asked = begin(&door).await;
    let other = vendor().await;
    let moved = door_of(&other.url(), &tokens, "fake-secret");
    let refused = end(&moved, &tokens, &asked["state"], "good-code").await;
    assert!(matches!(refused, Err(ConsentError::Refused(_))), "{refused:?}");
    assert_eq!(other.requests().len(), 0, "a code goes nowhere else");
    assert!(!door.oauth().unwrap().connection().await.unwrap().is_connected);
}

#[tokio::test]
async fn hosts_share_one_pair_and_refresh_it_once() {
    let (server, tokens) = (vendor().await, Arc::<MemoryTokens>::default());
    let [one, two] = [(); 2].map(|()| door_of(&server.url(), &tokens, "fake-secret"));
    connect(&one, &tokens).await;
    assert_eq!(token(&two, 2).await.unwrap(), "Bearer access-1");
    // Both see at the same time that it is over; one refreshes.
    let both = tokio::join!(token(&one, 4000), token(&two, 4000));
    assert_eq!(both, (Ok("Bearer access-2".to_owned()), Ok("Bearer access-2".to_owned())));
    assert_eq!(server.requests().len(), 2);
    assert!(server.requests()[1].contains("grant_type=refresh_token"));
    // A third one that starts later asks nobody.
    let late = door_of(&server.url(), &tokens, "fake-secret");
    assert_eq!(token(&late, 4001).await.unwrap(), "Bearer access-2");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_token_is_renewed_by_one_host_for_all() {
    let (server, tokens) = (vendor().await, Arc::<MemoryTokens>::default());
    let [one, two] = [(); 2].map(|()| door_of(&server.url(), &tokens, "fake-secret"));
    connect(&one, &tokens).await;
    for door in [&one, &two] {
        let oauth = door.oauth().unwrap();
        let refused = oauth.token(door, at(2)).await.unwrap();
        oauth.forget(&refused).await;
    }
    assert_eq!(token(&one, 3).await.unwrap(), "Bearer access-2");
    assert_eq!(token(&two, 3).await.unwrap(), "Bearer access-2", "the one that is kept");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_new_pair_that_cannot_be_kept_is_not_used_and_not_lost() {
    let (server, tokens) = (vendor().await, Arc::<MemoryTokens>::default());
    let door = door_of(&server.url(), &tokens, "fake-secret");
    connect(&door, &tokens).await;
    *tokens.failures.lock().unwrap() = 2;
    for _ in 0..2 {
        let failed = token(&door, 4000).await;
        assert!(matches!(failed, Err(NoToken::Unreachable(_))), "{failed:?}");
    }
    assert_eq!(token(&door, 4000).await.unwrap(), "Bearer access-2");
    assert_eq!(server.requests().len(), 2, "the old refresh token counts no more");
    assert_eq!(token(&door, 8000).await.unwrap(), "Bearer access-3");
}

#[tokio::test]
async fn dead_credentials_are_told_once_and_asked_with_no_more() {
    let (server, tokens) = (vendor().await, Arc::<MemoryTokens>::default());
    let [one, two] = [(); 2].map(|()| door_of(&server.url(), &tokens, "fake-secret"));
    connect(&one, &tokens).await;
    // Somebody else has used the refresh token.
    let kept = tokens.tokens_of(&"crm-one".parse().unwrap()).await.unwrap().unwrap();
    let stale = kept.text.expose().replace("refresh-1", "refresh-0");
    tokens.put_tokens(&"crm-one".parse().unwrap(), Secret::new(stale)).await.unwrap();
    let late = door_of(&server.url(), &tokens, "fake-secret");
    let Err(NoToken::Refused(text)) = token(&late, 4000).await else { panic!("not refused") };
    assert!(
        text.contains("invalid_grant") && text.contains("`patchbay account connect crm-one`"),
        "{text}"
    );
    assert_eq!(token(&two, 4000).await, Err(NoToken::Refused(text.clone())));
    assert_eq!(server.requests().len(), 2);
    let connection = two.oauth().unwrap().connection().await.unwrap();
    assert!(!connection.is_connected && connection.refused == Some(text));
    // Another client secret is worth a try; a new consent is all it takes.
    let mended = door_of(&server.url(), &tokens, "newer-secret");
    assert!(matches!(token(&mended, 4000).await, Err(NoToken::Refused(_))));
    assert_eq!(server.requests().len(), 3);
    connect(&mended, &tokens).await;
    assert_eq!(token(&two, 2).await.unwrap(), "Bearer access-2");
}

#[tokio::test]
async fn the_token_goes_to_no_name_below_a_granted_domain_unless_it_is_said() {
    let (server, tokens) = (vendor().await, Arc::<MemoryTokens>::default());
    let door = door_of(&server.url(), &tokens, "fake-secret");
    connect(&door, &tokens).await;
    let token = door.oauth().unwrap().token(&door, at(2)).await.unwrap();
    let (wide, _) = egress_at("127.0.0.1");
    let rule = format!("http://*.vendor.example:{}", server.port);
    let wide = wide.door(&manifest(&[&rule], Vec::new()), &account(&[(&rule, true)])).unwrap();
    let place = format!("http://evil.vendor.example:{}/", server.port);
    let Err(FetchError::Denied(text)) = wide.fetch_with(get(&place), Some(&token)).await else {
        panic!("not denied")
    };
    assert!(text.contains("\"secret_origins\": {\"oauth2\""), "{text}");
    assert_eq!(server.requests().len(), 1);
}
