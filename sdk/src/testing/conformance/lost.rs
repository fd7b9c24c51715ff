//! What is left of a write whose answer, or whose request, was lost: one record, whatever happens.
//!
//! Each request of a call is lost once, in both ways. An adapter that writes again without looking, or
//! without a key that the CRM knows, makes two.

use super::{Record, Suite, longest_key};
use crate::Contacts;
use crate::testing::host::Loss;
use crate::types::{Error, Identifier};

/// Attempts after a loss.
const ATTEMPTS_MAX: usize = 10;

/// A write that can be repeated, and a way to count what it made.
pub(super) struct Write<'w> {
    pub(super) what: &'static str,
    /// Answers the id of what it wrote.
    pub(super) send: Box<dyn Fn() -> Result<String, Error> + 'w>,
    pub(super) count: Box<dyn Fn() -> Result<usize, String> + 'w>,
}

/// Prepares a write for each loss, all of them different, and looks what becomes of it.
pub(super) fn check<'w>(
    suite: &Suite<'_>,
    mut prepare: impl FnMut(usize) -> Result<Write<'w>, String>,
) -> Result<(), String> {
    let mut number = 0;
    for loss in [Loss::Answer, Loss::Request] {
        for others in 0.. {
            number += 1;
            let write = prepare(number)?;
            if !survives(suite, &write, others, loss)? {
                break;
            }
        }
    }
    Ok(())
}

/// Whether there was a request to lose.
fn survives(
    suite: &Suite<'_>,
    write: &Write<'_>,
    others: usize,
    loss: Loss,
) -> Result<bool, String> {
    let Write { what, send, count } = write;
    let before = count()?;
    suite.host.lose_after(others, loss);
    let first = suite.call(what, send)?;
    let has_lost = suite.host.has_lost();
    if !has_lost && let Err(error) = &first {
        return Err(format!("`{what}` failed: {error:?}"));
    }
    let made = count()?.saturating_sub(before);
    match &first {
        Ok(_) | Err(Error::UnknownOutcome(_) | Error::RateLimited(_)) => {}
        Err(Error::Unavailable(_)) if made == 0 => {}
        Err(error) => {
            return Err(format!(
                "`{what}` has written {made} and lost an answer, and says {error:?}"
            ));
        }
    }
    let id = repeated(suite, write)?;
    let made = count()?.saturating_sub(before);
    if made != 1 {
        return Err(format!(
            "`{what}` lost request {} ({loss:?}) and was repeated: that made {made} records",
            others + 1
        ));
    }
    match first {
        Ok(first) if first != id => Err(format!("`{what}` answers `{first}`, and then `{id}`")),
        _ => Ok(has_lost),
    }
}

fn repeated(suite: &Suite<'_>, write: &Write<'_>) -> Result<String, String> {
    for _ in 0..ATTEMPTS_MAX {
        match suite.call(write.what, &write.send)? {
            Ok(id) => return Ok(id),
            Err(Error::RateLimited(wait_ms)) => (suite.wait)(wait_ms.unwrap_or(1_000)),
            Err(Error::Unavailable(_) | Error::UnknownOutcome(_)) => {}
            Err(error) => {
                return Err(format!("`{}` fails after a lost answer: {error:?}", write.what));
            }
        }
    }
    Err(format!("`{}` never succeeds after a lost answer", write.what))
}

pub(super) fn contacts<T: Contacts>(suite: &Suite<'_>) -> Result<(), String> {
    check(suite, |number| {
        let client = (suite.client)(1_000 + number);
        let native = suite.native::<T>(&client.identifiers, &client.fields)?;
        let key = longest_key(&format!("lost-card-{number}"));
        let send = move || T::upsert_contact(None, native.clone(), key.clone()).map(|card| card.id);
        let count = move || found::<T>(suite, client.identifiers.clone());
        Ok(Write { what: "upsert-contact", send: Box::new(send), count: Box::new(count) })
    })
}

fn found<T: Contacts>(suite: &Suite<'_>, any_of: Vec<Identifier>) -> Result<usize, String> {
    Ok(suite.good("lookup-client", || T::lookup_client(any_of))?.len())
}

/// Counts what the contract cannot list.
pub(super) fn counted<'w>(
    suite: &'w Suite<'_>,
    record: Record,
) -> Box<dyn Fn() -> Result<usize, String> + 'w> {
    Box::new(move || Ok((suite.count)(record)))
}
