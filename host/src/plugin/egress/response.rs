//! Reads a response up to its limits and takes the secrets out of it.

use std::borrow::Cow;

use bytes::Buf as _;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Response, body,
    header::{CONTENT_ENCODING, HeaderName, HeaderValue, TRANSFER_ENCODING},
};

use super::{
    super::secrets::Secrets, FetchError, HEADER_BYTES_MAX, HEADERS_MAX, Incoming, text_of,
};

/// Headers of the host's own begin so.
const OWN: &str = "x-patchbay";

pub(super) async fn read(
    response: Response<body::Incoming>,
    secrets: &Secrets,
    bytes_max: usize,
) -> Result<Incoming, FetchError> {
    let status = response.status().as_u16();
    if !secrets.is_empty() {
        plain_only(response.headers())?;
    }
    let headers = read_headers(response.headers(), secrets)?;
    let body = read_body(response.into_body(), secrets, bytes_max).await?;
    let clean = secrets.scrub_bytes(&body, bytes_max);
    let body = match clean.ok_or_else(|| too_large(bytes_max))? {
        // Nothing was found: no copy.
        Cow::Borrowed(_) => body,
        Cow::Owned(clean) => clean,
    };
    Ok(Incoming { status, headers, body })
}

/// Nobody asked for a compressed answer, and secrets are not found in one.
fn plain_only(headers: &HeaderMap) -> Result<(), FetchError> {
    let codings = headers.get_all(CONTENT_ENCODING).iter().map(|value| (value, "identity"));
    let transfers = headers.get_all(TRANSFER_ENCODING).iter().map(|value| (value, "chunked"));
    for (value, plain) in codings.chain(transfers) {
        let is_plain = value.to_str().is_ok_and(|value| {
            let mut words = value.split(',').map(str::trim);
            words.all(|word| word.is_empty() || word.eq_ignore_ascii_case(plain))
        });
        if !is_plain {
            return Err(FetchError::Interrupted(
                "the answer is compressed though it was asked to be plain: secrets could not be kept out of it"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

fn read_headers(
    headers: &HeaderMap,
    secrets: &Secrets,
) -> Result<Vec<(String, String)>, FetchError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if HEADERS_MAX < headers.len() || HEADER_BYTES_MAX < bytes {
        return Err(headers_too_large());
    }
    // What the host says of a request is said by nobody else.
    let is_foreign = |(name, _): &(&HeaderName, &HeaderValue)| !name.as_str().starts_with(OWN);
    let clean = headers.iter().filter(is_foreign).map(|(name, value)| {
        let value = secrets
            .scrub_bytes(value.as_bytes(), HEADER_BYTES_MAX)
            .ok_or_else(headers_too_large)?;
        Ok((secrets.scrub(name.as_str()), String::from_utf8_lossy(&value).into_owned()))
    });
    clean.collect()
}

async fn read_body(
    mut body: body::Incoming,
    secrets: &Secrets,
    bytes_max: usize,
) -> Result<Vec<u8>, FetchError> {
    use hyper::body::Body as _;

    let promised = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if bytes_max < promised {
        return Err(too_large(bytes_max));
    }
    let mut whole = Vec::with_capacity(promised);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| FetchError::Interrupted(secrets.scrub(&text_of(&error))))?;
        // Trailers are dropped.
        let Ok(chunk) = frame.into_data() else { continue };
        if bytes_max - whole.len() < chunk.remaining() {
            return Err(too_large(bytes_max));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

pub(super) fn headers_too_large() -> FetchError {
    FetchError::ResponseTooLarge(format!(
        "the response has more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them"
    ))
}

fn too_large(bytes_max: usize) -> FetchError {
    FetchError::ResponseTooLarge(format!(
        "the response has more than {bytes_max} bytes (`limits.http_response_bytes`)"
    ))
}
