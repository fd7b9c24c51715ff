//! Checks of `managers`.

use std::collections::BTreeSet;

use super::Suite;
use crate::Managers;
use crate::types::{Error, Person};

/// Pages of assignments that are read.
const PAGES_MAX: usize = 1_000;

impl Suite<'_> {
    /// Every check of `managers`. The CRM has at least one.
    pub fn managers<T: Managers>(&self) -> Result<Vec<Person>, String> {
        let people = self.good("list-managers", T::list_managers)?;
        if people.is_empty() {
            return Err("`list-managers` names nobody".to_owned());
        }
        let mut ids = BTreeSet::new();
        for person in &people {
            match person.id.as_deref() {
                None | Some("") => return Err("`list-managers` names one without an id".to_owned()),
                Some(id) if !ids.insert(id.to_owned()) => {
                    return Err(format!("`list-managers` names `{id}` twice"));
                }
                Some(_) => {}
            }
        }
        self.pages_come_to_an_end::<T>()?;
        let strange = || T::list_assignments(Some("no such page".to_owned()));
        match self.call("list-assignments", strange)? {
            Err(Error::Invalid(_) | Error::NotFound(_)) => Ok(people),
            other => Err(format!("`list-assignments` of a strange page answers {other:?}")),
        }
    }

    fn pages_come_to_an_end<T: Managers>(&self) -> Result<(), String> {
        let (mut cards, mut page) = (BTreeSet::new(), None);
        for _ in 0..PAGES_MAX {
            let (assignments, next) =
                self.good("list-assignments", || T::list_assignments(page.take()))?;
            for assignment in assignments {
                if assignment.manager.id.is_none() {
                    return Err("`list-assignments` names a manager without an id".to_owned());
                }
                for card in assignment.cards {
                    if !cards.insert(card.clone()) {
                        return Err(format!("`list-assignments` names card `{card}` twice"));
                    }
                }
            }
            page = next;
            if page.is_none() {
                return Ok(());
            }
        }
        Err(format!("`list-assignments` has more than {PAGES_MAX} pages"))
    }
}
