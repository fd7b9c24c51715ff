//! Odoo's prefix notation: conditions that stand alone are joined by `&`.

use serde_json::Value;

use super::answer::{Answer, refusal, value_error};
use super::phone;
use super::store::Store;

impl Store {
    /// The ids of what satisfies it, in their order.
    pub(crate) fn search(
        &self,
        model: &str,
        tokens: &[Value],
        is_tested: bool,
    ) -> Result<Vec<u64>, Answer> {
        let names_active =
            tokens.iter().any(|token| token.get(0).and_then(Value::as_str) == Some("active"));
        let only_active = is_tested && !names_active && self.has_column(model, "active");
        let mut hits = Vec::new();
        // A fault of the domain shows in an empty model too.
        self.satisfies(model, 0, tokens)?;
        for id in self.ids(model) {
            let is_shown = !only_active || self.value(model, id, "active") == Value::Bool(true);
            if is_shown && self.satisfies(model, id, tokens)? {
                hits.push(id);
            }
        }
        Ok(hits)
    }

    fn satisfies(&self, model: &str, id: u64, mut tokens: &[Value]) -> Result<bool, Answer> {
        let mut all = true;
        while !tokens.is_empty() {
            let (holds, rest) = self.term(model, id, tokens)?;
            all &= holds;
            tokens = rest;
        }
        Ok(all)
    }

    fn term<'t>(
        &self,
        model: &str,
        id: u64,
        tokens: &'t [Value],
    ) -> Result<(bool, &'t [Value]), Answer> {
        let Some((first, rest)) = tokens.split_first() else {
            return Err(value_error("Domain is too short"));
        };
        match first.as_str() {
            Some("!") => self.term(model, id, rest).map(|(holds, rest)| (!holds, rest)),
            Some(operator @ ("|" | "&")) => {
                let (left, rest) = self.term(model, id, rest)?;
                let (right, rest) = self.term(model, id, rest)?;
                Ok((if operator == "|" { left || right } else { left && right }, rest))
            }
            _ => Ok((self.condition(model, id, first)?, rest)),
        }
    }

    fn condition(&self, model: &str, id: u64, condition: &Value) -> Result<bool, Answer> {
        let parts = condition.as_array().map(Vec::as_slice).unwrap_or_default();
        let [Value::String(field), Value::String(operator), wanted] = parts else {
            return Err(value_error("Domain() invalid item in domain"));
        };
        if field == "phone_mobile_search" && self.has_column(model, "phone") {
            return self.has_phone(model, id, wanted);
        }
        if let Some((reference, rest)) = field.split_once('.') {
            // The condition holds of what is referred to, and of nothing where nothing is.
            let Some(relation) = self.relation(model, reference) else {
                return Err(no_field(model, field, operator, wanted));
            };
            let condition =
                Value::from(vec![rest.into(), operator.as_str().into(), wanted.clone()]);
            let other = self.raw(model, id, reference).as_u64();
            let holds = self.condition(relation, other.unwrap_or_default(), &condition)?;
            return Ok(other.is_some() && holds);
        }
        if !self.has_column(model, field) {
            return Err(no_field(model, field, operator, wanted));
        }
        let held = self.raw(model, id, field);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        let within = |held: &Value| wanted.as_array().is_some_and(|list| list.contains(held));
        Ok(match operator.as_str() {
            "=" => held == *wanted,
            "!=" => held != *wanted,
            "in" => within(&held),
            "not in" => !within(&held),
            ">" => number(wanted) < number(&held),
            "<" => number(&held) < number(wanted),
            "=ilike" => text(&held) == text(wanted),
            "ilike" => held.is_string() && text(&held).contains(&text(wanted)),
            _ => return Err(value_error("Invalid operator")),
        })
    }

    fn has_phone(&self, model: &str, id: u64, wanted: &Value) -> Result<bool, Answer> {
        let wanted = wanted.as_str().unwrap_or_default();
        if wanted.len() < 3 {
            let text = "Please enter at least 3 characters when searching a Phone/Mobile number.";
            return Err(refusal(422, "odoo.exceptions.UserError", text));
        }
        let held = ["phone", "mobile"].map(|field| self.raw(model, id, field));
        let held = held.iter().filter_map(Value::as_str);
        Ok(held.into_iter().any(|held| phone::bare(held) == phone::bare(wanted)))
    }
}

fn no_field(model: &str, field: &str, operator: &str, wanted: &Value) -> Answer {
    let text =
        format!("Invalid field {model}.{field} in condition ('{field}', '{operator}', {wanted})");
    value_error(&text)
}
