//! The optional export of a channel adapter that shows a page.

use super::Adapter;
use crate::{
    account::Role,
    event::Page,
    plugin::{convert::page, error::Error, state::Export},
};

const RENDER: Export = Export::open_to_all("render");

impl Adapter {
    /// The page at this path, as it was asked for: still encoded, without the question mark.
    ///
    /// Its crashes do not count against the plugin's other calls: anybody may cause them.
    pub async fn render(&self, path: &str, query: &str) -> Result<Option<Page>, Error> {
        let exports = &self.plugin.exports;
        let guest = exports.channel_page.clone().ok_or(Error::Unsupported(Role::ChannelPage))?;
        let (path, query) = (path.to_owned(), query.to_owned());
        self.call(
            RENDER,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_render(store, &path, &query).await
                })
            },
            |answer| Ok(answer.map(page::page).transpose()),
        )
        .await
    }
}
