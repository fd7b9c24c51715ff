//! Requests whose end two programs could see in two places.
//!
//! A proxy in front of the host and the host itself must agree on where a request ends; else the
//! rest of one is the start of another (request smuggling). hyper refuses lengths that contradict
//! each other, chunks that are not right, and folded lines. What it takes and others may read in
//! another way is answered, and is the last request of its connection: what comes after it is
//! never read.

use hyper::{
    Method, Request, Version,
    body::Body,
    header::{self, HeaderMap},
};

use super::ApiError;

/// Refuses what RFC 9112 wants refused, and hyper does not.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), ApiError> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let is_right = hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11);
    if is_right {
        Ok(())
    } else {
        Err(ApiError::BadInput(format!("send the header `host` once: it came {hosts} times")))
    }
}

/// Whether the connection must end after this request.
pub(super) fn is_doubtful<B: Body>(request: &Request<B>) -> bool {
    let headers = request.headers();
    check(request).is_err()
        || headers.contains_key(header::TRANSFER_ENCODING)
        || 1 < lengths(headers)
        || (is_bare(request.method()) && !request.body().is_end_stream())
}

fn lengths(headers: &HeaderMap) -> usize {
    headers.get_all(header::CONTENT_LENGTH).iter().count()
}

/// Methods that seldom have a body, so that a proxy may not look for one.
fn is_bare(method: &Method) -> bool {
    !matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};
    use hyper::body::Bytes;

    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
        let builder = Request::builder().method(method).uri("/hooks/x");
        let builder =
            headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        builder.body(Full::from("body")).unwrap()
    }

    #[test]
    fn a_request_has_one_host() {
        assert!(check(&request("POST", &[("host", "a")])).is_ok());
        for wrong in [&[][..], &[("host", "a"), ("host", "b")], &[("host", "a"), ("host", "a")]] {
            assert!(check(&request("POST", wrong)).is_err(), "{wrong:?}");
        }
        let mut old = request("POST", &[]);
        *old.version_mut() = Version::HTTP_10;
        assert!(check(&old).is_ok());
    }

    #[test]
    fn what_others_may_read_in_another_way_is_doubtful() {
        let host = ("host", "a");
        assert!(!is_doubtful(&request("POST", &[host, ("content-length", "4")])));
        assert!(is_doubtful(&request("POST", &[host, ("transfer-encoding", "chunked")])));
        let twice = [host, ("content-length", "4"), ("content-length", "4")];
        assert!(is_doubtful(&request("POST", &twice)));
        assert!(is_doubtful(&request("GET", &[host, ("content-length", "4")])));
        let empty = Request::get("/").header("host", "a").body(Empty::<Bytes>::new()).unwrap();
        assert!(!is_doubtful(&empty));
    }
}
