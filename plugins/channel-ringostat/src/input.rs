//! A request to one JSON object and the parameters of its URL: GET, form and JSON alike.

use std::borrow::Cow;
use std::fmt;

use patchbay_sdk::channel::Request;
use patchbay_sdk::form::{self, Charset, Pair, Shape};
use patchbay_sdk::json;

use crate::guard;

/// Why a request is not one of Ringostat's. Names no value of it, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NoParameters,
    TooManyParameters,
    NotReadable,
    NotAnObject,
    Json(json::Fault),
    NoCall,
    IdTooLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoParameters => f.write_str("the request has no parameters")?,
            Self::TooManyParameters => {
                write!(f, "the request has more than {} parameters", form::PAIRS_MAX)?;
            }
            Self::NotReadable => f.write_str("the body is neither a form nor JSON")?,
            Self::NotAnObject => f.write_str("the body is JSON, but no object")?,
            Self::Json(fault) => fault.fmt(f)?,
            Self::NoCall => {
                f.write_str("no parameter tells the call's id, the caller or the number called")?;
            }
            Self::IdTooLong => f.write_str("the call's id is too long for one")?,
        }
        f.write_str("; expected Ringostat's webhook, with names as in the setting `aliases`")
    }
}

/// What a request carries.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    /// A JSON text; for a request without a body and for a form made from the pairs.
    pub(crate) body: Cow<'a, str>,
    /// The body holds the parameters of the URL too.
    pub(crate) is_whole: bool,
    /// The parameters of the URL without its key. A form's object holds them too.
    pub(crate) query: Vec<Pair>,
}

pub(crate) fn read(request: &Request) -> Result<Input<'_>, Fault> {
    let content_type = request.header("content-type");
    let pairs =
        |text: &[u8], charset| form::pairs(text, charset).map_err(|_many| Fault::TooManyParameters);
    let query = guard::without_key(pairs(request.query.as_bytes(), None)?);
    let bare = form::without_mark(&request.body);
    let body_shape = form::shape(content_type, &request.body);
    let body = match body_shape {
        Shape::Empty if query.is_empty() => return Err(Fault::NoParameters),
        Shape::Empty => Cow::Owned(form::json(&unbraced(query.clone()))),
        Shape::Form => {
            let mut all = pairs(bare, Charset::told(content_type))?;
            form::add_missing(&mut all, &query);
            Cow::Owned(form::json(&unbraced(all)))
        }
        Shape::Json => Charset::of(content_type, bare).decode(bare),
        Shape::Multipart(_) | Shape::Other => return Err(Fault::NotReadable),
    };
    let is_whole = matches!(body_shape, Shape::Empty | Shape::Form);
    Ok(Input { body, is_whole, query })
}

/// In the cabinet, names with blanks or Cyrillic letters are wrapped in `{{…}}`.
pub(crate) fn unbrace(name: &str) -> &str {
    let inner = name.strip_prefix("{{").and_then(|name| name.strip_suffix("}}"));
    inner.map_or(name, str::trim)
}

fn unbraced(mut pairs: Vec<Pair>) -> Vec<Pair> {
    for (name, _) in &mut pairs {
        if name.starts_with("{{") {
            *name = unbrace(name).to_owned();
        }
    }
    pairs
}
