//! Pages of channels, for frames in other systems' windows. Anybody may ask for them.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Uri, header},
    response::Response,
};

use super::{ApiError, AppState};
use crate::{
    account::Role,
    directory::{Entry, Snapshot},
    event::Page,
    id::AccountId,
    plugin::Adapter,
};

/// `GET /embed/{account}` and `/embed/{account}/…`. A paused account shows its pages too.
///
/// No account, no page and no such page are one answer: it tells nobody which accounts there are.
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    if state.tasks.is_stopping() {
        return Err(ApiError::Stopping);
    }
    let _slot = state.door.in_flight.try_acquire().map_err(|_full| ApiError::Busy)?;
    let (account, path) = account_and_path(&uri);
    let adapter = adapter(&state.directory.snapshot(), account)?;
    let admitted = state.door.page_pace.admit(&adapter.account().id, None, state.clock.now());
    admitted.map_err(|wait| ApiError::TooFast { wait })?;
    let bytes_max = state.door.header_bytes_max;
    if bytes_max < uri.path().len() + uri.query().map_or(0, str::len) {
        return Err(ApiError::HeadersTooLarge { bytes_max });
    }
    let page = adapter.render(path, uri.query().unwrap_or_default()).await.map_err(|error| {
        tracing::warn!(
            account.id = %adapter.account().id,
            error = &error as &dyn std::error::Error,
            "a page could not be rendered"
        );
        ApiError::PageNotReady
    })?;
    page.map(answer).ok_or(ApiError::NoSuchAddress)
}

/// The account, and what follows `/embed/{account}`, as they were sent.
fn account_and_path(uri: &Uri) -> (&str, &str) {
    let rest = uri.path().strip_prefix("/embed/").unwrap_or_default();
    rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash))
}

fn adapter(snapshot: &Snapshot, account: &str) -> Result<Arc<Adapter>, ApiError> {
    let id: AccountId = account.parse().map_err(|_no_id| ApiError::NoSuchAddress)?;
    let Entry { account, adapter } = snapshot.accounts.get(&id).ok_or(ApiError::NoSuchAddress)?;
    let plugin = snapshot.plugin_of(account).ok_or(ApiError::NoSuchAddress)?;
    if !plugin.has(Role::ChannelPage) {
        return Err(ApiError::NoSuchAddress);
    }
    adapter.clone().map_err(|_problems| ApiError::PageNotReady)
}

/// The adapter's page; the plugin floor has checked it.
fn answer(page: Page) -> Response {
    let Page { content_type, content_security_policy, body } = page;
    let mut answer = Response::new(Body::from(body));
    let headers = answer.headers_mut();
    let own = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, content_security_policy),
    ];
    for (name, value) in own {
        let value = HeaderValue::try_from(value).expect("the plugin floor lets nothing else pass");
        headers.insert(name, value);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_and_path_are_taken_as_they_were_sent() {
        for (uri, expected) in [
            ("/embed/chat", ("chat", "")),
            ("/embed/chat?a=b", ("chat", "")),
            ("/embed/chat/", ("chat", "/")),
            ("/embed/chat/a%2Fb/c", ("chat", "/a%2Fb/c")),
            ("/embed//a", ("", "/a")),
        ] {
            assert_eq!(account_and_path(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
