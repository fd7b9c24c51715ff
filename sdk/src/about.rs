//! What an adapter says of itself: the manifest that [`Adapter::describe`](crate::Adapter::describe) answers.

pub use crate::bindings::about::exports::patchbay::adapter::about::{
    Auth, Manifest, Oauth2, Setting, SettingType, TokenRequest,
};

impl Setting {
    /// An optional setting that is not secret and has neither help, choices nor a default; say what is
    /// otherwise by `..Setting::new(…)`.
    pub fn new(key: impl Into<String>, title: impl Into<String>, type_: SettingType) -> Self {
        Self {
            key: key.into(),
            title: title.into(),
            help: String::new(),
            type_,
            choices: Vec::new(),
            required: false,
            secret: false,
            default_value: None,
        }
    }
}
