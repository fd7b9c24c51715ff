//! The rules of one integration, checked and compiled.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    check::{self, MAPPINGS_MAX, Target},
    context::{self, Context},
    decision::Decision,
    phone::Standard,
    template::{Template, Templates},
};
use crate::{
    account::{IntegrationOptions, Rules, Update, Wording},
    card::{Field, Identifier, Problem},
    event::Remark,
};

mod reading;

pub(super) use self::reading::failed;

/// The rules of one integration: templates and expressions are parsed once.
#[derive(Debug)]
pub struct Rulebook {
    rules: Rules,
    options: IntegrationOptions,
    standard: Arc<Standard>,
    pub(super) templates: Templates,
    filter: Option<Template>,
    mapping: Vec<Mapped>,
    pub(super) offline_message: Words,
    pub(super) missed_call: Words,
    pub(super) repeat: Words,
    pub(super) lines: Vec<LineTemplates>,
    pub(super) tag: Option<Template>,
    /// The names that the templates look up.
    wanted: BTreeSet<String>,
}

#[derive(Debug)]
struct Mapped {
    /// `mapping[2]`
    rule: String,
    target: Target,
    key: String,
    update: Update,
    template: Template,
}

/// The operator's words for a task.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) title: Option<Template>,
    pub(super) text: Option<Template>,
}

#[derive(Debug)]
pub(super) struct LineTemplates {
    pub(super) title: String,
    pub(super) text: Template,
    pub(super) url: Option<Template>,
}

/// What the rules make of an event before anything is asked of the CRM.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Why the filter let the event not through; nothing is done then, and the rest is empty.
    pub filtered: Option<String>,
    /// The client, with the phones and e-mails that the mapping has found; without repeats, the
    /// surest first.
    pub client: Vec<Identifier>,
    /// The fields of the contact: mapped ones, and those of the event that no mapping names.
    pub contact: Vec<Wanted>,
    /// The fields of the deal that a mapping names.
    pub deal: Vec<Wanted>,
    pub decisions: Vec<Decision>,
    pub remarks: Vec<Remark>,
    pub(super) context: Context,
    pub(super) standard: Arc<Standard>,
}

/// A value for a field, and whether it wins over another.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub field: Field,
    pub update: Update,
}

impl Rulebook {
    /// Checks and compiles; the problems name their fields as `rules.mapping[2].value`.
    pub fn compile(rules: Rules, options: IntegrationOptions) -> Result<Self, Vec<Problem>> {
        let mut problems = check::problems(&rules, options);
        let standard = Arc::new(check::standard(&rules, &mut problems));
        let mut compiler = Compiler { templates: Templates::new(Arc::clone(&standard)), problems };
        let filter =
            rules.filter.as_deref().and_then(|filter| compiler.expression("filter", filter));
        let mapping = compiler.mapping(&rules);
        let offline_message = compiler.words("task.offline_message", &rules.task.offline_message);
        let missed_call = compiler.words("task.missed_call", &rules.task.missed_call);
        let repeat = compiler.words("task.repeat", &rules.task.repeat);
        let lines = compiler.lines(&rules);
        let tag = rules.push.tag.as_deref().and_then(|tag| compiler.template("push.tag", tag));
        let Compiler { templates, problems } = compiler;
        if !problems.is_empty() {
            return Err(problems);
        }
        let wanted = templates.names().collect();
        Ok(Self {
            rules,
            options,
            standard,
            templates,
            filter,
            mapping,
            offline_message,
            missed_call,
            repeat,
            lines,
            tag,
            wanted,
        })
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn options(&self) -> IntegrationOptions {
        self.options
    }

    /// Whether anything looks at the event's context: where the event has none, the caller hands
    /// the body of the webhook to `read`.
    pub fn looks_at_context(&self) -> bool {
        context::looks_at_body(&self.wanted)
    }

    /// Whether the open deals of a client matter: one is to be made, told of, or brought up to date.
    pub fn looks_at_deals(&self) -> bool {
        self.options.deals || self.options.tasks || self.maps_deals()
    }

    /// Whether a mapping fills a field of deals.
    pub fn maps_deals(&self) -> bool {
        self.mapping.iter().any(|mapped| mapped.target == Target::Deal)
    }
}

/// Compiles one template after the other, and collects what is wrong with them.
struct Compiler {
    templates: Templates,
    problems: Vec<Problem>,
}

impl Compiler {
    fn template(&mut self, place: &str, source: &str) -> Option<Template> {
        let compiled = self.templates.template(place, source);
        self.keep(place, compiled)
    }

    fn expression(&mut self, place: &str, source: &str) -> Option<Template> {
        let compiled = self.templates.expression(place, source);
        self.keep(place, compiled)
    }

    fn keep(&mut self, place: &str, compiled: Result<Template, String>) -> Option<Template> {
        match compiled {
            Ok(template) => Some(template),
            Err(message) => {
                let field = Some(format!("rules.{place}"));
                self.problems.push(Problem { field, message });
                None
            }
        }
    }

    fn mapping(&mut self, rules: &Rules) -> Vec<Mapped> {
        let mut all = Vec::with_capacity(rules.mapping.len());
        for (at, mapping) in rules.mapping.iter().take(MAPPINGS_MAX).enumerate() {
            let rule = format!("mapping[{at}]");
            let template = self.template(&format!("{rule}.value"), &mapping.value);
            if let (Some(template), Some((target, key))) = (template, check::target(&mapping.field))
            {
                let update = mapping.update.unwrap_or(rules.update);
                all.push(Mapped { rule, target, key: key.to_owned(), update, template });
            }
        }
        all
    }

    fn words(&mut self, place: &str, wording: &Wording) -> Words {
        let mut compiled = |part: &str, source: &Option<String>| {
            let source = source.as_deref()?;
            self.template(&format!("{place}.{part}"), source)
        };
        Words { title: compiled("title", &wording.title), text: compiled("text", &wording.text) }
    }

    fn lines(&mut self, rules: &Rules) -> Vec<LineTemplates> {
        let mut all = Vec::with_capacity(rules.lines.len());
        for (at, line) in rules.lines.iter().take(check::LINES_MAX).enumerate() {
            let text = self.template(&format!("lines[{at}].text"), &line.text);
            let url =
                line.url.as_deref().and_then(|url| self.template(&format!("lines[{at}].url"), url));
            if let Some(text) = text {
                all.push(LineTemplates { title: line.title.clone(), text, url });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
