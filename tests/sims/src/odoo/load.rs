//! `load`: rows of texts, upserted by their external ids.

use serde_json::{Map, Value, json};

use super::Call;
use super::answer::{Answer, type_error, value_error};
use super::store::Store;

/// The external id decides whether a row is a new record. A value that cannot be is told in a 200.
pub(crate) fn load(store: &mut Store, call: &Call<'_>) -> Result<Value, Answer> {
    call.only(&["fields", "data"])?;
    let columns: Vec<&str> = call.list("fields").iter().filter_map(Value::as_str).collect();
    let mut ids = Vec::new();
    for row in call.list("data") {
        let cells = row.as_array().map(Vec::as_slice).unwrap_or_default();
        match read(store, call.model, &columns, cells)? {
            Ok((external_id, values)) => {
                let kept = keep(store, call.model, external_id, values)?;
                match kept {
                    Ok(id) => ids.push(id),
                    Err(message) => return Ok(refused(&message)),
                }
            }
            Err(message) => return Ok(refused(&message)),
        }
    }
    Ok(json!({ "ids": ids, "messages": [], "nextrow": 0 }))
}

type Row = (Option<String>, Map<String, Value>);

fn read(
    store: &Store,
    model: &str,
    columns: &[&str],
    cells: &[Value],
) -> Result<Result<Row, Value>, Answer> {
    let (mut external_id, mut values) = (None, Map::new());
    for (column, cell) in columns.iter().copied().zip(cells) {
        let Some(text) = cell.as_str() else { return Err(type_error("cells of `load` are texts")) };
        if column == "id" {
            external_id = Some(text.to_owned());
            continue;
        }
        let field = column.strip_suffix("/.id").unwrap_or(column);
        if !store.has_column(model, field) {
            return Err(value_error(&format!("Invalid field name '{field}'")));
        }
        match converted(store, model, column, field, text) {
            Ok(value) => values.insert(field.to_owned(), value),
            Err(text) => return Ok(Err(message(field, &text))),
        };
    }
    Ok(Ok((external_id, values)))
}

fn converted(
    store: &Store,
    model: &str,
    column: &str,
    field: &str,
    text: &str,
) -> Result<Value, String> {
    let Some(relation) = store.relation(model, field) else {
        return Ok(match text {
            "" => json!(false),
            text => match store.kind(model, field) {
                "integer" | "float" | "monetary" => {
                    let number: Option<f64> = text.parse().ok();
                    json!(number.ok_or_else(|| {
                        format!("'{text}' does not seem to be a number for field '{field}'")
                    })?)
                }
                "boolean" => json!(text == "1"),
                _ => json!(text),
            },
        });
    };
    if text.is_empty() {
        return Ok(json!(false));
    }
    let by_id = column.ends_with("/.id");
    let mut ids = Vec::new();
    for part in text.split(',') {
        let found = if by_id {
            part.parse().ok().filter(|id| store.exists(relation, *id))
        } else {
            let named = |id: &u64| store.raw(relation, *id, "name") == json!(part);
            store.ids(relation).into_iter().find(named)
        };
        let what = if by_id { "database id" } else { "name" };
        ids.push(found.ok_or_else(|| {
            format!("No matching record found for {what} '{part}' in field '{field}'")
        })?);
    }
    let is_list = store.kind(model, field) == "many2many";
    Ok(match ids.as_slice() {
        [id] if !is_list => json!(id),
        ids => json!([[6, 0, ids]]),
    })
}

/// A record that the database refuses is told as a message as well.
fn keep(
    store: &mut Store,
    model: &str,
    external_id: Option<String>,
    values: Map<String, Value>,
) -> Result<Result<u64, Value>, Answer> {
    let known = external_id.as_ref().and_then(|name| store.external_ids.get(name)).cloned();
    if let Some((of, id)) = known {
        if of != model {
            let text = format!("For the module, the external id belongs to '{of}'");
            return Err(value_error(&text));
        }
        if store.exists(model, id) {
            return match store.write(model, id, values) {
                Ok(()) => Ok(Ok(id)),
                Err(refused) => Ok(Err(of_answer(&refused))),
            };
        }
    }
    match store.create(model, values) {
        Ok(id) => {
            if let Some(name) = external_id {
                store.external_ids.insert(name, (model.to_owned(), id));
            }
            Ok(Ok(id))
        }
        Err(refused) => Ok(Err(of_answer(&refused))),
    }
}

fn of_answer(refused: &Answer) -> Value {
    let text = refused.body.get("message").and_then(Value::as_str).unwrap_or_default();
    let field = text.split_once('(').and_then(|(_, rest)| rest.split(')').next());
    message(field.unwrap_or_default(), text)
}

fn message(field: &str, text: &str) -> Value {
    json!({
        "rows": { "from": 0, "to": 0 }, "type": "error", "record": 0,
        "field": if field.is_empty() { json!(false) } else { json!(field) },
        "field_name": field, "message": text,
    })
}

fn refused(message: &Value) -> Value {
    json!({ "ids": false, "messages": [message], "nextrow": 0 })
}
