//! iQChannels, a bank's own chat server: its webhooks, the questions it asks of a CRM, and a page that holds its window.

mod answer;
mod auth;
mod base64;
mod call;
mod client;
mod event;
mod form;
mod managers;
mod manifest;
mod name;
mod page;
mod search;
#[cfg(test)]
mod tests;
mod token;
mod webhook;

use patchbay_sdk::about::Manifest;
use patchbay_sdk::channel::{Outcome, Page, Received, Request, Response};
use patchbay_sdk::types::Error;
use patchbay_sdk::{Adapter, Channel, ChannelPage};

use crate::call::Call;

/// The adapter.
#[derive(Debug)]
pub struct IqChannels;

impl Adapter for IqChannels {
    fn describe() -> Manifest {
        manifest::manifest()
    }
}

impl Channel for IqChannels {
    fn receive(request: Request) -> Result<Received, Error> {
        Ok(call::received(&request))
    }

    fn reply(request: Request, outcomes: Vec<Outcome>) -> Response {
        let reply = call::read(&request, |call, _| match call {
            Call::Search(search) => search::reply(&search, outcomes.first(), &request),
            Call::Auth(_) => auth::reply(outcomes.first()),
            Call::Managers(page) => managers::reply(&page, outcomes.first()),
            Call::Webhook(_) => answer::received(),
        });
        reply.unwrap_or_else(|_| answer::received())
    }
}

impl ChannelPage for IqChannels {
    fn render(path: String, _query: String) -> Option<Page> {
        page::render(&path)
    }
}

patchbay_sdk::export_channel!(IqChannels: channel_page);
