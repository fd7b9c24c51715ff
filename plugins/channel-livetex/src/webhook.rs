//! The body of LiveTex's webhook: every member that this adapter reads, all of them optional.
//!
//! Only the three names of `Webhook` are public. All others are assumed, and stand here alone.

use patchbay_sdk::json::tolerant::{self, Item, List, Text, Tolerant};
use patchbay_sdk::tolerant;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess};

/// More operators than this in one conversation are not kept.
pub(crate) const MAX_EMPLOYEES: usize = 100;
/// More messages than this in one transcript are counted, not kept.
pub(crate) const MAX_MESSAGES: usize = 10_000;

tolerant! {
    pub(crate) struct Webhook<'a> {
        "Conversation" => conversation: Conversation<'a>,
        "discourser" => discourser: Discourser<'a>,
        "employee" => employees: Employees<'a>,
    }

    pub(crate) struct Conversation<'a> {
        "id" => id: Text<'a>,
        "startTime" => start_time: Text<'a>,
        "endTime" => end_time: Text<'a>,
        "topic" => topic: Topic<'a>,
        "rate" => rate: Rate<'a>,
        "touchPoint" => touch_point: TouchPoint<'a>,
        "messages" => messages: List<ChatMessage<'a>, MAX_MESSAGES>,
    }

    pub(crate) struct Topic<'a> or name { "name" => name: Text<'a> }

    pub(crate) struct Rate<'a> or value {
        "type" => scale: Text<'a>,
        "value" => value: Text<'a>,
        "comment" => comment: Text<'a>,
    }

    pub(crate) struct TouchPoint<'a> or name {
        "name" => name: Text<'a>,
        "type" => kind: Text<'a>,
    }

    pub(crate) struct ChatMessage<'a> or text {
        "author" => author: Text<'a>,
        "employeeId" => employee_id: Text<'a>,
        "text" => text: Text<'a>,
        "createdAt" => created_at: Text<'a>,
    }

    /// The visitor.
    pub(crate) struct Discourser<'a> {
        "id" => id: Text<'a>,
        "personId" => person_id: Text<'a>,
        "name" => name: Text<'a>,
        "phone" => phone: Text<'a>,
        "email" => email: Text<'a>,
    }

    pub(crate) struct Employee<'a> {
        "id" => id: Text<'a>,
        "name" => name: Text<'a>,
        "email" => email: Text<'a>,
    }
}

impl Webhook<'_> {
    /// Whether it tells of a conversation in LiveTex's words.
    pub(crate) fn is_event(&self) -> bool {
        let names_somebody = !self.discourser.is_blank() || !self.employees.0.is_empty();
        names_somebody && !self.conversation.is_blank()
    }
}

impl Item for Conversation<'_> {
    fn is_blank(&self) -> bool {
        let texts =
            [&self.id, &self.start_time, &self.end_time, &self.topic.name, &self.rate.value];
        texts.iter().all(|text| text.get().is_none()) && self.messages.items.is_empty()
    }
}

impl Item for Discourser<'_> {
    fn is_blank(&self) -> bool {
        let texts = [&self.id, &self.person_id, &self.name, &self.phone, &self.email];
        texts.iter().all(|text| text.get().is_none())
    }
}

impl Item for Employee<'_> {
    fn is_blank(&self) -> bool {
        [&self.id, &self.name, &self.email].iter().all(|text| text.get().is_none())
    }
}

impl Item for ChatMessage<'_> {
    fn is_blank(&self) -> bool {
        self.text.get().is_none()
    }
}

/// An array of operators, one operator alone, or an object with any keys that holds them.
#[derive(Debug, Default)]
pub(crate) struct Employees<'a>(pub(crate) Vec<Employee<'a>>);

impl<'a> Employees<'a> {
    fn add(&mut self, employee: Employee<'a>) {
        if !employee.is_blank() && self.0.len() < MAX_EMPLOYEES {
            self.0.push(employee);
        }
    }
}

impl<'de> Deserialize<'de> for Employees<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let OneOrMany { one, mut many } = tolerant::read(deserializer)?;
        many.add(one);
        Ok(many)
    }
}

#[derive(Default)]
struct OneOrMany<'a> {
    one: Employee<'a>,
    many: Employees<'a>,
}

impl<'de> Tolerant<'de> for OneOrMany<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        match name.as_received() {
            "id" | "name" | "email" => self.one.member(name, map)?,
            _ => self.many.add(map.next_value()?),
        }
        Ok(())
    }

    fn items<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(employee) = seq.next_element()? {
            self.many.add(employee);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(json: &str) -> Vec<String> {
        let employees = serde_json::from_str::<Employees<'_>>(json).unwrap();
        employees.0.iter().filter_map(|employee| employee.name.owned()).collect()
    }

    #[test]
    fn operators_are_a_list_or_one_alone() {
        assert_eq!(names(r#"[{"name":"a"},null,7,{},{"name":"b"}]"#), ["a", "b"]);
        assert_eq!(names(r#"{"id":1,"name":"a","phone":"1"}"#), ["a"]);
        assert_eq!(names(r#"{"0":{"name":"a"},"1":{"name":"b"}}"#), ["a", "b"]);
        for nothing in ["null", "\"a\"", "[]", "{}", "7"] {
            assert!(names(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn operators_are_kept_up_to_the_limit() {
        let list = |count: usize| format!("[{}]", vec![r#"{"name":"a"}"#; count].join(","));
        assert_eq!(names(&list(MAX_EMPLOYEES)).len(), MAX_EMPLOYEES);
        assert_eq!(names(&list(MAX_EMPLOYEES + 1)).len(), MAX_EMPLOYEES);
    }

    #[test]
    fn a_text_or_a_number_stands_for_its_object() {
        let webhook = |conversation: &str| {
            let body = format!(r#"{{"Conversation":{conversation}}}"#);
            let webhook = serde_json::from_str::<Webhook<'_>>(&body).unwrap();
            let Conversation { topic, rate, touch_point, .. } = webhook.conversation;
            [topic.name.owned(), rate.value.owned(), touch_point.name.owned()]
        };
        let all = |topic: &str, rate: &str, point: &str| {
            [Some(topic.to_owned()), Some(rate.to_owned()), Some(point.to_owned())]
        };
        let plain = r#"{"topic":"a","rate":5,"touchPoint":"Сайт"}"#;
        assert_eq!(webhook(plain), all("a", "5", "Сайт"));
        let objects = r#"{"topic":{"name":"a"},"rate":{"value":5},"touchPoint":{"name":"Сайт"}}"#;
        assert_eq!(webhook(objects), all("a", "5", "Сайт"));
        assert_eq!(webhook(r#"{"topic":null,"rate":[],"touchPoint":false}"#), [None, None, None]);
        assert_eq!(webhook("7"), [None, None, None]);
    }
}
