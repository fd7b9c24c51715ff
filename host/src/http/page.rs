//! Pages of lists: `?before=<cursor>&limit=<n>`, newest first.

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use serde::{Serialize, de::DeserializeOwned};

use super::ApiError;
use crate::{
    card::Problem,
    storage::{Page, PageQuery},
};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 500;

/// The parameters of the query; a fault is told as every other one.
#[derive(Debug)]
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|error| ApiError::BadInput(error.body_text()))
    }
}

/// The variable parts of the path. What is no UTF-8 once decoded is nobody's address.
#[derive(Debug)]
pub(super) struct Segment<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segment<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_not_text| ApiError::NoSuchAddress)
    }
}

/// Which part of a list is wanted.
#[derive(Debug)]
pub(super) struct PageParameters {
    before: Option<i64>,
    limit: Option<u32>,
}

impl PageParameters {
    /// From the parameters as they stand in the query; the error names the one at fault.
    pub(super) fn from_texts(before: Option<&str>, limit: Option<&str>) -> Result<Self, ApiError> {
        Ok(Self { before: number("before", before)?, limit: number("limit", limit)? })
    }

    pub(super) fn query(&self) -> Result<PageQuery, ApiError> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        if (1..=LIMIT_MAX).contains(&limit) {
            return Ok(PageQuery { before: self.before, limit });
        }
        let message = format!("{limit} is not between 1 and {LIMIT_MAX}");
        Err(ApiError::Invalid(vec![Problem { field: Some("limit".to_owned()), message }]))
    }
}

/// One page as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct PageBody<T> {
    items: Vec<T>,
    /// The `before` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

impl<T> PageBody<T> {
    pub(super) fn new<S>(page: Page<S>, show: impl Fn(S) -> T) -> Self {
        Self { items: page.items.into_iter().map(show).collect(), next: page.next }
    }

    /// A list that is never long enough for pages.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

fn number<T: std::str::FromStr>(field: &str, text: Option<&str>) -> Result<Option<T>, ApiError> {
    let wrong = |text: &str| {
        let message = format!("`{text}` is not a number that is allowed here");
        ApiError::Invalid(vec![Problem { field: Some(field.to_owned()), message }])
    };
    text.map(|text| text.parse().map_err(|_not_a_number| wrong(text))).transpose()
}
