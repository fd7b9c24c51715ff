//! Answers in the vendor's shapes, and queries as PHP reads them.

use patchbay_sdk::http::Response;
use serde_json::{Value, json};

/// Most records on one page.
const LIMIT_MAX: usize = 250;

/// Records on a page where nobody says how many.
const LIMIT_DEFAULT: usize = 50;

/// The parameters of a URL in their order, decoded.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(key, value)| (decoded(key), decoded(value))).collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    /// `filter[id][0]=1&filter[id][1]=2`, `filter[id][]=1` or `filter[id]=1`; `None` where it is
    /// not asked for.
    pub(super) fn filter(&self, name: &str) -> Option<Vec<&str>> {
        let whole = format!("filter[{name}]");
        let is_it = |key: &str| key == whole || key.starts_with(&format!("{whole}["));
        let values: Vec<&str> =
            self.0.iter().filter(|(key, _)| is_it(key)).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then_some(values)
    }

    pub(super) fn asks_with(&self, kind: &str) -> bool {
        self.get("with").is_some_and(|with| with.split(',').any(|one| one == kind))
    }

    fn number(&self, key: &str, default: usize) -> Option<usize> {
        self.get(key).map_or(Some(default), |text| text.parse().ok().filter(|number| 0 < *number))
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex: Option<Vec<u8>> = [rest.next(), rest.next()].into_iter().collect();
                let hex = hex.and_then(|hex| String::from_utf8(hex).ok()).unwrap_or_default();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn json(status: u16, kind: &str, body: &Value) -> Response {
    let response = Response { body: body.to_string().into_bytes(), ..Response::empty(status) };
    response.with_header("content-type", kind)
}

pub(super) fn ok(body: &Value) -> Response {
    json(200, "application/hal+json", body)
}

pub(super) fn page(status: u16, text: &str) -> Response {
    let response = Response { body: text.as_bytes().to_vec(), ..Response::empty(status) };
    response.with_header("content-type", "text/html")
}

/// An error; `more` holds further members.
pub(super) fn problem(status: u16, title: &str, more: &Value) -> Response {
    let mut body = json!({ "title": title, "type": format!("https://httpstatus.es/{status}"), "status": status });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    json(status, "application/problem+json", &body)
}

/// The faults of an array: the place of its record, and code and path of each.
pub(super) fn refused(faults: &[(usize, &str, String)]) -> Response {
    let entry = |(at, code, path): &(usize, &str, String)| {
        let detail = "The value you selected is not a valid choice.";
        json!({ "request_id": at.to_string(), "errors": [{ "code": code, "path": path, "detail": detail }] })
    };
    let errors: Vec<Value> = faults.iter().map(entry).collect();
    let more = json!({ "validation-errors": errors, "detail": "Request validation failed" });
    problem(400, "Bad Request", &more)
}

/// One page of a list. What nobody has is no page: 204.
pub(super) fn list(name: &str, records: impl Iterator<Item = Value>, query: &Query) -> Response {
    let (Some(page), Some(limit)) = (query.number("page", 1), query.number("limit", LIMIT_DEFAULT))
    else {
        return refused(&[(0, "InvalidType", "page".to_owned())]);
    };
    if LIMIT_MAX < limit {
        return refused(&[(0, "LessThanOrEqual", "limit".to_owned())]);
    }
    let mut records = records.skip((page - 1) * limit).peekable();
    let mut listed = Vec::new();
    while let Some(record) = records.next_if(|_| listed.len() < limit) {
        listed.push(record);
    }
    if listed.is_empty() {
        return Response::empty(204);
    }
    let href = |page: usize| json!({ "href": format!("https://demo.amocrm.ru/api/v4/{name}?page={page}&limit={limit}") });
    let mut links = json!({ "self": href(page) });
    if records.peek().is_some() {
        links["next"] = href(page + 1);
    }
    let mut body = json!({ "_page": page, "_links": links });
    body["_embedded"] = json!({ name: listed });
    ok(&body)
}

/// A list that is not paged.
pub(super) fn whole(name: &str, records: &[Value]) -> Response {
    ok(&json!({ "_total_items": records.len(), "_embedded": { name: records } }))
}

/// What is answered to a write: ids and whatever the caller has called its records.
pub(super) fn written(name: &str, records: &[(u64, Value)], now: u64) -> Response {
    let record = |(at, (id, sent)): (usize, &(u64, Value))| {
        let request_id = sent.get("request_id").cloned().unwrap_or_else(|| json!(at.to_string()));
        let link =
            json!({ "self": { "href": format!("https://demo.amocrm.ru/api/v4/{name}/{id}") } });
        let mut record =
            json!({ "id": id, "updated_at": now, "request_id": request_id, "_links": link });
        if let Some(entity) = sent.get("entity_id") {
            record["entity_id"] = entity.clone();
        }
        record
    };
    let records: Vec<Value> = records.iter().enumerate().map(record).collect();
    ok(&json!({ "_links": { "self": {} }, "_embedded": { name: records } }))
}
