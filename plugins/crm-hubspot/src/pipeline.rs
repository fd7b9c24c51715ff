//! Pipelines of deals and their stages, kept for a day.

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::log;
use patchbay_sdk::types::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;
use crate::object;
use crate::request::Call;
use crate::server::Server;

/// Where they are kept, as JSON.
const ENTRY: &str = "pipelines";

/// How long they are good without being asked for again.
const GOOD_MS: u64 = 86_400_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pipeline {
    pub id: String,
    pub label: String,
    /// In the order of the board.
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub id: String,
    pub label: String,
    /// Won or lost.
    pub closed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    read_ms: u64,
    pipelines: Vec<Pipeline>,
}

/// As they were asked for within a day.
pub(crate) fn known(server: &Server) -> Result<Vec<Pipeline>, Error> {
    let kept = kv::get(ENTRY)?.and_then(|kept| serde_json::from_slice::<Kept>(&kept).ok());
    match kept {
        Some(kept) if clock::unix_ms().saturating_sub(kept.read_ms) < GOOD_MS => Ok(kept.pipelines),
        _ => read(server),
    }
}

/// As they are now.
pub(crate) fn read(server: &Server) -> Result<Vec<Pipeline>, Error> {
    let pipelines = Call::get("/crm/v3/pipelines/deals").send(server, |answer| {
        let mut pipelines: Vec<&Value> = answer.get("results")?.as_array()?.iter().collect();
        pipelines.sort_by_key(|pipeline| order(pipeline));
        pipelines.into_iter().map(pipeline).collect::<Option<Vec<_>>>()
    })?;
    let kept = Kept { read_ms: clock::unix_ms(), pipelines };
    let json = serde_json::to_vec(&kept).expect("texts, numbers and flags are JSON");
    if Batch::new().set(ENTRY, json).commit().is_err() {
        log::debug("the pipelines could not be kept, and are asked for again");
    }
    Ok(kept.pipelines)
}

fn pipeline(value: &Value) -> Option<Pipeline> {
    let mut stages: Vec<&Value> = value.get("stages")?.as_array()?.iter().collect();
    stages.sort_by_key(|stage| order(stage));
    let stages = stages.into_iter().filter(|stage| !is_archived(stage)).map(stage);
    let (id, label) = named(value)?;
    Some(Pipeline { id, label, stages: stages.collect::<Option<Vec<_>>>()? })
}

fn stage(value: &Value) -> Option<Stage> {
    let metadata = value.get("metadata");
    let text = |name: &str| metadata?.get(name).and_then(Value::as_str);
    // A flag as a text, and where it lacks a probability of all or nothing.
    let closed = match text("isClosed") {
        Some(closed) => closed == "true",
        None => text("probability").is_some_and(|odds| ["0", "0.0", "1", "1.0"].contains(&odds)),
    };
    let (id, label) = named(value)?;
    Some(Stage { id, label, closed })
}

fn named(value: &Value) -> Option<(String, String)> {
    let id = object::id(value.get("id")?)?;
    let label = value.get("label").and_then(Value::as_str).filter(|label| !label.is_empty());
    Some((id.clone(), label.map_or(id, str::to_owned)))
}

fn order(value: &Value) -> i64 {
    value.get("displayOrder").and_then(Value::as_i64).unwrap_or(i64::MAX)
}

fn is_archived(value: &Value) -> bool {
    value.get("archived").and_then(Value::as_bool) == Some(true)
}

/// The pipeline that has this stage.
pub(crate) fn of_stage<'p>(pipelines: &'p [Pipeline], stage: &str) -> Option<&'p Pipeline> {
    pipelines.iter().find(|pipeline| pipeline.stages.iter().any(|own| own.id == stage))
}

/// Whether a deal in this stage is won or lost; one that is not known is open.
pub(crate) fn is_closed(pipelines: &[Pipeline], stage: &str) -> bool {
    let mut stages = pipelines.iter().flat_map(|pipeline| &pipeline.stages);
    stages.find(|own| own.id == stage).is_some_and(|stage| stage.closed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stages_are_read_in_their_order_with_what_they_mean() {
        let read = pipeline(&json!({
            "id": "default", "label": "Sales", "displayOrder": 0, "stages": [
                { "id": "won", "label": "Won", "displayOrder": 3, "metadata": { "isClosed": "true" } },
                { "id": "lost", "label": "", "displayOrder": 4, "metadata": { "probability": "0.0" } },
                { "id": "old", "label": "Old", "displayOrder": 0, "archived": true, "metadata": {} },
                { "id": 7, "label": "New", "displayOrder": 1, "metadata": { "probability": "0.2" } },
                { "id": "bare", "label": "Bare", "displayOrder": 2 },
            ],
        }));
        let pipelines = vec![read.unwrap()];
        let told: Vec<_> = pipelines[0]
            .stages
            .iter()
            .map(|stage| (stage.id.as_str(), stage.label.as_str(), stage.closed))
            .collect();
        let expected = [
            ("7", "New", false),
            ("bare", "Bare", false),
            ("won", "Won", true),
            ("lost", "lost", true),
        ];
        assert_eq!(told, expected);
        assert_eq!(of_stage(&pipelines, "won").map(|it| it.id.as_str()), Some("default"));
        assert!(is_closed(&pipelines, "lost") && !is_closed(&pipelines, "elsewhere"));
        assert_eq!(pipeline(&json!({ "id": "default" })), None);
    }
}
