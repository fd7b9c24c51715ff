//! What a preview may ask, and what it would have sent.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;

use super::write::Write;
use crate::card::Card;

/// The id of what does not exist yet.
pub(super) const NEW: &str = "new";

/// One write of a preview.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedWrite {
    /// The step's name, as in the journal.
    pub step: String,
    pub write: Write,
}

/// Keeps every write.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The webhook's body, for rules that look at it.
    pub(super) body: Option<Bytes>,
    /// Taken for what the CRM would answer to a look-up.
    pub(super) cards: Option<Vec<Card>>,
    /// Whether the CRM may be asked.
    pub(super) looks_up: bool,
    writes: Mutex<Vec<PlannedWrite>>,
}

impl Draft {
    pub(super) fn new(body: Option<Bytes>, cards: Option<Vec<Card>>, looks_up: bool) -> Self {
        Self { body, cards, looks_up, writes: Mutex::default() }
    }

    /// Whether the CRM may be asked about this card: it is one of its own.
    pub(super) fn knows(&self, card: &str) -> bool {
        self.looks_up && self.cards.is_none() && card != NEW
    }

    pub(super) fn keep(&self, step: &str, write: Write) {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.push(PlannedWrite { step: step.to_owned(), write });
    }

    pub(super) fn into_writes(self) -> Vec<PlannedWrite> {
        self.writes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
