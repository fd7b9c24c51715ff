//! An address book that answers `res.partner` as Odoo 19 was recorded to: pure, in memory.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What can be written, besides the operator's own `x_…`.
const STORED: [&str; 11] = [
    "name",
    "email",
    "phone",
    "ref",
    "comment",
    "website",
    "city",
    "function",
    "state_id",
    "country_id",
    "user_id",
];
const COMPUTED: [&str; 3] = ["id", "email_normalized", "phone_sanitized"];

/// Records that others may refer to.
const REFERENCES: [(&str, u64, &str, &str); 3] = [
    ("user_id", 2, "Administrator", "Salesperson"),
    ("country_id", 229, "Ukraine", "Country"),
    ("state_id", 1, "Kyiv", "State"),
];

/// Partners and the external ids that were given to them.
#[derive(Debug, Default)]
pub(crate) struct Book {
    partners: BTreeMap<u64, Map<String, Value>>,
    external_ids: BTreeMap<String, u64>,
    ids_given: u64,
}

/// Status and body.
pub(crate) type Answer = (u16, Value);

impl Book {
    pub(crate) fn partners(&self) -> Vec<Value> {
        self.partners.values().cloned().map(Value::Object).collect()
    }

    /// Adds a partner without an external id, as a person would.
    pub(crate) fn add(&mut self, values: Map<String, Value>) -> u64 {
        self.keep(None, values)
    }

    pub(crate) fn call(&mut self, method: &str, arguments: &Value) -> Answer {
        let answer = match method {
            "search_read" => self.search_read(arguments),
            "read" => self.read(arguments),
            "write" => self.write(arguments),
            "load" => self.load(arguments),
            "fields_get" => Ok(fields_get()),
            _ => Err(error(
                404,
                "werkzeug.exceptions.NotFound",
                &format!("The method 'res.partner.{method}' does not exist"),
            )),
        };
        answer.map_or_else(|refusal| refusal, |value| (200, value))
    }

    fn search_read(&self, arguments: &Value) -> Result<Value, Answer> {
        only(arguments, &["domain", "fields", "limit", "offset", "order", "context"])?;
        let fields = names(arguments)?;
        let tokens = list(arguments, "domain");
        let limit = arguments.get("limit").and_then(Value::as_u64).unwrap_or(u64::MAX);
        // A fault of the domain shows in an empty book too.
        satisfies(&Map::new(), tokens)?;
        let mut hits = Vec::new();
        for partner in self.partners.values() {
            if satisfies(partner, tokens)? {
                hits.push(shown(partner, &fields));
            }
        }
        hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Value::Array(hits))
    }

    /// Records that do not exist are left out, without an error.
    fn read(&self, arguments: &Value) -> Result<Value, Answer> {
        only(arguments, &["ids", "fields", "load", "context"])?;
        let fields = names(arguments)?;
        let found = list(arguments, "ids").iter().filter_map(|id| self.partners.get(&id.as_u64()?));
        Ok(found.map(|partner| shown(partner, &fields)).collect())
    }

    fn write(&mut self, arguments: &Value) -> Result<Value, Answer> {
        only(arguments, &["ids", "vals", "context"])?;
        let vals = arguments.get("vals").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(field) = vals.keys().find(|field| !is_stored(field)) {
            return Err(value_error(&format!("Invalid field '{field}' in 'res.partner'")));
        }
        for id in list(arguments, "ids").iter().filter_map(Value::as_u64) {
            let Some(partner) = self.partners.get_mut(&id) else {
                let text = format!(
                    "Record does not exist or has been deleted.\n(Record: res.partner({id},), User: 2)"
                );
                return Err(error(404, "odoo.exceptions.MissingError", &text));
            };
            for (field, value) in &vals {
                let value = value
                    .as_u64()
                    .map_or_else(|| value.clone(), |id| resolved(field, id).unwrap_or(json!(id)));
                partner.insert(field.clone(), value);
            }
        }
        Ok(json!(true))
    }

    /// The external id decides whether a row is a new partner.
    fn load(&mut self, arguments: &Value) -> Result<Value, Answer> {
        only(arguments, &["fields", "data", "context"])?;
        let columns: Vec<&str> =
            list(arguments, "fields").iter().filter_map(Value::as_str).collect();
        let mut ids = Vec::new();
        for row in list(arguments, "data") {
            let cells = row.as_array().into_iter().flatten();
            let (mut external_id, mut values) = (None, Map::new());
            for (column, cell) in columns.iter().copied().zip(cells) {
                let Some(text) = cell.as_str() else {
                    return Err(value_error("cells of `load` are texts"));
                };
                let field = column.strip_suffix("/.id").unwrap_or(column);
                if column == "id" {
                    external_id = Some(text.to_owned());
                } else if !is_stored(field) {
                    return Err(value_error(&format!("Invalid field name '{field}'")));
                } else {
                    match converted(column, field, text) {
                        Ok(value) => values.insert(field.to_owned(), value),
                        Err(message) => {
                            return Ok(
                                json!({ "ids": false, "messages": [message], "nextrow": 0 }),
                            );
                        }
                    };
                }
            }
            ids.push(self.keep(external_id, values));
        }
        Ok(json!({ "ids": ids, "messages": [], "nextrow": 0 }))
    }

    fn keep(&mut self, external_id: Option<String>, values: Map<String, Value>) -> u64 {
        let known = external_id.as_ref().and_then(|name| self.external_ids.get(name)).copied();
        let id = known.unwrap_or_else(|| {
            self.ids_given += 1;
            // The company and its first user came before.
            self.ids_given + 5
        });
        let partner = self.partners.entry(id).or_default();
        partner.insert("id".to_owned(), json!(id));
        partner.extend(values);
        if let Some(name) = external_id {
            self.external_ids.insert(name, id);
        }
        id
    }
}

fn converted(column: &str, field: &str, text: &str) -> Result<Value, Value> {
    if text.is_empty() {
        return Ok(json!(false));
    }
    let Some((_, _, _, title)) = REFERENCES.iter().find(|(name, ..)| *name == field) else {
        return Ok(json!(text));
    };
    let by_id = column
        .ends_with("/.id")
        .then(|| text.parse().ok().and_then(|id| resolved(field, id)))
        .flatten();
    by_id.ok_or_else(|| {
        json!({
            "rows": { "from": 0, "to": 0 }, "type": "error", "record": 0, "field": field, "field_name": title,
            "message": format!("No matching record found for database id '{text}' in field '{title}'"),
        })
    })
}

fn resolved(field: &str, id: u64) -> Option<Value> {
    let (_, id, name, _) =
        REFERENCES.iter().find(|(name, known, ..)| *name == field && *known == id)?;
    Some(json!([id, name]))
}

/// Odoo's prefix notation: conditions that stand alone are joined by `&`.
fn satisfies(partner: &Map<String, Value>, mut tokens: &[Value]) -> Result<bool, Answer> {
    let mut all = true;
    while !tokens.is_empty() {
        let (holds, rest) = term(partner, tokens)?;
        all &= holds;
        tokens = rest;
    }
    Ok(all)
}

fn term<'a>(
    partner: &Map<String, Value>,
    tokens: &'a [Value],
) -> Result<(bool, &'a [Value]), Answer> {
    let Some((first, rest)) = tokens.split_first() else {
        return Err(value_error("Domain is too short"));
    };
    match first.as_str() {
        Some("!") => term(partner, rest).map(|(holds, rest)| (!holds, rest)),
        Some(operator @ ("|" | "&")) => {
            let (left, rest) = term(partner, rest)?;
            let (right, rest) = term(partner, rest)?;
            Ok((if operator == "|" { left || right } else { left && right }, rest))
        }
        _ => Ok((condition(partner, first)?, rest)),
    }
}

fn condition(partner: &Map<String, Value>, condition: &Value) -> Result<bool, Answer> {
    let parts = condition.as_array().map(Vec::as_slice).unwrap_or_default();
    let [Value::String(field), Value::String(operator), wanted] = parts else {
        return Err(value_error("Domain() invalid item in domain"));
    };
    if field == "phone_mobile_search" {
        return searched_phone(partner, wanted);
    }
    if !is_known(field) {
        let text = format!(
            "Invalid field res.partner.{field} in condition ('{field}', '{operator}', {wanted})"
        );
        return Err(value_error(&text));
    }
    let held = value(partner, field);
    match operator.as_str() {
        "=" => Ok(held == *wanted),
        "!=" => Ok(held != *wanted),
        "in" => Ok(wanted.as_array().is_some_and(|list| list.contains(&held))),
        _ => Err(value_error("Invalid operator")),
    }
}

/// Separators do not count, and `00` is `+`; with and without a country are different numbers.
fn searched_phone(partner: &Map<String, Value>, wanted: &Value) -> Result<bool, Answer> {
    let wanted = wanted.as_str().unwrap_or_default();
    if wanted.len() < 3 {
        let text = "Please enter at least 3 characters when searching a Phone/Mobile number.";
        return Err(error(422, "odoo.exceptions.UserError", text));
    }
    let bare = |number: &str| {
        let number: String =
            number.chars().filter(|letter| !" \\./()-".contains(*letter)).collect();
        number.strip_prefix("00").map(|rest| format!("+{rest}")).unwrap_or(number)
    };
    Ok(partner
        .get("phone")
        .and_then(Value::as_str)
        .is_some_and(|phone| bare(phone) == bare(wanted)))
}

fn value(partner: &Map<String, Value>, field: &str) -> Value {
    let text = |field| partner.get(field).and_then(Value::as_str);
    match field {
        "email_normalized" => {
            text("email").map_or(json!(false), |email| json!(email.trim().to_lowercase()))
        }
        "phone_sanitized" => text("phone").and_then(sanitized).map_or(json!(false), Value::String),
        field => partner.get(field).cloned().unwrap_or(json!(false)),
    }
}

fn sanitized(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    (phone.starts_with('+') && 7 <= digits.len()).then(|| format!("+{digits}"))
}

fn shown(partner: &Map<String, Value>, fields: &[String]) -> Value {
    let id = ("id".to_owned(), value(partner, "id"));
    let rest = fields.iter().map(|field| (field.clone(), value(partner, field)));
    Value::Object([id].into_iter().chain(rest).collect())
}

fn names(arguments: &Value) -> Result<Vec<String>, Answer> {
    let fields: Vec<String> =
        list(arguments, "fields").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    match fields.iter().find(|field| !is_known(field)) {
        Some(field) => Err(value_error(&format!("Invalid field '{field}' on 'res.partner'"))),
        None => Ok(fields),
    }
}

fn is_known(field: &str) -> bool {
    is_stored(field) || COMPUTED.contains(&field)
}

fn is_stored(field: &str) -> bool {
    STORED.contains(&field) || field.starts_with("x_")
}

fn list<'a>(arguments: &'a Value, name: &str) -> &'a [Value] {
    arguments.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn only(arguments: &Value, allowed: &[&str]) -> Result<(), Answer> {
    let unexpected = arguments
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .find(|name| !allowed.contains(&name.as_str()));
    match unexpected {
        Some(name) => Err(error(
            500,
            "builtins.TypeError",
            &format!("Model.call() got an unexpected keyword argument '{name}'"),
        )),
        None => Ok(()),
    }
}

fn fields_get() -> Value {
    let described = |(field, kind): (&str, &str)| {
        let title = field.replace('_', " ");
        (
            field.to_owned(),
            json!({ "string": title, "type": kind, "required": false, "readonly": field == "id" }),
        )
    };
    let stored = STORED
        .iter()
        .map(|field| (*field, if field.ends_with("_id") { "many2one" } else { "char" }));
    Value::Object(stored.chain([("id", "integer")]).map(described).collect())
}

fn value_error(message: &str) -> Answer {
    error(500, "builtins.ValueError", message)
}

/// An error in the form of the recordings.
pub(crate) fn error(status: u16, name: &str, message: &str) -> Answer {
    let body = json!({
        "name": name, "message": message, "arguments": [message], "context": {}, "debug": "Traceback (most recent call last)",
    });
    (status, body)
}
