//! Adapters for Patchbay in plain Rust: a type, a few traits, one line that exports it.
//!
//! An adapter is a WebAssembly component that joins one channel or one CRM to the host. It is built
//! with `cargo build --target wasm32-wasip2` from a crate of the type `cdylib`. Each call is a fresh
//! instance, and each time its memory grows takes it 10 to 20 µs: the flag of rustc
//! `-C link-arg=--initial-memory=2097152` gives it room from the begin.
//!
//! 1. Implement [`Adapter`] and the traits of the role: [`Channel`] and perhaps [`ChannelPush`] and
//!    [`ChannelPage`] for a place where clients write or call; [`Contacts`] and any of [`Deals`], [`Tasks`], [`Notes`] and
//!    [`Managers`] for a CRM. Functions are static, and each call runs in a fresh instance.
//! 2. Export it with [`export_channel!`] or [`export_crm!`]. What is not named is not exported, and
//!    the host never calls it. A panic tells its message to the host's log and costs one attempt.
//! 3. Reach the outside through [`http`], [`kv`], [`settings`], [`vault`] and [`log`]. `receive`,
//!    `reply` and the mappings are pure: `http` and `kv` are denied there.
//! 4. Answer failures with the case of [`types::Error`] that fits, because the host acts on the case
//!    alone. `?` turns the error of a read into the right one; after a write say
//!    `.map_err(http::after_write)?`, so that a lost answer is looked up before it is repeated.
//! 5. Read bodies with [`form`], moments with [`instant`], compare numbers with [`phone`], show cards
//!    with [`shown`], and with the feature `json` read bodies into structs (`tolerant!`) or as trees
//!    (`json::Node`) that borrow.
//! 6. Test natively under `testing::Host` with the feature `testing`.
//!
//! A whole CRM adapter, for a CRM that knows clients by their phones:
//!
//! ```
//! use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};
//! use patchbay_sdk::types::{Card, Error, Field, FieldSpec, FieldType, Identifier, Native, Problem};
//! use patchbay_sdk::{Adapter, Contacts, http, settings};
//!
//! struct Phonebook;
//!
//! patchbay_sdk::export_crm!(Phonebook);
//!
//! impl Adapter for Phonebook {
//!     fn describe() -> Manifest {
//!         Manifest {
//!             name: "crm-phonebook".to_owned(),
//!             version: "0.1.0".to_owned(),
//!             title: "Phonebook".to_owned(),
//!             vendor: "Example".to_owned(),
//!             settings: vec![Setting {
//!                 help: "Profile, API, New token".to_owned(),
//!                 required: true,
//!                 secret: true,
//!                 ..Setting::new("token", "API token", SettingType::Text)
//!             }],
//!             egress: vec!["https://phonebook.example.com".to_owned()],
//!             auth: Auth::Settings,
//!             rate_limit: Some(5.0),
//!         }
//!     }
//! }
//!
//! /// A request with the token. The adapter sees a placeholder; the host puts the token in.
//! fn request(method: &str, path: &str) -> Result<http::Request, Error> {
//!     let token = settings::required("token")?;
//!     let url = format!("https://phonebook.example.com{path}");
//!     Ok(http::Request::new(method, url).header("authorization", format!("Bearer {token}")))
//! }
//!
//! /// What the CRM's answer means, once for all calls.
//! fn accept(response: http::Response) -> Result<String, Error> {
//!     match response.status {
//!         200..=299 => String::from_utf8(response.body)
//!             .map_err(|_| Error::Unavailable("the answer is not UTF-8".to_owned())),
//!         401 => Err(Error::Unauthorized("the token was refused".to_owned())),
//!         404 => Err(Error::NotFound("the CRM has no such record".to_owned())),
//!         429 => Err(Error::RateLimited(response.retry_after_ms())),
//!         status => Err(Error::Unavailable(format!("the CRM answered {status}"))),
//!     }
//! }
//!
//! impl Contacts for Phonebook {
//!     fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
//!         let (key, title) = ("phone".to_owned(), "Phone".to_owned());
//!         let type_ = FieldType::Phone;
//!         Ok(vec![FieldSpec { key, title, type_, required: true, repeated: false, choices: Vec::new() }])
//!     }
//!
//!     fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
//!         let mut cards = Vec::new();
//!         for asked in any_of {
//!             let Identifier::Phone(phone) = &asked else { continue };
//!             match accept(request("GET", &format!("/contacts/{phone}"))?.send()?) {
//!                 Ok(id) => cards.push(Card { matched: vec![asked], ..Card::new(id) }),
//!                 Err(Error::NotFound(_)) => {}
//!                 Err(error) => return Err(error),
//!             }
//!         }
//!         Ok(cards)
//!     }
//!
//!     fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
//!         let named = fields.iter().find(|field| field.key == "phone").and_then(|field| field.value.as_text());
//!         let known = client.iter().find_map(|one| match one {
//!             Identifier::Phone(phone) => Some(phone.as_str()),
//!             _ => None,
//!         });
//!         let phone = named.or(known).ok_or_else(|| vec![Problem::new("phone", "is required")])?;
//!         Ok(format!("{{\"phone\":{phone:?}}}"))
//!     }
//!
//!     fn upsert_contact(id: Option<String>, contact: Native, key: String) -> Result<Card, Error> {
//!         let request = match id {
//!             Some(id) => request("PUT", &format!("/contacts/{id}"))?,
//!             None => request("POST", "/contacts")?,
//!         };
//!         let request = request.header("idempotency-key", key).json(contact);
//!         Ok(Card::new(accept(request.send().map_err(http::after_write)?)?))
//!     }
//! }
//!
//! # #[cfg(feature = "testing")] {
//! use patchbay_sdk::testing::Host;
//!
//! let host = Host::new()
//!     .secret("token", "s3cret")
//!     .exchange("GET /contacts/+79000000001", http::Response { body: b"7".to_vec(), ..http::Response::empty(200) });
//! let cards = host.run(|| Phonebook::lookup_client(vec![Identifier::Phone("+79000000001".to_owned())]));
//! assert_eq!(cards.unwrap()[0].id, "7");
//! assert!(!host.requests()[0].headers[0].1.contains("s3cret"));
//! # }
//! ```

#[doc(hidden)]
#[expect(
    clippy::mem_forget,
    clippy::same_length_and_capacity,
    reason = "generated code owns memory by hand"
)]
pub mod bindings;

pub mod about;
pub mod adapter;
pub mod channel;
mod convert;
#[doc(hidden)]
pub mod export;
pub mod form;
pub mod http;
mod imports;
pub mod instant;
#[cfg(feature = "json")]
pub mod json;
pub mod kv;
pub mod log;
pub mod notes;
pub mod phone;
pub mod settings;
pub mod shown;
pub mod tasks;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;
pub mod transcript;
pub mod types;
pub mod vault;

pub use adapter::{
    Adapter, Channel, ChannelPage, ChannelPush, Contacts, Deals, Managers, Notes, Tasks,
};
