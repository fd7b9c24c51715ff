//! What the server's errors mean to the host. Their details hold stored values, and are dropped.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use super::{Error, unavailable};

/// An answer of the server, without the part that may quote a row.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {})", .code.code())]
struct ServerError {
    code: SqlState,
    message: String,
}

/// Why a database is not used. The text tells the remedy.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "`storage` is no URL of a PostgreSQL database: write it as \
         postgres://user:password@host:5432/database?sslmode=require, and encode special characters \
         of the password with `%`"
    )]
    Url,
    #[error(
        "the database has release {found} of PostgreSQL, and 14 is the oldest that works: upgrade it"
    )]
    OldServer { found: i32 },
    #[error(
        "the clocks of this machine and of the database differ by {seconds} seconds, and leases of \
         jobs rest on them: set both with NTP"
    )]
    Clock { seconds: i64 },
    #[error(
        "the certificate of the database is not trusted: give it one of a public authority, or add \
         `sslmode=disable` to the URL where nobody else is on the network between"
    )]
    Certificate(#[source] tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(told) => unavailable(ServerError {
                code: told.code().clone(),
                message: told.message().to_owned(),
            }),
            None => unavailable(error),
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            error => unavailable(error),
        }
    }
}

impl From<Refused> for Error {
    fn from(error: Refused) -> Self {
        unavailable(error)
    }
}

fn code(error: &Error) -> Option<&SqlState> {
    match error {
        Error::Unavailable(source) => source.downcast_ref::<ServerError>().map(|error| &error.code),
        _ => None,
    }
}

/// Whether the server ended a transaction for the sake of another one.
pub(super) fn is_conflict(error: &Error) -> bool {
    let conflicts = [&SqlState::T_R_DEADLOCK_DETECTED, &SqlState::T_R_SERIALIZATION_FAILURE];
    code(error).is_some_and(|code| conflicts.contains(&code))
}

/// Whether a row had no partition to go to.
pub(super) fn is_without_partition(error: &Error) -> bool {
    code(error).is_some_and(|code| *code == SqlState::CHECK_VIOLATION)
}

/// Whether the server has understood what was asked, and refused it: the same in smaller pieces may
/// pass. What failed on the way there does not.
pub(super) fn is_about_a_row(error: &Error) -> bool {
    let Some(code) = code(error) else { return matches!(error, Error::Corrupt { .. }) };
    // Classes: data exception, constraint violation, program limit.
    ["22", "23", "54"].iter().any(|class| code.code().starts_with(class))
}

/// Whether the server says that a thing is there already, or has gone meanwhile.
pub(super) fn is_done_by_another(error: &tokio_postgres::Error) -> bool {
    let done = [
        &SqlState::DUPLICATE_TABLE,
        &SqlState::UNDEFINED_TABLE,
        &SqlState::UNIQUE_VIOLATION,
        &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        &SqlState::INVALID_OBJECT_DEFINITION,
        &SqlState::WRONG_OBJECT_TYPE,
    ];
    error.code().is_some_and(|code| done.contains(&code))
}
