//! The call of a case: any export of the contract, and its result as JSON.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    case::Request,
    compare::{Extent, as_value},
};
use crate::{
    card::{AdapterError, Assignment, Card, ExternalId, Field, Identifier, Note, Subject, Task},
    event::{Effect, Event, EventOutcome, Page, Received, Response},
    plugin::{Adapter, Error},
};

/// What is called, with its arguments.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Call {
    Receive(Request),
    Reply {
        request: Request,
        outcomes: Vec<Outcome>,
    },
    Render {
        #[serde(default)]
        path: String,
        #[serde(default)]
        query: String,
    },
    PushCard {
        client: ExternalId,
        card: Card,
    },
    Tag {
        client: ExternalId,
        tag: String,
    },
    DescribeFields {},
    LookupClient {
        any_of: Vec<Identifier>,
    },
    MapFields {
        #[serde(default)]
        client: Vec<Identifier>,
        fields: Vec<Field>,
    },
    UpsertContact {
        id: Option<String>,
        contact: Value,
        idempotency_key: String,
    },
    DescribeDealFields {},
    OpenDeals {
        card: String,
    },
    MapDealFields {
        fields: Vec<Field>,
    },
    UpsertDeal {
        id: Option<String>,
        card: String,
        deal: Value,
        manager: Option<String>,
        idempotency_key: String,
    },
    CreateTask {
        task: Task,
        idempotency_key: String,
    },
    AddNote {
        subject: Subject,
        note: Note,
        idempotency_key: String,
    },
    ListManagers {},
    ListAssignments {
        page: Option<String>,
    },
}

/// What the host did with one event, as `reply` is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    effect: Effect,
    #[serde(default)]
    cards: Vec<Card>,
    #[serde(default)]
    assignments: Vec<Assignment>,
    next_page: Option<String>,
    problem: Option<AdapterError>,
}

impl Outcome {
    fn event_outcome(&self) -> EventOutcome {
        EventOutcome {
            effect: self.effect,
            cards: self.cards.clone(),
            assignments: self.assignments.clone(),
            next_page: self.next_page.clone(),
            problem: self.problem.clone(),
            ..EventOutcome::nothing()
        }
    }
}

impl Call {
    /// How much of the result is compared: all of a record that is sent as it is.
    pub(super) fn extent(&self) -> Extent {
        match self {
            Self::MapFields { .. } | Self::MapDealFields { .. } => Extent::Whole,
            _ => Extent::Named,
        }
    }

    /// Makes the call.
    pub(super) async fn run(&self, adapter: &Adapter) -> Result<Value, Error> {
        match self {
            Self::Receive(_) | Self::Reply { .. } | Self::Render { .. } => {
                self.run_channel(adapter).await
            }
            Self::PushCard { client, card } => {
                adapter.push_card(client, card).await.map(|()| Value::Null)
            }
            Self::Tag { client, tag } => adapter.tag(client, tag).await.map(|()| Value::Null),
            Self::DescribeFields {} => adapter.describe_fields().await.map(|it| json!(it)),
            Self::LookupClient { any_of } => {
                adapter.lookup_client(any_of).await.map(|it| json!(it))
            }
            Self::MapFields { client, fields } => {
                adapter.map_fields(client, fields).await.map(|it| native(&it))
            }
            Self::UpsertContact { id, contact, idempotency_key } => adapter
                .upsert_contact(id.as_deref(), &text(contact), idempotency_key)
                .await
                .map(|it| json!(it)),
            _ => self.run_deals(adapter).await,
        }
    }

    async fn run_channel(&self, adapter: &Adapter) -> Result<Value, Error> {
        match self {
            Self::Receive(Request(request)) => adapter.receive(request).await.map(received),
            Self::Reply { request: Request(request), outcomes } => {
                let outcomes: Vec<_> = outcomes.iter().map(Outcome::event_outcome).collect();
                adapter.reply(request, &outcomes).await.map(|it| answer(&it))
            }
            Self::Render { path, query } => adapter
                .render(path, query)
                .await
                .map(|page| page.as_ref().map_or(Value::Null, shown_page)),
            _ => Ok(Value::Null),
        }
    }

    async fn run_deals(&self, adapter: &Adapter) -> Result<Value, Error> {
        match self {
            Self::DescribeDealFields {} => adapter.describe_deal_fields().await.map(|it| json!(it)),
            Self::OpenDeals { card } => adapter.open_deals(card).await.map(|it| json!(it)),
            Self::MapDealFields { fields } => {
                adapter.map_deal_fields(fields).await.map(|it| native(&it))
            }
            Self::UpsertDeal { id, card, deal, manager, idempotency_key } => adapter
                .upsert_deal(id.as_deref(), card, &text(deal), manager.as_deref(), idempotency_key)
                .await
                .map(|it| json!(it)),
            Self::CreateTask { task, idempotency_key } => {
                adapter.create_task(task, idempotency_key).await.map(|it| json!(it))
            }
            Self::AddNote { subject, note, idempotency_key } => {
                adapter.add_note(subject, note, idempotency_key).await.map(|it| json!(it))
            }
            Self::ListManagers {} => adapter.list_managers().await.map(|it| json!(it)),
            Self::ListAssignments { page } => {
                let (assignments, next_page) = adapter.list_assignments(page.as_deref()).await?;
                Ok(json!({ "assignments": assignments, "next_page": next_page }))
            }
            _ => Ok(Value::Null),
        }
    }
}

/// A record in the CRM's own shape: a text as it is.
fn text(native: &Value) -> String {
    native.as_str().map_or_else(|| native.to_string(), str::to_owned)
}

/// It is JSON: that was checked when it came.
fn native(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_no_json| text.into())
}

fn received(received: Received) -> Value {
    match received {
        Received::Events(intake) => json!({
            "events": intake.events.iter().map(event).collect::<Vec<_>>(),
            "fallback": answer(&intake.fallback),
        }),
        Received::Answer(response) => json!({ "answer": answer(&response) }),
        Received::Reject(rejection) => {
            json!({ "reject": { "status": rejection.status, "reason": rejection.reason } })
        }
    }
}

/// The event with what the journal keeps beside it.
fn event(event: &Event) -> Value {
    let mut told = json!(event);
    if let Value::Object(members) = &mut told {
        members.insert("conversation".to_owned(), json!(event.conversation));
        members.insert("dedup_key".to_owned(), json!(event.dedup_key));
    }
    told
}

fn answer(response: &Response) -> Value {
    let mut headers = serde_json::Map::new();
    for (name, value) in &response.headers {
        let joined = match headers.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        headers.insert(name.to_ascii_lowercase(), joined.into());
    }
    json!({ "status": response.status, "headers": headers, "body": as_value(&response.body) })
}

fn shown_page(page: &Page) -> Value {
    json!({
        "content_type": page.content_type,
        "content_security_policy": page.content_security_policy,
        "body": as_value(&page.body),
    })
}
