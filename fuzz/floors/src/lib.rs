//! The host's lower floors, and those of its parsers that need no sandbox, as a crate of their own.
//!
//! The files are the host's own. Without wasmtime they are built in a minute instead of twenty, and
//! the fuzzer counts the branches of our parsers alone.
#![allow(dead_code, reason = "the fuzz targets ask for a part of each module")]

#[path = "../../../host/src"]
mod host {
    pub mod access;
    pub mod account;
    pub mod base64;
    pub mod capability;
    pub mod card;
    pub mod clock;
    pub mod config;
    pub mod event;
    pub mod id;
    pub mod network;
    pub mod outcome;
    pub mod rules;
    pub mod seal;
    pub mod secret;
    pub mod signature;

    pub mod http {
        //! Who asks.

        use std::net::IpAddr;

        use axum::http::{HeaderMap, HeaderName, HeaderValue};

        use crate::config::{Access, ProxyHeader};

        mod client;

        /// For whom `peer` asks with these lines of the header that is believed.
        pub fn client(access: &Access, peer: IpAddr, lines: &[&[u8]]) -> IpAddr {
            let name = match access.proxy_header {
                ProxyHeader::XForwardedFor => "x-forwarded-for",
                ProxyHeader::Forwarded => "forwarded",
            };
            let mut headers = HeaderMap::new();
            for line in lines {
                if let Ok(value) = HeaderValue::from_bytes(line) {
                    headers.append(HeaderName::from_static(name), value);
                }
            }
            client::Proxies::new(access).client(peer, &headers)
        }
    }

    pub mod plugin {
        //! What the host reads of strangers before and around the sandbox.

        use std::net::IpAddr;

        use crate::secret::Secret;

        mod error;
        mod gate;
        mod origin;
        mod secrets;
        mod trust;

        /// What of `plugin/engine.rs` the gate asks for.
        mod engine {
            pub(super) const MEMORIES_MAX: u32 = 4;
        }

        mod egress {
            mod address;

            /// What it takes to reach an address, as a word.
            pub(super) fn reach(address: std::net::IpAddr) -> String {
                format!("{:?}", address::kind(address))
            }
        }

        /// What the gate says of the bytes of a component: roles, or why not.
        pub fn outline(bytes: &[u8]) -> Result<usize, String> {
            let outline = gate::outline(bytes).map_err(|refusal| refusal.to_string())?;
            Ok(outline.roles.len())
        }

        /// What it takes to reach an address, as a word.
        pub fn reach(address: IpAddr) -> String {
            egress::reach(address)
        }

        /// One secret, put in on the way out and taken out of what comes back.
        #[derive(Debug)]
        pub struct Scrubber(secrets::Secrets);

        impl Scrubber {
            pub fn new(value: &str) -> Self {
                let (key, value) = ("key".to_owned(), Secret::new(value.to_owned()));
                Self(secrets::Secrets::new([(&key, &value)].into_iter()))
            }

            /// What a guest holds.
            pub fn placeholder(&self) -> &str {
                self.0.placeholder("key").expect("the secret is there")
            }

            pub fn scrub(&self, bytes: &[u8]) -> Vec<u8> {
                self.0.scrub_bytes(bytes, usize::MAX).expect("no limit").into_owned()
            }

            pub fn fill(&self, bytes: &[u8], max: usize) -> Option<Vec<u8>> {
                Some(self.0.fill(bytes, secrets::Place::Raw, max)?.into_owned())
            }
        }
    }
}

pub use host::{
    access, account, base64, capability, card, clock, config, event, http, id, network, outcome,
    plugin, rules, seal, secret, signature,
};
