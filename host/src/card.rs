//! The nouns that channels and CRMs share: identifiers, fields, cards. Plain data, as in `wit/types.wit`.

use serde::{Deserialize, Serialize};

/// One way to recognise a client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identifier {
    Phone(String),
    Email(String),
    External(ExternalId),
    Card(String),
}

/// An id together with the system that gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExternalId {
    pub system: String,
    pub id: String,
}

/// One value under a canonical key or a key of the CRM's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub key: String,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    Empty,
    Text(String),
    Number(f64),
    Flag(bool),
    Instant(String),
    Texts(Vec<String>),
    Json(String),
}

/// A person who answers clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    pub active: bool,
}

/// One fault of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub field: Option<String>,
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// All problems in one line.
pub fn sentence(problems: &[Problem]) -> String {
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// Why an adapter could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterError {
    Invalid(Vec<Problem>),
    Conflict(Option<String>),
    Unauthorized(String),
    RateLimited(Option<u64>),
    PlanLimit(String),
    NotFound(String),
    Unsupported(String),
    Unavailable(String),
    UnknownOutcome(String),
}

/// The client as the CRM shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub id: String,
    pub url: Option<String>,
    pub manager: Option<Person>,
    #[serde(default)]
    pub fields: Vec<Field>,
    #[serde(default)]
    pub lines: Vec<Line>,
    #[serde(default)]
    pub matched: Vec<Identifier>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub title: String,
    pub text: String,
    pub url: Option<String>,
}

/// One field that a CRM offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSpec {
    pub key: String,
    pub title: String,
    pub r#type: FieldType,
    pub required: bool,
    pub repeated: bool,
    pub choices: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    Text,
    Number,
    Flag,
    Instant,
    Choice,
    Phone,
    Email,
    Url,
}

/// A deal as the CRM shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deal {
    pub id: String,
    pub url: Option<String>,
    pub title: String,
    pub stage: Option<String>,
    pub manager: Option<Person>,
    pub fields: Vec<Field>,
}

/// What a note or a task is attached to, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    Card(String),
    Deal(String),
}

/// Something that a manager has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub subject: Subject,
    pub title: String,
    pub text: String,
    /// A manager's id.
    pub manager: Option<String>,
    /// As RFC 3339 with an offset.
    pub due: String,
}

/// What is written down about a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    Text(String),
    Transcript(Transcript),
    Call(Call),
}

/// Who looks after whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub manager: Person,
    pub cards: Vec<String>,
}

/// A conversation as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub topic: Option<String>,
    pub rating: Option<String>,
    pub messages: Vec<Message>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Author {
    Client,
    Agent,
    Bot,
    System,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub author: Author,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Person>,
    pub sent_at: Option<String>,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Inbound,
    Outbound,
    Internal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub id: String,
    pub direction: Direction,
    pub client_number: Option<String>,
    pub agent_number: Option<String>,
    pub line: Option<String>,
    pub status: Option<String>,
    pub missed: bool,
    pub duration_s: Option<u32>,
    pub recording_url: Option<String>,
    pub rating: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_with_their_fields() {
        let problem = |field: Option<&str>, message: &str| Problem {
            field: field.map(str::to_owned),
            message: message.to_owned(),
        };
        assert_eq!(
            sentence(&[problem(Some("name"), "is required"), problem(None, "no")]),
            "name: is required; no"
        );
    }
}
