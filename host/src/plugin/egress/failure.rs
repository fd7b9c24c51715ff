//! Why there is no response, in the guest's words.

use std::error::Error;

use hyper_util::client::legacy;
use url::Url;

use super::{Door, FetchError, connector::AddressRefused, permits, response};

impl Door {
    /// What the guest is told of a request that failed on its way.
    pub(super) fn failure(&self, url: &Url, method: &str, error: &legacy::Error) -> FetchError {
        let refused = causes(error).find_map(<dyn Error>::downcast_ref::<AddressRefused>);
        if let Some(AddressRefused(address)) = refused {
            return self.denied(url, method, permits::address_denied(url, *address));
        }
        let is_large = |cause: &(dyn Error + 'static)| {
            cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large)
        };
        if causes(error).any(is_large) {
            return response::headers_too_large();
        }
        let text = self.scrub(&text_of(error));
        if error.is_connect() {
            FetchError::Unreachable(text)
        } else {
            FetchError::Interrupted(text)
        }
    }
}

pub(super) fn text_of(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}
