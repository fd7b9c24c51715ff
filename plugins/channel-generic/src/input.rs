//! A request to one JSON text: GET, form, multipart and JSON alike.

use std::borrow::Cow;
use std::fmt;

use patchbay_sdk::channel::Request;
use patchbay_sdk::form::{self, Charset, Pair, Shape};
use patchbay_sdk::json;

use crate::multipart;

/// Why a request is not read. Names no value of it, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    TooManyParameters,
    Multipart(multipart::Fault),
    NotReadable,
    NotAnObject,
    ListNotAccepted,
    EmptyList,
    TooManyItems { max: usize },
    ItemNotAnObject { index: usize },
    Json(json::Fault),
    NothingRecognised,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the request has neither a body nor parameters"),
            Self::TooManyParameters => {
                write!(f, "the request has more than {} parameters", form::PAIRS_MAX)
            }
            Self::Multipart(multipart::Fault::TooManyParts) => {
                write!(f, "the body has more than {} parts", multipart::PARTS_MAX)
            }
            Self::Multipart(multipart::Fault::NoBoundary) => {
                f.write_str("the boundary of the content type does not stand in the body")
            }
            Self::NotReadable => f.write_str("the body is none of JSON, form and multipart"),
            Self::NotAnObject => f.write_str("the body is JSON, but no object"),
            Self::ListNotAccepted => {
                f.write_str("the body is a list; switch the setting `accept-lists` on to take it")
            }
            Self::EmptyList => f.write_str("the body is an empty list"),
            Self::TooManyItems { max } => write!(f, "the body is a list of more than {max} items"),
            Self::ItemNotAnObject { index } => write!(f, "item {index} of the list is no object"),
            Self::Json(fault) => fault.fmt(f),
            Self::NothingRecognised => f.write_str(
                "nothing is recognised: none of the templates `phone`, `email`, `name`, `external-id` \
                 and `message` gave a value",
            ),
        }
    }
}

/// What a request carries.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    pub(crate) text: Cow<'a, str>,
    /// The body as received is JSON, so that the host can read it by itself.
    pub(crate) is_as_received: bool,
    /// Parameters of the URL that the text does not hold.
    pub(crate) query: Vec<Pair>,
}

pub(crate) fn read<'a>(request: &'a Request, query: &str) -> Result<Input<'a>, Fault> {
    let content_type = request.header("content-type");
    let too_many = |_: form::TooManyPairs| Fault::TooManyParameters;
    let query = form::pairs(query.as_bytes(), None).map_err(too_many)?;
    let bare = form::without_mark(&request.body);
    let told = Charset::told(content_type);
    let own = match form::shape(content_type, &request.body) {
        Shape::Json => {
            let text = Charset::of(content_type, bare).decode(bare);
            let is_same = matches!(text, Cow::Borrowed(_)) && bare.len() == request.body.len();
            return Ok(Input { text, is_as_received: is_same, query });
        }
        Shape::Empty if query.is_empty() => return Err(Fault::Empty),
        Shape::Empty => Vec::new(),
        Shape::Form => form::pairs(bare, told).map_err(too_many)?,
        Shape::Multipart(boundary) => {
            multipart::pairs(bare, &boundary, told).map_err(Fault::Multipart)?
        }
        Shape::Other => return Err(Fault::NotReadable),
    };
    let mut pairs = own;
    form::add_missing(&mut pairs, &query);
    let text = Cow::Owned(form::json(&pairs));
    Ok(Input { text, is_as_received: false, query: Vec::new() })
}
