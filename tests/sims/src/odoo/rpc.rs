//! JSON-RPC: always a 200, with the error in its envelope.

use patchbay_sdk::http::{Request, Response};
use serde_json::{Map, Value, json};

use super::answer::{self, Answer, refusal};
use super::{Call, Odoo};

/// What methods call their arguments that come without a name.
fn names(method: &str) -> &'static [&'static str] {
    match method {
        "search" => &["domain", "offset", "limit", "order"],
        "search_read" => &["domain", "fields", "offset", "limit", "order"],
        "search_count" => &["domain"],
        "create" => &["vals_list"],
        "read" => &["ids", "fields"],
        "write" => &["ids", "vals"],
        "load" => &["fields", "data"],
        "fields_get" => &["allfields", "attributes"],
        "default_get" => &["fields_list"],
        "message_post" => &["ids"],
        "activity_schedule" => &["ids", "act_type_xmlid", "date_deadline", "summary", "note"],
        _ => &[],
    }
}

impl Odoo {
    pub(crate) fn envelope(&mut self, request: &Request) -> Response {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let params = body.get("params").cloned().unwrap_or_default();
        let text = |key: &str| params.get(key).and_then(Value::as_str).unwrap_or_default();
        let arguments = params.get("args").and_then(Value::as_array).cloned().unwrap_or_default();
        let answered = match (text("service"), text("method")) {
            _ if crate::path(&request.url).ends_with("/version_info") => Ok(self.versions()),
            ("common", "version") => Ok(self.versions()),
            ("common", "authenticate" | "login") => Ok(self.authenticated(&arguments)),
            ("object", "execute_kw") => self.execute(&arguments),
            // The older form: what comes after the method stands in a row.
            ("object", "execute") => {
                let (head, rest) = arguments.split_at(arguments.len().min(5));
                self.execute(&[head, &[json!(rest)]].concat())
            }
            _ => Err(refusal(500, "builtins.KeyError", "service")),
        };
        let id = body.get("id").cloned().unwrap_or_default();
        let envelope = match answered {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(refused) => json!({ "jsonrpc": "2.0", "id": id, "error": {
                "code": 0, "message": "Odoo Server Error", "data": refused.body,
            }}),
        };
        Response::json(200, envelope.to_string())
    }

    fn versions(&self) -> Value {
        json!({
            "server_version": format!("{}.0", self.version),
            "server_version_info": [self.version, 0, 0, "final", 0, ""],
            "server_serie": format!("{}.0", self.version),
            "protocol_version": 1,
        })
    }

    fn is_database(&self, told: Option<&Value>) -> bool {
        let told = told.and_then(Value::as_str);
        self.database.is_none() || self.database.as_deref() == told
    }

    /// The user's number, or `false`.
    fn authenticated(&self, arguments: &[Value]) -> Value {
        let is_known = self.is_database(arguments.first())
            && arguments.get(1) == Some(&json!(self.login))
            && arguments.get(2) == Some(&json!(self.key));
        if is_known { json!(2) } else { json!(false) }
    }

    fn execute(&mut self, arguments: &[Value]) -> Result<Value, Answer> {
        let [database, user, password, model, method, rest @ ..] = arguments else {
            return Err(answer::type_error("execute_kw() missing arguments"));
        };
        if !self.is_database(Some(database)) || *user != json!(2) || *password != json!(self.key) {
            return Err(refusal(403, "odoo.exceptions.AccessDenied", "Access Denied"));
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (model, method) = (text(model), text(method));
        let positional = rest.first().and_then(Value::as_array).cloned().unwrap_or_default();
        let mut named: Map<String, Value> =
            rest.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, value) in names(&method).iter().zip(positional) {
            let value = match (*name, value) {
                ("ids", id @ Value::Number(_)) => json!([id]),
                (_, value) => value,
            };
            named.insert((*name).to_owned(), value);
        }
        let answered = self.call(&Call { model: &model, method: &method, arguments: &named });
        match answered {
            // It says so in other words than JSON-2.
            Err(refused) if refused == answer::no_model(&model) => {
                Err(answer::user_error(&format!("Object {model} doesn't exist")))
            }
            // Records that a method answers are written as Python shows them; a message is its id.
            Ok(made) if method == "activity_schedule" && self.version < 19 => {
                let id = made.get(0).and_then(Value::as_u64).unwrap_or_default();
                Ok(json!(format!("mail.activity({id},)")))
            }
            Ok(made) if method == "message_post" && self.version < 19 => {
                Ok(made.get(0).cloned().unwrap_or_default())
            }
            other => other,
        }
    }
}
