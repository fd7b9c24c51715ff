//! What an integration is tried with, as arguments name it: an event, a described request or a body.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::Error;
use crate::base64;

#[derive(Debug, Args)]
pub(super) struct SampleArgs {
    /// The integration, by name.
    #[arg(long)]
    pub(super) integration: String,
    /// An event of the journal, by number.
    #[arg(long, group = "sample", required_unless_present_any = ["request", "body"])]
    event: Option<i64>,
    /// A request as a JSON file: `method`, `path`, `query`, `headers`, and `body` or `body_file`.
    #[arg(long, group = "sample")]
    request: Option<PathBuf>,
    /// The body of a request, as a file.
    #[arg(long, group = "sample")]
    body: Option<PathBuf>,
    /// With --body: the method.
    #[arg(long, requires = "body")]
    method: Option<String>,
    /// With --body: what follows the webhook URL.
    #[arg(long, requires = "body")]
    path: Option<String>,
    /// With --body: the query, encoded.
    #[arg(long, requires = "body")]
    query: Option<String>,
    /// With --body: a header, as `name: value`. May be given several times.
    #[arg(long = "header", requires = "body")]
    headers: Vec<String>,
}

impl SampleArgs {
    /// The members `event` or `request` for the API.
    pub(super) fn input(&self) -> Result<Map<String, Value>, Error> {
        let (key, value) = match (&self.event, &self.request, &self.body) {
            (Some(event), _, _) => ("event", json!(event)),
            (_, Some(file), _) => ("request", described(file)?),
            (_, _, Some(file)) => ("request", self.with_body(file)?),
            _ => return Err(Error::Usage("name --event, --request or --body".to_owned())),
        };
        Ok(Map::from_iter([(key.to_owned(), value)]))
    }

    fn with_body(&self, file: &Path) -> Result<Value, Error> {
        let bytes = bytes(file)?;
        let mut headers = Vec::new();
        for header in &self.headers {
            let Some((name, value)) = header.split_once(':') else {
                return Err(Error::Usage(format!("`{header}` is no header: write `name: value`")));
            };
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let is_told = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !is_told && serde_json::from_slice::<Value>(&bytes).is_ok() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Ok(json!({
            "method": self.method.as_deref().unwrap_or("POST"),
            "path": self.path.as_deref().unwrap_or_default(),
            "query": self.query.as_deref().unwrap_or_default(),
            "headers": headers,
            "body_base64": base64::encode(&bytes),
        }))
    }
}

/// A request whose parts stand in a JSON file, and its body perhaps in another one beside it.
fn described(file: &Path) -> Result<Value, Error> {
    let described: Value = serde_json::from_slice(&bytes(file)?)
        .map_err(|error| Error::Refused(format!("`{}` is no JSON: {error}", file.display())))?;
    let text = |key: &str| described.get(key).and_then(Value::as_str);
    let beside = |name: &str| bytes(&file.with_file_name(name));
    let query = match (text("query_file"), described.get("query")) {
        (Some(name), _) => String::from_utf8_lossy(&beside(name)?).trim_end().to_owned(),
        (None, Some(Value::Object(pairs))) => encoded(pairs),
        (None, Some(Value::String(query))) => query.clone(),
        _ => String::new(),
    };
    let mut request = json!({
        "method": text("method").unwrap_or("POST"),
        "path": text("path").unwrap_or_default(),
        "query": query,
        "headers": described.get("headers").cloned().unwrap_or_else(|| json!({})),
    });
    let (key, body) = match (text("body_file"), described.get("body")) {
        (Some(name), _) => ("body_base64", json!(base64::encode(&beside(name)?))),
        (None, Some(body)) => ("body", body.clone()),
        (None, None) => return Ok(request),
    };
    if let Some(request) = request.as_object_mut() {
        request.insert(key.to_owned(), body);
    }
    Ok(request)
}

fn encoded(pairs: &Map<String, Value>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in pairs {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        query.append_pair(key, &text);
    }
    query.finish()
}

fn bytes(file: &Path) -> Result<Vec<u8>, Error> {
    fs::read(file)
        .map_err(|error| Error::Refused(format!("`{}` cannot be read: {error}", file.display())))
}
