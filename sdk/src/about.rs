//! What an adapter says of itself: the manifest that [`Adapter::describe`](crate::Adapter::describe) answers.

pub use crate::bindings::about::exports::patchbay::adapter::about::{
    Auth, Manifest, Oauth2, Setting, SettingType, TokenRequest,
};
