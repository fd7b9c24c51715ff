//! What CRMs tell of themselves: their fields, their managers, and who looks after how many.
//!
//! Asked when a job needs it, and kept for a few minutes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering},
};

use jiff::{SignedDuration, Timestamp};

use super::{Failure, Work, ledger::Ledger};
use crate::{
    account::Role,
    card::{AdapterError, FieldSpec, Person},
    event::{Remark, RemarkKind},
    id::AccountId,
    outcome::Outcome,
    plugin::{self, Adapter},
};

/// Fields change when somebody redesigns the CRM.
const FIELDS_KEPT: SignedDuration = SignedDuration::from_mins(5);

/// Managers come and go, and so do their cards.
const MANAGERS_KEPT: SignedDuration = SignedDuration::from_mins(2);

/// A CRM that did not tell is asked again after this.
const SILENCE_KEPT: SignedDuration = SignedDuration::from_secs(30);

/// Pages of assignments that are counted at most.
const PAGES_MAX: usize = 50;

/// The facts of every CRM account that was asked. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Facts(Arc<Mutex<HashMap<AccountId, Told>>>);

/// What one account's CRM has told.
#[derive(Debug)]
struct Told {
    /// Through this adapter. A changed account or plugin has another one.
    by: Weak<Adapter>,
    contact_fields: Slot<Arc<[FieldSpec]>>,
    deal_fields: Slot<Arc<[FieldSpec]>>,
    managers: Slot<Option<Arc<[Person]>>>,
    loads: Slot<Loads>,
    /// Held by who asks for the loads.
    counting: Arc<tokio::sync::Mutex<()>>,
}

/// How many cards each manager looks after, by the manager's id. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Loads {
    pub(super) cards: Arc<BTreeMap<String, u64>>,
    /// When they were asked for; 1970 where they are not known.
    pub(super) counted_at: Timestamp,
}

/// A value, and when it has to be asked for again.
type Slot<T> = Option<(T, Timestamp)>;

/// Which fact is meant.
type Which<T> = fn(&mut Told) -> &mut Slot<T>;

impl Facts {
    fn get<T: Clone>(&self, adapter: &Arc<Adapter>, which: Which<T>, now: Timestamp) -> Option<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = all.get_mut(&adapter.account().id)?;
        if !Weak::ptr_eq(&told.by, &Arc::downgrade(adapter)) {
            return None;
        }
        which(told).as_ref().filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    /// The loads that were told last, also if they are to be asked for again, and the turn of who asks.
    fn counting(&self, adapter: &Arc<Adapter>) -> (Option<Loads>, Arc<tokio::sync::Mutex<()>>) {
        let by = Arc::downgrade(adapter);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = all.entry(adapter.account().id.clone()).or_insert_with(|| Told::new(&by));
        if !Weak::ptr_eq(&told.by, &by) {
            *told = Told::new(&by);
        }
        let old = told.loads.as_ref().map(|(loads, _)| loads.clone());
        (old, Arc::clone(&told.counting))
    }

    fn put<T>(&self, adapter: &Arc<Adapter>, which: Which<T>, value: T, until: Timestamp) {
        let by = Arc::downgrade(adapter);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Accounts that are gone or changed leave nothing behind.
        all.retain(|_, told| 0 < told.by.strong_count());
        let told = all.entry(adapter.account().id.clone()).or_insert_with(|| Told::new(&by));
        if !Weak::ptr_eq(&told.by, &by) {
            *told = Told::new(&by);
        }
        *which(told) = Some((value, until));
    }

    /// The account's fields are asked for again by whoever needs them next.
    fn forget_fields(&self, adapter: &Adapter) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = all.get_mut(&adapter.account().id) {
            (told.contact_fields, told.deal_fields) = (None, None);
        }
    }
}

impl Told {
    fn new(by: &Weak<Adapter>) -> Self {
        let by = Weak::clone(by);
        let (contact_fields, deal_fields, managers, loads) = (None, None, None, None);
        Self { by, contact_fields, deal_fields, managers, loads, counting: Arc::default() }
    }
}

impl Ledger<'_> {
    /// The fields of a contact; empty where the CRM never tells them.
    pub(super) fn contact_fields(&self) -> Work<'_, Arc<[FieldSpec]>> {
        Box::pin(async move {
            self.fields(|told| &mut told.contact_fields, self.crm.describe_fields()).await
        })
    }

    /// The fields of a deal, likewise.
    pub(super) fn deal_fields(&self) -> Work<'_, Arc<[FieldSpec]>> {
        Box::pin(async move {
            self.fields(|told| &mut told.deal_fields, self.crm.describe_deal_fields()).await
        })
    }

    async fn fields(
        &self,
        which: Which<Arc<[FieldSpec]>>,
        call: impl Future<Output = Result<Vec<FieldSpec>, plugin::Error>>,
    ) -> Result<Arc<[FieldSpec]>, Failure> {
        if let Some(known) = self.known(which) {
            self.goes_by_kept_fields.fetch_or(!known.is_empty(), Ordering::Relaxed);
            return Ok(known);
        }
        if !self.can_ask() {
            return Ok(Arc::default());
        }
        match self.call(call).await {
            Ok(specs) => Ok(self.keep(which, specs.into(), FIELDS_KEPT)),
            Err(failure) if failure.outcome == Outcome::Permanent => {
                tracing::warn!(
                    account.id = %self.crm.account().id,
                    reason = failure.reason,
                    "the CRM does not tell its fields"
                );
                Ok(self.keep(which, Arc::default(), SILENCE_KEPT))
            }
            // Without its fields a phone that the card has would be lost to another one.
            Err(failure) => Err(failure),
        }
    }

    /// A refusal that may come from fields which were told a while ago: they are asked for again, and
    /// the job is attempted once more.
    pub(super) fn with_fields_asked_again(&self, failure: Failure) -> Failure {
        let is_refusal = matches!(*failure.problem, AdapterError::Invalid(_));
        if !is_refusal || !self.goes_by_kept_fields.load(Ordering::Relaxed) {
            return failure;
        }
        self.means.facts.forget_fields(self.crm);
        failure.of_kept_fields()
    }

    /// All managers; `None` where the CRM does not tell who they are.
    pub(super) fn managers(&self) -> Work<'_, Option<Arc<[Person]>>> {
        Box::pin(async move {
            let which: Which<_> = |told| &mut told.managers;
            if !self.crm.has(Role::Managers) {
                return Ok(None);
            }
            if let Some(known) = self.known(which) {
                return Ok(known);
            }
            if !self.can_ask() {
                return Ok(None);
            }
            match self.call(self.crm.list_managers()).await {
                Ok(managers) => Ok(self.keep(which, Some(managers.into()), MANAGERS_KEPT)),
                Err(failure) if failure.outcome == Outcome::Permanent => {
                    self.not_told("its managers", &failure);
                    Ok(self.keep(which, None, SILENCE_KEPT))
                }
                Err(failure) => Err(failure),
            }
        })
    }

    /// How many cards each manager looks after. One job of an account asks at a time; meanwhile the
    /// others go by what was told before.
    pub(super) fn loads(&self) -> Work<'_, Loads> {
        Box::pin(async move {
            if let Some(known) = self.known(|told| &mut told.loads) {
                return Ok(known);
            }
            if !self.crm.has(Role::Managers) || !self.can_ask() {
                return Ok(Loads::default());
            }
            let (old, counting) = self.means.facts.counting(self.crm);
            let _turn = match (counting.try_lock(), old) {
                (Ok(turn), _) => turn,
                (Err(_), Some(old)) => return Ok(old),
                (Err(_), None) => counting.lock().await,
            };
            match self.known(|told| &mut told.loads) {
                Some(known) => Ok(known),
                None => self.count_loads().await,
            }
        })
    }

    async fn count_loads(&self) -> Result<Loads, Failure> {
        let which: Which<Loads> = |told| &mut told.loads;
        let counted_at = self.now();
        let mut cards = BTreeMap::new();
        let mut page: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let call = self.crm.list_assignments(page.as_deref());
            let (assignments, next) = match self.call(call).await {
                Ok(told) => told,
                Err(failure) if failure.outcome == Outcome::Permanent => {
                    self.not_told("who looks after whom", &failure);
                    return Ok(self.keep(which, Loads::default(), SILENCE_KEPT));
                }
                Err(failure) => return Err(failure),
            };
            for assignment in assignments {
                let count = u64::try_from(assignment.cards.len()).unwrap_or(u64::MAX);
                if let Some(id) = assignment.manager.id {
                    let load: &mut u64 = cards.entry(id).or_default();
                    *load = load.saturating_add(count);
                }
            }
            page = next;
            if page.is_none() {
                break;
            }
        }
        if page.is_some() {
            let text = format!("the loads of managers are counted on {PAGES_MAX} pages only");
            self.remark(Remark { kind: RemarkKind::Unsupported, text });
        }
        let loads = Loads { cards: Arc::new(cards), counted_at };
        Ok(self.keep(which, loads, MANAGERS_KEPT))
    }

    fn not_told(&self, what: &str, failure: &Failure) {
        let text = format!("the CRM does not tell {what}: {}", failure.reason);
        self.remark(Remark { kind: RemarkKind::Unsupported, text });
    }

    fn known<T: Clone>(&self, which: Which<T>) -> Option<T> {
        self.means.facts.get(self.crm, which, self.now())
    }

    fn keep<T: Clone>(&self, which: Which<T>, value: T, kept: SignedDuration) -> T {
        let until = self.now().checked_add(kept).unwrap_or(Timestamp::MAX);
        self.means.facts.put(self.crm, which, value.clone(), until);
        value
    }
}
