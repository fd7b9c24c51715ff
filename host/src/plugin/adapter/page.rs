//! The optional export of a channel adapter that shows a page.

use super::Adapter;
use crate::{
    account::Role,
    event::Page,
    plugin::{
        bindings::exports::patchbay::adapter::channel_page, convert::page, error::Error,
        exports::Function, state::Export,
    },
};

pub(super) const RENDER: Function = Function::of(Role::ChannelPage, Export::open_to_all("render"));

impl Adapter {
    /// The page at this path, as it was asked for: still encoded, without the question mark.
    ///
    /// Its crashes do not count against the plugin's other calls: anybody may cause them.
    pub async fn render(&self, path: &str, query: &str) -> Result<Option<Page>, Error> {
        let read = |answer: Option<channel_page::Page>| Ok(answer.map(page::page).transpose());
        self.call(RENDER, (path.to_owned(), query.to_owned()), read).await
    }
}
