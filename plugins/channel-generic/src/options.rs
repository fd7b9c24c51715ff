//! The settings that reading needs, checked: templates and kinds.

use patchbay_sdk::json::Node;
use patchbay_sdk::types::{Error, Problem};

use crate::kind::Kinds;
use crate::manifest::{ACCEPT_LISTS, EXTERNAL_ID, EXTERNAL_SYSTEM, KINDS, TEMPLATES};
use crate::template::Template;

/// The settings as they were written.
#[derive(Debug)]
pub(crate) struct Texts {
    templates: Vec<(&'static str, String)>,
    kinds: Option<String>,
    accept_lists: bool,
}

impl Texts {
    pub(crate) fn read(setting: &dyn Fn(&str) -> Option<String>) -> Self {
        let keys = TEMPLATES.iter().map(|(key, ..)| *key);
        Self {
            templates: keys.filter_map(|key| Some((key, setting(key)?))).collect(),
            kinds: setting(KINDS),
            accept_lists: setting(ACCEPT_LISTS).as_deref() == Some("true"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Options<'a> {
    templates: Vec<(&'static str, Template<'a>)>,
    pub(crate) kinds: Kinds,
    pub(crate) accept_lists: bool,
}

impl<'a> Options<'a> {
    /// Reads the settings, or names every fault of theirs.
    pub(crate) fn read(texts: &'a Texts) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut templates = Vec::with_capacity(texts.templates.len());
        for (key, text) in &texts.templates {
            match Template::parse(text) {
                Ok(template) => templates.push((*key, template)),
                Err(fault) => problems.push(Problem::new(*key, fault.to_string())),
            }
        }
        let kinds = texts.kinds.as_deref().map_or_else(|| Ok(Kinds::default()), Kinds::read);
        let kinds = kinds.unwrap_or_else(|fault| {
            problems.push(Problem::new(KINDS, fault));
            Kinds::default()
        });
        let is_set = |key: &str| texts.templates.iter().any(|(set, _)| *set == key);
        if is_set(EXTERNAL_ID) && !is_set(EXTERNAL_SYSTEM) {
            let text = "is empty, but `external-id` is set; name the sender's system";
            problems.push(Problem::new(EXTERNAL_SYSTEM, text));
        }
        if problems.is_empty() {
            Ok(Self { templates, kinds, accept_lists: texts.accept_lists })
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// What the template of this setting makes of a body.
    pub(crate) fn render(&self, key: &str, body: &Node<'_>) -> Option<String> {
        self.template(key)?.render(body)
    }

    /// The same, with every item of a list.
    pub(crate) fn values(&self, key: &str, body: &Node<'_>) -> Vec<String> {
        self.template(key).map(|template| template.values(body)).unwrap_or_default()
    }

    fn template(&self, key: &str) -> Option<&Template<'a>> {
        self.templates.iter().find(|(set, _)| *set == key).map(|(_, template)| template)
    }
}
