//! Whether the rules of an integration agree with each other. Told when they are saved.

use crate::{
    account::{IntegrationOptions, LineRule, Mapping, Rules, Update},
    card::Problem,
};

use super::{enquiry, phone};

/// Limits of what an operator writes.
pub(super) const MAPPINGS_MAX: usize = 100;
pub(super) const LINES_MAX: usize = 20;
const KEY_BYTES_MAX: usize = 200;
const TITLE_BYTES_MAX: usize = 200;

/// A task is due within a year.
const DUE_MINUTES_MAX: u32 = 365 * 24 * 60;

/// Which record a mapping fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Contact,
    Deal,
}

/// Where a mapping's field leads to.
pub(super) fn target(field: &str) -> Option<(Target, &str)> {
    let (target, key) = field.split_once('.')?;
    let target = match target {
        "contact" => Target::Contact,
        "deal" => Target::Deal,
        _ => return None,
    };
    let is_key = !key.trim().is_empty() && key.trim() == key && key.len() <= KEY_BYTES_MAX;
    is_key.then_some((target, key))
}

/// Every fault that templates and phones do not tell themselves.
pub(super) fn problems(rules: &Rules, options: IntegrationOptions) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    found.check_mapping(rules, options);
    found.check_deals(rules, options);
    found.check_tasks(rules, options);
    let of_notes = [("note.source", rules.note.source), ("note.messages", rules.note.messages)];
    for (field, _) in of_notes.into_iter().filter(|(_, is_on)| *is_on && !options.notes) {
        found.add(field, "the option `notes` is off: turn it on, or this off");
    }
    if rules.responsible.default.as_deref().is_some_and(|default| default.trim().is_empty()) {
        found.add("responsible.default", "is empty: leave it out, or name a manager");
    }
    found.check_lines(&rules.lines);
    found.0
}

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(Problem { field: Some(format!("rules.{field}")), message: message.into() });
    }

    fn check_mapping(&mut self, rules: &Rules, options: IntegrationOptions) {
        if MAPPINGS_MAX < rules.mapping.len() {
            let message =
                format!("has {} entries: at most {MAPPINGS_MAX} are allowed", rules.mapping.len());
            self.add("mapping", message);
        }
        for (at, mapping) in rules.mapping.iter().take(MAPPINGS_MAX).enumerate() {
            let earlier = rules.mapping.iter().take(at).position(|it| it.field == mapping.field);
            if let Some(earlier) = earlier {
                let message = format!(
                    "`{}` is mapped by mapping[{earlier}] already: keep one of them",
                    mapping.field
                );
                self.add(&format!("mapping[{at}].field"), message);
            }
            self.check_mapped(at, mapping, rules, options);
        }
    }

    fn check_mapped(
        &mut self,
        at: usize,
        mapping: &Mapping,
        rules: &Rules,
        options: IntegrationOptions,
    ) {
        let Some((target, key)) = target(&mapping.field) else {
            let message = format!(
                "`{}` is no field: write `contact.` or `deal.` and a key of at most \
                 {KEY_BYTES_MAX} bytes, for example `contact.phone`",
                mapping.field
            );
            return self.add(&format!("mapping[{at}].field"), message);
        };
        let responsible = &rules.responsible;
        let is_chosen =
            responsible.agent || responsible.pool.is_some() || responsible.default.is_some();
        if key == "manager" && is_chosen {
            self.add(
                &format!("mapping[{at}].field"),
                "`rules.responsible` says who looks after it: turn its `agent` off and leave out \
                 `pool` and `default`, or remove this mapping",
            );
        }
        let update = mapping.update.unwrap_or(rules.update);
        if target == Target::Deal && update == Update::NewOnly && !options.deals {
            self.add(
                &format!("mapping[{at}].update"),
                "the option `deals` is off: a field of new deals is never filled. Turn the option \
                 on, or use another `update`",
            );
        }
    }

    fn check_deals(&mut self, rules: &Rules, options: IntegrationOptions) {
        let events = &rules.deal.events;
        if !events.is_empty() && !options.deals {
            self.add("deal.events", "the option `deals` is off: turn it on, or leave this empty");
        }
        for (at, name) in events.iter().enumerate() {
            if !enquiry::ENQUIRIES.contains(&name.as_str()) {
                let message =
                    format!("`{name}` opens no deal: use {}", enquiry::ENQUIRIES.join(", "));
                self.add(&format!("deal.events[{at}]"), message);
            } else if events.iter().take(at).any(|earlier| earlier == name) {
                self.add(&format!("deal.events[{at}]"), format!("`{name}` stands here twice"));
            }
        }
    }

    fn check_tasks(&mut self, rules: &Rules, options: IntegrationOptions) {
        let task = &rules.task;
        if DUE_MINUTES_MAX < task.due_minutes {
            let message =
                format!("must be at most {DUE_MINUTES_MAX}, a year, not {}", task.due_minutes);
            self.add("task.due_minutes", message);
        }
        let wordings = [
            ("offline_message", &task.offline_message, true),
            ("missed_call", &task.missed_call, true),
            ("repeat", &task.repeat, task.on_repeat),
        ];
        for (name, wording, is_used) in wordings {
            if wording.title.is_none() && wording.text.is_none() {
                continue;
            }
            if !options.tasks {
                let message = "the option `tasks` is off: turn it on, or leave the words out";
                self.add(&format!("task.{name}"), message);
            } else if !is_used {
                let message = "`on_repeat` is off: turn it on, or leave the words out";
                self.add(&format!("task.{name}"), message);
            }
        }
    }

    fn check_lines(&mut self, lines: &[LineRule]) {
        if LINES_MAX < lines.len() {
            let message = format!("has {} entries: at most {LINES_MAX} are allowed", lines.len());
            self.add("lines", message);
        }
        for (at, line) in lines.iter().take(LINES_MAX).enumerate() {
            if line.title.trim().is_empty() || TITLE_BYTES_MAX < line.title.len() {
                let message = format!("must be 1 to {TITLE_BYTES_MAX} bytes");
                self.add(&format!("lines[{at}].title"), message);
            }
        }
    }
}

/// The phone standard, or its faults.
pub(super) fn standard(rules: &Rules, problems: &mut Vec<Problem>) -> phone::Standard {
    phone::Standard::compile(&rules.phone).unwrap_or_else(|found| {
        problems.extend(found);
        phone::Standard::default()
    })
}

#[cfg(test)]
mod tests;
