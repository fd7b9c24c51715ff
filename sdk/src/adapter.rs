//! The traits that an adapter implements: one for each interface it exports.
//!
//! All functions are static, because every call runs in a fresh instance: what shall be
//! remembered goes into [`kv`](crate::kv).

use crate::about::Manifest;
use crate::channel::{Outcome, Page, Received, Request, Response};
use crate::notes::Note;
use crate::tasks::Task;
use crate::types::{
    Assignment, Card, Deal, Error, ExternalId, Field, FieldSpec, Identifier, Native, Person,
    Problem, Subject,
};

/// Every adapter: what it says of itself.
pub trait Adapter {
    /// Pure, and the same at every call; nothing but `log` may be called.
    fn describe() -> Manifest;
}

/// A channel adapter. Both functions are pure: `http` and `kv` are denied.
pub trait Channel: Adapter {
    /// Reads a webhook exactly as it arrived.
    ///
    /// An error means that the adapter cannot read this request now: the host journals it as
    /// unread and tries again after the adapter was replaced.
    fn receive(request: Request) -> Result<Received, Error>;

    /// The answer the vendor expects, with one outcome for each event of `receive`, in its order.
    fn reply(request: Request, outcomes: Vec<Outcome>) -> Response;
}

/// A channel that can be told about a client.
pub trait ChannelPush: Adapter {
    /// Shows a card on the channel's side. `client` is the first external id of the event's
    /// client. A repeat changes nothing.
    fn push_card(client: ExternalId, card: Card) -> Result<(), Error>;

    /// Marks the client with a tag on the channel's side; a repeat changes nothing.
    fn tag(client: ExternalId, tag: String) -> Result<(), Error>;
}

/// A channel with a page that stands in a frame of another system's window.
pub trait ChannelPage: Adapter {
    /// Pure: `http` and `kv` are denied. Served to anybody at `/embed/{account}`, so it holds no
    /// secrets and no personal data. `path` is what follows, empty or starting with `/`; `query` is
    /// without the question mark. `None` is a 404.
    fn render(path: String, query: String) -> Option<Page>;
}

/// A CRM adapter.
pub trait Contacts: Adapter {
    /// The fields of a contact that can be written, the canonical ones included.
    fn describe_fields() -> Result<Vec<FieldSpec>, Error>;

    /// Every card that any identifier matches, best first, at most 20; no hit is an empty list.
    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error>;

    /// Pure and total: canonical fields to the CRM's own record, as JSON text.
    ///
    /// `client` names what the card shall be found by afterwards; kinds without a place in the
    /// CRM are left out.
    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>>;

    /// Creates the card, or changes what `contact` names on the card with this id.
    ///
    /// With the same key a second call changes nothing and answers the same card, as far as the
    /// CRM allows.
    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error>;
}

/// A CRM with deals.
pub trait Deals: Adapter {
    /// The fields of a deal that can be written.
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error>;

    /// Deals of a card that are neither won nor lost, the newest first.
    fn open_deals(card: String) -> Result<Vec<Deal>, Error>;

    /// Pure and total: canonical fields to the CRM's own record, as JSON text.
    fn map_deal_fields(fields: Vec<Field>) -> Result<Native, Vec<Problem>>;

    /// Creates a deal on the card, or changes the one with this id. `manager` is a manager's id.
    fn upsert_deal(
        id: Option<String>,
        card: String,
        deal: Native,
        manager: Option<String>,
        idempotency_key: String,
    ) -> Result<Deal, Error>;
}

/// A CRM with tasks.
pub trait Tasks: Adapter {
    /// Answers the id of the task.
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error>;
}

/// A CRM with notes.
pub trait Notes: Adapter {
    /// Answers the id of the note.
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error>;
}

/// A CRM that knows who looks after whom.
pub trait Managers: Adapter {
    /// Every manager, also those who are not active.
    fn list_managers() -> Result<Vec<Person>, Error>;

    /// One page of assignments and the token of the next one.
    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error>;
}
