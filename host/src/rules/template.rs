//! Templates and expressions of an integration, parsed once and bounded.

use std::{io, sync::Arc};

use minijinja::{
    Environment, ErrorKind, Output, UndefinedBehavior,
    value::{Value, ValueKind},
};

use super::phone::Standard;

mod filters;
mod language;

/// Longest template or expression, in bytes.
pub(super) const SOURCE_BYTES_MAX: usize = 4096;

/// Steps that one template takes at most.
const STEPS_MAX: u64 = 20_000;

/// Longest text that a template gives, in bytes.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// What a template of one expression keeps its value under.
const OUTCOME: &str = "_outcome";

/// A text with or without something to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    Constant(String),
    /// The name in `Templates`.
    Text(String),
    /// One expression and nothing else: it keeps its type.
    Expression(String),
}

/// The compiled templates of one integration.
#[derive(Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
    patterns: Arc<filters::Patterns>,
}

/// Why a template gave nothing. Holds none of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("it takes more than {STEPS_MAX} steps")]
    Steps,
    #[error("its text is longer than {OUTPUT_BYTES_MAX} bytes")]
    Output,
    #[error("{0}")]
    Other(ErrorKind),
}

impl Templates {
    pub(super) fn new(standard: Arc<Standard>) -> Self {
        // Only what is known to bear any input: the language's own set can be made to grow.
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(STEPS_MAX));
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_debug(false);
        environment.set_formatter(|out, _, value| write_value(out, value));
        let patterns = filters::add(&mut environment, standard);
        Self { environment, patterns }
    }

    /// Parses a template; `name` is its place in the rules. The error is for the operator.
    pub(super) fn template(&mut self, name: &str, source: &str) -> Result<Template, String> {
        check_length(source)?;
        if !source.contains('{') {
            return Ok(Template::Constant(source.trim().to_owned()));
        }
        self.check_patterns(&language::check_template(source)?)?;
        if let Some(inner) = only_expression(source).filter(|inner| self.is_expression(inner)) {
            self.add_expression(name, inner)?;
            return Ok(Template::Expression(name.to_owned()));
        }
        self.add(name, source.to_owned())?;
        Ok(Template::Text(name.to_owned()))
    }

    /// Parses an expression.
    pub(super) fn expression(&mut self, name: &str, source: &str) -> Result<Template, String> {
        check_length(source)?;
        self.check_patterns(&language::check_expression(source)?)?;
        if let Err(error) = self.environment.compile_expression_owned(source.to_owned()) {
            return Err(explain(&error));
        }
        self.add_expression(name, source)?;
        Ok(Template::Expression(name.to_owned()))
    }

    fn check_patterns(&self, code: &language::Code) -> Result<(), String> {
        for quoted in &code.patterns {
            let pattern = self
                .environment
                .compile_expression_owned(quoted.clone())
                .and_then(|pattern| pattern.eval(()))
                .map_err(|error| explain(&error))?;
            self.patterns
                .add(pattern.as_str().unwrap_or_default())
                .map_err(|error| format!("{quoted} is no pattern: {error}"))?;
        }
        Ok(())
    }

    fn is_expression(&self, source: &str) -> bool {
        self.environment.compile_expression_owned(source.to_owned()).is_ok()
    }

    fn add_expression(&mut self, name: &str, source: &str) -> Result<(), String> {
        self.add(name, format!("{{% set {OUTCOME} = ({source}) %}}"))
    }

    fn add(&mut self, name: &str, source: String) -> Result<(), String> {
        self.environment
            .add_template_owned(name.to_owned(), source)
            .map_err(|error| explain(&error))
    }

    /// The names that the templates look up.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.environment.templates().flat_map(|(_, template)| template.undeclared_variables(false))
    }

    /// The value of a template; text where it is more than one expression.
    pub(super) fn value(&self, template: &Template, context: Value) -> Result<Value, Failure> {
        match template {
            Template::Constant(text) => Ok(Value::from(text.as_str())),
            Template::Text(_) => self.text(template, context).map(Value::from),
            Template::Expression(name) => {
                let found =
                    self.environment.get_template(name).map_err(|error| of_error(&error))?;
                let done = found
                    .render_captured_to(context, io::sink())
                    .map_err(|error| of_error(&error))?;
                Ok(done.state().lookup(OUTCOME).unwrap_or_default())
            }
        }
    }

    /// The text of a template, trimmed.
    pub(super) fn text(&self, template: &Template, context: Value) -> Result<String, Failure> {
        match template {
            Template::Constant(text) => Ok(text.clone()),
            Template::Expression(_) => text_of(&self.value(template, context)?),
            Template::Text(name) => {
                let found =
                    self.environment.get_template(name).map_err(|error| of_error(&error))?;
                let mut text = Bounded(Vec::new());
                match found.render_captured_to(context, &mut text) {
                    Ok(_) => String::from_utf8(text.0)
                        .map(|text| text.trim().to_owned())
                        .map_err(|_not_text| Failure::Other(ErrorKind::WriteFailure)),
                    Err(error) => Err(of_error(&error)),
                }
            }
        }
    }
}

/// One value as text, trimmed; nothing for what is empty.
pub(super) fn text_of(value: &Value) -> Result<String, Failure> {
    if let Some(text) = value.as_str() {
        let text = text.trim();
        return if text.len() <= OUTPUT_BYTES_MAX {
            Ok(text.to_owned())
        } else {
            Err(Failure::Output)
        };
    }
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(String::new()),
        ValueKind::Bool => Ok(value.is_true().to_string()),
        ValueKind::Number => Ok(value.to_string()),
        _ => {
            let mut text = Bounded(Vec::new());
            serde_json::to_writer(&mut text, value).map_err(|_too_long| Failure::Output)?;
            String::from_utf8(text.0).map_err(|_not_text| Failure::Output)
        }
    }
}

/// A text as it is, and the rest as in JSON: `true`, and not `True`.
fn write_value(out: &mut Output<'_>, value: &Value) -> Result<(), minijinja::Error> {
    if let Some(text) = value.as_str() {
        return Ok(out.write_str(text)?);
    }
    let too_long = |_| minijinja::Error::new(ErrorKind::WriteFailure, "too long");
    Ok(out.write_str(&text_of(value).map_err(too_long)?)?)
}

/// Takes so many bytes and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if OUTPUT_BYTES_MAX - self.0.len() < buf.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn check_length(source: &str) -> Result<(), String> {
    if source.len() <= SOURCE_BYTES_MAX {
        Ok(())
    } else {
        Err(format!("is {} bytes long: at most {SOURCE_BYTES_MAX} are allowed", source.len()))
    }
}

/// What stands between the only braces of a template.
fn only_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    Some(inner.strip_suffix(['-', '+']).unwrap_or(inner))
}

fn of_error(error: &minijinja::Error) -> Failure {
    match error.kind() {
        ErrorKind::OutOfFuel => Failure::Steps,
        ErrorKind::WriteFailure => Failure::Output,
        kind => Failure::Other(kind),
    }
}

/// A fault of the source in one sentence.
fn explain(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests;
