//! The HubSpot account itself: where its records are opened, and when its day ends.

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::log;
use patchbay_sdk::types::Error;
use serde_json::{Value, json};

use crate::clock;
use crate::request::Call;
use crate::server::Server;

/// Where it is kept, as JSON; `{}` where the token may not ask.
const ENTRY: &str = "account";

const DAY_MS: i64 = 86_400_000;

/// How long a spent day's limit is waited for where the account's time zone is not known.
const DAILY_MS: u64 = 3_600_000;

/// How HubSpot numbers the kinds of records in its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Contact,
    Deal,
}

/// What the account tells of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Account(Value);

impl Account {
    /// As it is kept; asked for where nothing is. Without it only addresses are missing, so that a
    /// failure is not one of the call.
    pub(crate) fn known(server: &Server) -> Result<Self, Error> {
        match kept()? {
            Some(account) => Ok(account),
            None => Ok(Self::ask(server)),
        }
    }

    /// Asks again where the account could not be asked before.
    pub(crate) fn refresh(server: &Server) -> Result<(), Error> {
        if kept()?.is_none_or(|account| account == Self(json!({}))) {
            Self::ask(server);
        }
        Ok(())
    }

    fn ask(server: &Server) -> Self {
        let asked = Call::get("/account-info/v3/details").send(server, |answer| {
            let part = |name: &str| answer.get(name).cloned();
            Some(json!({
                "portal": part("portalId")?, "domain": part("uiDomain")?,
                "offset-ms": part("utcOffsetMilliseconds"),
            }))
        });
        let account = match asked {
            Ok(account) => account,
            // It will do later.
            Err(Error::RateLimited(_) | Error::Unavailable(_) | Error::Unauthorized(_)) => {
                return Self(json!({}));
            }
            Err(_) => {
                log::warn("the account's number is not told to this token: cards have no address");
                json!({})
            }
        };
        if Batch::new().set(ENTRY, account.to_string()).commit().is_err() {
            log::debug("the account's number could not be kept");
        }
        Self(account)
    }

    /// Where a manager opens the record.
    pub(crate) fn address(&self, kind: Kind, id: &str) -> Option<String> {
        let portal = crate::object::id(self.0.get("portal")?)?;
        let domain = self.0.get("domain")?.as_str().filter(|domain| is_domain(domain))?;
        let kind = match kind {
            Kind::Contact => "0-1",
            Kind::Deal => "0-3",
        };
        Some(format!("https://{domain}/contacts/{portal}/record/{kind}/{id}"))
    }
}

/// How long until midnight where the account is, and a second.
pub(crate) fn ms_to_midnight() -> u64 {
    let offset = kept().ok().flatten().and_then(|account| account.0.get("offset-ms")?.as_i64());
    let now = i64::try_from(clock::unix_ms()).ok();
    let (Some(offset), Some(now)) = (offset, now) else { return DAILY_MS };
    let left = DAY_MS - now.saturating_add(offset).rem_euclid(DAY_MS);
    u64::try_from(left).unwrap_or_default() + 1_000
}

fn kept() -> Result<Option<Account>, Error> {
    let kept = kv::get(ENTRY)?;
    Ok(kept.map(|kept| Account(serde_json::from_slice(&kept).unwrap_or_else(|_| json!({})))))
}

fn is_domain(domain: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    (1..=100).contains(&domain.len()) && domain.bytes().all(fits)
}
