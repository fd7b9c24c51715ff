//! What the guest wrote becomes a request, or a reason why not. Secrets are put in here.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, IF_RANGE, RANGE, USER_AGENT},
    http::uri::{Authority, PathAndQuery},
};
use url::Url;

use super::{
    super::secrets::{Place, Secrets},
    FetchError, HEADERS_MAX,
};
use crate::capability::Rule;

pub(super) const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// Headers that say how messages are framed, routed or encoded; the host alone sets them.
///
/// `accept-encoding` is among them because secrets are not found in compressed answers.
const HOST_HEADERS: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const OWN_AGENT: &str = concat!("patchbay/", env!("CARGO_PKG_VERSION"));

/// Reads a URL that still has its placeholders; none of them may decide where it leads.
pub(super) fn read_url(text: &str, secrets: &Secrets) -> Result<Url, FetchError> {
    let invalid = |reason: &str| FetchError::Invalid(reason.to_owned());
    // What the standard silently drops or turns round is refused: nobody needs it, tricks do.
    if text.contains(|c: char| c.is_control() || c == '\\') {
        return Err(invalid("the URL has a control character or a backslash in it"));
    }
    let url = Url::parse(text)
        .map_err(|error| FetchError::Invalid(format!("the URL cannot be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("the URL starts with neither `https://` nor `http://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("the URL has a user in it; send an `authorization` header instead"));
    }
    if secrets.is_placeholder_in(url.host_str().unwrap_or_default()) {
        return Err(invalid("a secret cannot be a part of the URL's host"));
    }
    Ok(url)
}

/// Checks and fills everything. `url` is the one that was held against the rules.
pub(super) fn build(
    request: super::Outgoing,
    url: &Url,
    secrets: &Secrets,
    bytes_max: usize,
) -> Result<Request<Full<Bytes>>, FetchError> {
    let mut budget = Budget::new(bytes_max);
    budget.take(request.url.len())?;
    budget.take(request.headers.iter().map(|(name, value)| name.len() + value.len()).sum())?;
    budget.take(request.body.len())?;

    // The same limit again for what is sent: a placeholder may stand for a longer value.
    let mut budget = Budget::new(bytes_max);
    let method = read_method(&request.method)?;
    let uri = fill_uri(url, secrets, &mut budget)?;
    let mut headers = fill_headers(&request.headers, secrets, &mut budget)?;
    let place = body_place(&headers);
    let body = match budget.fill(&request.body, place, secrets)? {
        // Nothing was put in: no copy.
        Cow::Borrowed(_) => request.body,
        Cow::Owned(filled) => filled,
    };
    if budget.is_filled {
        whole_answers_only(&headers)?;
    }
    if body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut built = Request::new(Full::new(Bytes::from(body)));
    *built.method_mut() = method;
    *built.uri_mut() = uri;
    *built.headers_mut() = headers;
    Ok(built)
}

/// A secret that comes back in parts is found in none of them.
pub(super) fn whole_answers_only(headers: &HeaderMap) -> Result<(), FetchError> {
    let asks_for_parts = headers.contains_key(RANGE) || headers.contains_key(IF_RANGE);
    if asks_for_parts {
        return Err(FetchError::Invalid(
            "header `range` cannot go with a secret or a token: ask for the whole".to_owned(),
        ));
    }
    Ok(())
}

/// What is left of the request's bytes.
struct Budget {
    left: usize,
    max: usize,
    /// Whether a secret was put in.
    is_filled: bool,
}

impl Budget {
    fn new(max: usize) -> Self {
        Self { left: max, max, is_filled: false }
    }

    fn take(&mut self, bytes: usize) -> Result<(), FetchError> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return Err(self.spent()),
        }
        Ok(())
    }

    fn fill<'t>(
        &mut self,
        text: &'t [u8],
        place: Place,
        secrets: &Secrets,
    ) -> Result<Cow<'t, [u8]>, FetchError> {
        let filled = secrets.fill(text, place, self.left).ok_or_else(|| self.spent())?;
        self.is_filled |= matches!(filled, Cow::Owned(_));
        self.take(filled.len())?;
        Ok(filled)
    }

    fn spent(&self) -> FetchError {
        let max = self.max;
        FetchError::RequestTooLarge(format!(
            "the request has more than {max} bytes (URL, headers and body; `limits.http_request_bytes`)"
        ))
    }
}

fn read_method(text: &str) -> Result<Method, FetchError> {
    let known = METHODS.into_iter().find(|method| method.as_str() == text);
    known.ok_or_else(|| {
        FetchError::Invalid(
            "the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS".to_owned(),
        )
    })
}

fn fill_uri(url: &Url, secrets: &Secrets, budget: &mut Budget) -> Result<Uri, FetchError> {
    let invalid = || FetchError::Invalid("the URL cannot be sent over HTTP".to_owned());
    // Scheme, host and port come from the same parse that the rules saw.
    let origin = Rule::of_origin(url).ok_or_else(invalid)?;
    let host = origin.host();
    let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    let authority = Authority::try_from(authority).map_err(|_invalid| invalid())?;
    if authority.host() != host {
        return Err(invalid());
    }
    let target = url
        .query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    budget.take(url.scheme().len() + "://".len() + authority.as_str().len())?;
    let target = budget.fill(target.as_bytes(), Place::Component, secrets)?;
    let target = PathAndQuery::try_from(target.as_ref()).map_err(|_invalid| invalid())?;
    let uri = Uri::builder().scheme(url.scheme()).authority(authority).path_and_query(target);
    uri.build().map_err(|_invalid| invalid())
}

fn fill_headers(
    list: &[(String, String)],
    secrets: &Secrets,
    budget: &mut Budget,
) -> Result<HeaderMap, FetchError> {
    if HEADERS_MAX < list.len() {
        return Err(FetchError::RequestTooLarge(format!(
            "the request has more than {HEADERS_MAX} headers"
        )));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        let name = read_name(name)?;
        budget.take(name.as_str().len())?;
        let filled = budget.fill(value.as_bytes(), Place::Raw, secrets)?;
        let is_filled = matches!(filled, Cow::Owned(_));
        let mut value = HeaderValue::from_bytes(&filled).map_err(|_invalid| {
            FetchError::Invalid(format!(
                "the value of header `{name}` has a line end or a control character in it"
            ))
        })?;
        // Keeps it out of HTTP/2's header tables and of debug output.
        value.set_sensitive(is_filled);
        headers.append(name, value);
    }
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(OWN_AGENT));
    headers.insert("accept-encoding", HeaderValue::from_static("identity"));
    Ok(headers)
}

fn read_name(text: &str) -> Result<HeaderName, FetchError> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_invalid| {
        FetchError::Invalid(
            "a header's name is empty or has a character that names cannot have".to_owned(),
        )
    })?;
    if HOST_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
        return Err(FetchError::Invalid(format!(
            "header `{name}` is set by the host alone: leave it out"
        )));
    }
    Ok(name)
}

fn body_place(headers: &HeaderMap) -> Place {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/json" | "text/json" => Place::Json,
        "application/x-www-form-urlencoded" => Place::Component,
        other if other.ends_with("+json") => Place::Json,
        _ => Place::Raw,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http_body_util::BodyExt as _;

    use super::{super::Outgoing, *};
    use crate::secret::Secret;

    fn secrets(value: &str) -> Secrets {
        Secrets::new(BTreeMap::from([("key".to_owned(), Secret::new(value.to_owned()))]).iter())
    }

    fn outgoing(url: &str) -> Outgoing {
        Outgoing {
            method: "GET".to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: None,
        }
    }

    fn built(
        request: Outgoing,
        secrets: &Secrets,
        max: usize,
    ) -> Result<Request<Full<Bytes>>, FetchError> {
        let url = read_url(&request.url, secrets)?;
        build(request, &url, secrets, max)
    }

    fn with_header(name: &str, value: &str) -> Result<Request<Full<Bytes>>, FetchError> {
        let headers = vec![(name.to_owned(), value.to_owned())];
        built(Outgoing { headers, ..outgoing("https://a.example/") }, &secrets("none"), 1000)
    }

    #[test]
    fn tricks_in_urls_are_refused() {
        for bad in [
            "",
            "a.example",
            "/path",
            "ftp://a.example/",
            "https://u@a.example/",
            "https://u:p@a.example/",
            "https://:p@a.example/",
            "https://a.example\\@b.example/",
            "https://a.exa\tmple/",
            "https://a.example/\r\nx: y",
            "https://a.example/\0",
            "https://a b.example/",
            "https://a.example:70000/",
            "https://[::1/",
            "https://%00.example/",
        ] {
            assert!(
                matches!(read_url(bad, &secrets("none")), Err(FetchError::Invalid(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn the_request_goes_where_the_rules_looked() {
        for (url, expected) in [
            ("HTTPS://A.example.:443/p?q=1#frag", "https://a.example/p?q=1"),
            ("https://a.example:8443?x", "https://a.example:8443/?x"),
            ("http://[::1]:80/a/../b c", "http://[::1]/b%20c"),
            ("https://a.example//b.example/", "https://a.example//b.example/"),
            ("https://0x7f000001/", "https://127.0.0.1/"),
            ("https://%61.example/@b", "https://a.example/@b"),
        ] {
            let request = built(outgoing(url), &secrets("none"), 1000).unwrap();
            assert_eq!(request.uri().to_string(), expected, "{url}");
        }
    }

    #[test]
    fn only_known_methods_pass() {
        for bad in ["", "get", "CONNECT", "TRACE", "GET ", "GET / HTTP/1.1\r\n"] {
            let request = Outgoing { method: bad.to_owned(), ..outgoing("https://a.example/") };
            assert!(
                matches!(built(request, &secrets("none"), 1000), Err(FetchError::Invalid(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn headers_of_the_host_and_broken_ones_are_refused() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "TE",
            "trailer",
            "upgrade",
            "proxy-authorization",
            "Proxy-Connection",
            "keep-alive",
            "expect",
            "accept-encoding",
            "",
            "a b",
            "a:",
            "a\r\nb",
            "é",
        ] {
            assert!(matches!(with_header(name, "x"), Err(FetchError::Invalid(_))), "{name:?}");
        }
        for value in ["a\r\nb: c", "a\nb", "a\0", "a\x7f"] {
            assert!(matches!(with_header("x", value), Err(FetchError::Invalid(_))), "{value:?}");
        }
        assert!(with_header("X-Name", "a\tb é").is_ok());
    }

    #[test]
    fn a_request_names_its_agent_and_wants_plain_answers() {
        let request = with_header("x", "y").unwrap();
        assert_eq!(request.headers()["user-agent"], OWN_AGENT);
        assert_eq!(request.headers()["accept-encoding"], "identity");
        assert_eq!(with_header("User-Agent", "mine").unwrap().headers()["user-agent"], "mine");
    }

    #[test]
    fn a_secret_never_decides_where_a_request_goes() {
        let secrets = secrets("evil.example");
        let placeholder = secrets.placeholder("key").unwrap().to_owned();
        for bad in [
            format!("https://{placeholder}/"),
            format!("https://{placeholder}.a.example/"),
            format!("https://{}/", placeholder.to_uppercase()),
            format!("https://%70{}/", placeholder.strip_prefix('p').unwrap()),
            format!("https://{placeholder}@a.example/"),
            format!("https://u:{placeholder}@a.example/"),
            format!("{placeholder}://a.example/"),
            format!("https://a.example:{placeholder}/"),
        ] {
            assert!(matches!(read_url(&bad, &secrets), Err(FetchError::Invalid(_))), "{bad}");
        }
    }

    #[tokio::test]
    async fn secrets_are_put_in_everywhere_else() {
        let secrets = secrets("a/b \"c\"");
        let placeholder = secrets.placeholder("key").unwrap().to_owned();
        for (kind, body) in [
            ("application/json; charset=utf-8", "a/b \\\"c\\\""),
            ("application/vnd.api+json", "a/b \\\"c\\\""),
            ("application/x-www-form-urlencoded", "a%2Fb%20%22c%22"),
            ("text/plain", "a/b \"c\""),
        ] {
            let request = Outgoing {
                method: "POST".to_owned(),
                url: format!("https://a.example/x/{placeholder}/y?k={placeholder}#{placeholder}"),
                headers: vec![
                    ("authorization".to_owned(), format!("Bearer {placeholder}")),
                    ("content-type".to_owned(), kind.to_owned()),
                ],
                body: placeholder.clone().into_bytes(),
                timeout_ms: None,
            };
            let request = built(request, &secrets, 1000).unwrap();
            assert_eq!(
                request.uri().to_string(),
                "https://a.example/x/a%2Fb%20%22c%22/y?k=a%2Fb%20%22c%22"
            );
            assert_eq!(request.headers()["authorization"], "Bearer a/b \"c\"");
            assert!(request.headers()["authorization"].is_sensitive());
            assert_eq!(
                request.into_body().collect().await.unwrap().to_bytes(),
                body.as_bytes(),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_secret_cannot_break_out_of_its_header() {
        let secrets = secrets("abc\r\nhost: evil");
        let headers = vec![("x".to_owned(), secrets.placeholder("key").unwrap().to_owned())];
        let error = built(Outgoing { headers, ..outgoing("https://a.example/") }, &secrets, 1000)
            .unwrap_err();
        assert!(!error.to_string().contains("evil"), "{error}");
        assert!(matches!(error, FetchError::Invalid(_)));
    }

    #[test]
    fn a_request_is_counted_as_written_and_as_sent() {
        let short = secrets("abcd");
        let url = "https://a.example/";
        let request = Outgoing {
            method: "POST".to_owned(),
            headers: vec![("name".to_owned(), "value".to_owned())],
            body: vec![b'x'; 73],
            ..outgoing(url)
        };
        assert_eq!(url.len() + "namevalue".len() + 73, 100);
        assert!(built(request.clone(), &short, 100).is_ok());
        assert!(matches!(built(request, &short, 99), Err(FetchError::RequestTooLarge(_))));

        let long = secrets(&"x".repeat(50));
        let body = long.placeholder("key").unwrap().as_bytes().to_vec();
        let request = Outgoing { method: "POST".to_owned(), body, ..outgoing(url) };
        assert!(built(request.clone(), &long, 68).is_ok());
        assert!(matches!(built(request, &long, 67), Err(FetchError::RequestTooLarge(_))));
    }

    #[test]
    fn a_request_has_a_bounded_number_of_headers() {
        let header = ("x".to_owned(), "y".to_owned());
        let with = |count: usize| Outgoing {
            headers: vec![header.clone(); count],
            ..outgoing("https://a.example/")
        };
        assert!(built(with(128), &secrets("none"), 1000).is_ok());
        assert!(matches!(
            built(with(129), &secrets("none"), 1000),
            Err(FetchError::RequestTooLarge(_))
        ));
    }
}
