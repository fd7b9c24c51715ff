//! The settings that reading and answering need, checked.

use patchbay_sdk::instant;
use patchbay_sdk::types::{Error, Problem};

use crate::aliases::Aliases;
use crate::manifest::{ALIASES, FORWARD_TO, POP_UP, UTC_OFFSET};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForwardTo {
    Off,
    /// As a member of the pop-up's JSON.
    Json,
    /// As the whole body.
    Text,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) aliases: Aliases,
    pub(crate) utc_offset_minutes: Option<i32>,
    pub(crate) pop_up: bool,
    pub(crate) forward_to: ForwardTo,
}

impl Options {
    /// Reads the settings, or names every fault of theirs.
    pub(crate) fn read(setting: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let aliases = match setting(ALIASES) {
            None => Ok(Aliases::preset()),
            Some(json) => Aliases::merged(&json),
        };
        let aliases = aliases.unwrap_or_else(|fault| {
            problems.push(Problem::new(ALIASES, fault));
            Aliases::preset()
        });
        let utc_offset_minutes = setting(UTC_OFFSET).and_then(|text| {
            let minutes = instant::offset(&text);
            if minutes.is_none() {
                problems.push(Problem::new(UTC_OFFSET, "is no offset; write it like +03:00"));
            }
            minutes
        });
        let pop_up = setting(POP_UP).is_none_or(|text| text == "true");
        let forward_to = match setting(FORWARD_TO).as_deref() {
            None | Some("off") => ForwardTo::Off,
            Some("json") => ForwardTo::Json,
            Some("text") => ForwardTo::Text,
            Some(_) => {
                problems.push(Problem::new(FORWARD_TO, "is none of off, json and text"));
                ForwardTo::Off
            }
        };
        if problems.is_empty() {
            Ok(Self { aliases, utc_offset_minutes, pop_up, forward_to })
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// Whether a call that begins is answered with what the CRM knows.
    pub(crate) fn answers_calls(&self) -> bool {
        self.pop_up || self.forward_to != ForwardTo::Off
    }
}
