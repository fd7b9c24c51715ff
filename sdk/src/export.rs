//! What the export macros expand to: each exported function installs the panic hook and calls the adapter.

use std::marker::PhantomData;
use std::panic;
use std::sync::Once;

use crate::about::Manifest;
use crate::bindings::{
    about, channel, channel_page, channel_push, contacts, deals, managers, notes, tasks,
};
use crate::channel::{Outcome, Page, Received, Request, Response};
use crate::notes::Note;
use crate::tasks::Task;
use crate::types::{
    Assignment, Card, Deal, Error, ExternalId, Field, FieldSpec, Identifier, Native, Person,
    Problem, Subject,
};
use crate::{
    Adapter, Channel, ChannelPage, ChannelPush, Contacts, Deals, Managers, Notes, Tasks, log,
};

pub use crate::bindings;
#[cfg(feature = "json")]
pub use serde;

/// Longest panic message that is written, below the host's 4 KiB for a line.
const PANIC_BYTES_MAX: usize = 4_000;

/// An adapter behind the generated traits.
#[derive(Debug)]
pub struct Glue<T>(PhantomData<T>);

/// Makes a panic tell its message and place to the host's log before the instance traps.
fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        panic::set_hook(Box::new(|panic| {
            let mut text = panic.to_string();
            text.truncate(text.floor_char_boundary(PANIC_BYTES_MAX));
            log::error(text);
        }));
    });
}

impl<T: Adapter> about::exports::patchbay::adapter::about::Guest for Glue<T> {
    fn describe() -> Manifest {
        install_panic_hook();
        T::describe()
    }
}

impl<T: Channel> channel::exports::patchbay::adapter::channel::Guest for Glue<T> {
    fn receive(request: Request) -> Result<Received, Error> {
        install_panic_hook();
        T::receive(request)
    }

    fn reply(request: Request, outcomes: Vec<Outcome>) -> Response {
        install_panic_hook();
        T::reply(request, outcomes)
    }
}

impl<T: ChannelPush> channel_push::exports::patchbay::adapter::channel_push::Guest for Glue<T> {
    fn push_card(client: ExternalId, card: Card) -> Result<(), Error> {
        install_panic_hook();
        T::push_card(client, card)
    }

    fn tag(client: ExternalId, tag: String) -> Result<(), Error> {
        install_panic_hook();
        T::tag(client, tag)
    }
}

impl<T: ChannelPage> channel_page::exports::patchbay::adapter::channel_page::Guest for Glue<T> {
    fn render(path: String, query: String) -> Option<Page> {
        install_panic_hook();
        T::render(path, query)
    }
}

impl<T: Contacts> contacts::exports::patchbay::adapter::contacts::Guest for Glue<T> {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        install_panic_hook();
        T::describe_fields()
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        install_panic_hook();
        T::lookup_client(any_of)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        install_panic_hook();
        T::map_fields(client, fields)
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        install_panic_hook();
        T::upsert_contact(id, contact, idempotency_key)
    }
}

impl<T: Deals> deals::exports::patchbay::adapter::deals::Guest for Glue<T> {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        install_panic_hook();
        T::describe_deal_fields()
    }

    fn open_deals(card: String) -> Result<Vec<Deal>, Error> {
        install_panic_hook();
        T::open_deals(card)
    }

    fn map_deal_fields(fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        install_panic_hook();
        T::map_deal_fields(fields)
    }

    fn upsert_deal(
        id: Option<String>,
        card: String,
        deal: Native,
        manager: Option<String>,
        idempotency_key: String,
    ) -> Result<Deal, Error> {
        install_panic_hook();
        T::upsert_deal(id, card, deal, manager, idempotency_key)
    }
}

impl<T: Tasks> tasks::exports::patchbay::adapter::tasks::Guest for Glue<T> {
    fn create_task(task: Task, idempotency_key: String) -> Result<String, Error> {
        install_panic_hook();
        T::create_task(task, idempotency_key)
    }
}

impl<T: Notes> notes::exports::patchbay::adapter::notes::Guest for Glue<T> {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        install_panic_hook();
        T::add_note(subject, note, idempotency_key)
    }
}

impl<T: Managers> managers::exports::patchbay::adapter::managers::Guest for Glue<T> {
    fn list_managers() -> Result<Vec<Person>, Error> {
        install_panic_hook();
        T::list_managers()
    }

    fn list_assignments(page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        install_panic_hook();
        T::list_assignments(page)
    }
}

/// Exports a channel adapter: `export_channel!(Jivo)`, or with any of the optional roles
/// `export_channel!(Jivo: channel_push, channel_page)`, which stand for [`ChannelPush`] and
/// [`ChannelPage`].
///
/// Natively it only checks that the traits are there.
///
/// ```
/// # use patchbay_sdk::about::{Auth, Manifest};
/// use patchbay_sdk::channel::{Outcome, Page, Received, Rejection, Request, Response};
/// use patchbay_sdk::types::{Card, Error, ExternalId};
/// use patchbay_sdk::{Adapter, Channel, ChannelPush};
///
/// struct Closed;
///
/// patchbay_sdk::export_channel!(Closed: channel_push);
///
/// impl Channel for Closed {
///     fn receive(_request: Request) -> Result<Received, Error> {
///         Ok(Received::Reject(Rejection { status: 403, reason: "this channel is closed".to_owned() }))
///     }
///
///     fn reply(_request: Request, _outcomes: Vec<Outcome>) -> Response {
///         Response::empty(204)
///     }
/// }
///
/// impl ChannelPush for Closed {
///     fn push_card(_client: ExternalId, _card: Card) -> Result<(), Error> {
///         Err(Error::Unsupported("this channel is closed".to_owned()))
///     }
///
///     fn tag(_client: ExternalId, _tag: String) -> Result<(), Error> {
///         Err(Error::Unsupported("this channel is closed".to_owned()))
///     }
/// }
/// # impl Adapter for Closed {
/// #     fn describe() -> Manifest {
/// #         let text = || "closed".to_owned();
/// #         Manifest {
/// #             name: text(), version: text(), title: text(), vendor: text(), settings: vec![],
/// #             egress: vec![], auth: Auth::None, rate_limit: None,
/// #         }
/// #     }
/// # }
/// ```
#[macro_export]
macro_rules! export_channel {
    ($adapter:ty $(: $($role:ident),+ $(,)?)?) => {
        $crate::__export!($adapter, about, channel $($(, $role)+)?);
    };
}

/// Exports a CRM adapter: `export_crm!(Odoo)`, or with any of the optional roles
/// `export_crm!(Odoo: deals, tasks, notes, managers)`.
///
/// Natively it only checks that the traits are there.
#[macro_export]
macro_rules! export_crm {
    ($adapter:ty $(: $($role:ident),+ $(,)?)?) => {
        $crate::__export!($adapter, about, contacts $($(, $role)+)?);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($adapter:ty, $($role:ident),+) => {
        $(const _: () = {
            type Exported = $crate::export::Glue<$adapter>;
            const fn implemented<T: $crate::export::roles::$role>() {}
            implemented::<Exported>();
            #[cfg(target_arch = "wasm32")]
            $crate::export::bindings::$role::export!(Exported with_types_in $crate::export::bindings::$role);
        };)+
    };
}

/// The generated traits under the names that the macros use for roles.
pub mod roles {
    pub use super::bindings::about::exports::patchbay::adapter::about::Guest as about;
    pub use super::bindings::channel::exports::patchbay::adapter::channel::Guest as channel;
    pub use super::bindings::channel_page::exports::patchbay::adapter::channel_page::Guest as channel_page;
    pub use super::bindings::channel_push::exports::patchbay::adapter::channel_push::Guest as channel_push;
    pub use super::bindings::contacts::exports::patchbay::adapter::contacts::Guest as contacts;
    pub use super::bindings::deals::exports::patchbay::adapter::deals::Guest as deals;
    pub use super::bindings::managers::exports::patchbay::adapter::managers::Guest as managers;
    pub use super::bindings::notes::exports::patchbay::adapter::notes::Guest as notes;
    pub use super::bindings::tasks::exports::patchbay::adapter::tasks::Guest as tasks;
}
