//! A request to the event of the contract.

use patchbay_sdk::channel::{Event, Kind, Request};
use patchbay_sdk::json::Node;
use patchbay_sdk::types::{Call, Direction};

use crate::aliases::Meaning;
use crate::input::{self, Fault};
use crate::moment::Moment;
use crate::options::Options;
use crate::parameters::{self, Parameters};
use crate::{call, client, fields, started};

/// Longer ids are no ids: lanes and keys are made of them.
const ID_BYTES_MAX: usize = 256;
/// Longer names of unknown moments are cut.
const NAME_CHARS_MAX: usize = 64;

/// Reads the one event of a webhook.
pub(crate) fn read(request: &Request, options: &Options) -> Result<Event, Fault> {
    let input = input::read(request)?;
    let body = Node::read(&input.body).map_err(Fault::Json)?;
    if !matches!(body, Node::Object(_)) {
        return Err(Fault::NotAnObject);
    }
    let found = Parameters::new(&body, &input.query, &options.aliases);
    let identity = Identity::of(&found, &request.received_at)?;
    let moment = Moment::of(&found);
    let call = call::call(&found, moment.unwrap_or(Moment::BeforeCall), identity.call_id);
    let started_at =
        started::started_at(found.get(Meaning::StartedAt), &call.id, options.utc_offset_minutes);
    let is_answered = moment == Ok(Moment::BeforeCall)
        && call.direction == Direction::Inbound
        && options.answers_calls();
    let dedup_key = moment.ok().filter(|_| identity.is_stable);
    Ok(Event {
        dedup_key: dedup_key.and_then(|moment| client::dedup_key(&found, moment, &call.id)),
        conversation: client::lane(&call),
        episode: Some(call.id.clone()),
        wants_reply: is_answered,
        occurred_at: started_at,
        client: client::identifiers(&found, &call),
        fields: fields::fields(&found, &call),
        agents: client::agents(&found, &call),
        context: Some(parameters::context(&body, &input, &options.aliases)),
        kind: kind(moment, call),
    })
}

fn kind(moment: Result<Moment, &str>, call: Call) -> Kind {
    // Two employees talk: nobody is a client.
    if call.direction == Direction::Internal {
        return Kind::Ignored("internal call".to_owned());
    }
    match moment {
        Ok(Moment::BeforeCall | Moment::BeforeOutgoing) => Kind::CallStarted(call),
        Ok(Moment::ForwardStep) => Kind::CallForwarded(call),
        Ok(Moment::Answered) => Kind::CallAnswered(call),
        Ok(Moment::AfterCall | Moment::AfterOutgoing) => Kind::CallFinished(call),
        Ok(Moment::RatingMenu) => Kind::CallRated(call),
        Err(name) => {
            let name = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX);
            Kind::Ignored(name.collect())
        }
    }
}

/// What a call is known by.
struct Identity {
    call_id: String,
    /// The same in every webhook of the call.
    is_stable: bool,
}

impl Identity {
    /// The call's id; without one its caller and date; without a date it is alone.
    fn of(found: &Parameters<'_>, received_at: &str) -> Result<Self, Fault> {
        let caller = found.get(Meaning::Caller).or_else(|| found.get(Meaning::Callee));
        let (call_id, is_stable) = match (found.owned(Meaning::CallId), caller) {
            (Some(id), _) => (id, true),
            (None, None) => return Err(Fault::NoCall),
            (None, Some(caller)) => match found.get(Meaning::StartedAt) {
                Some(date) => (format!("{caller}@{date}"), true),
                None => (format!("{caller}@{received_at}"), false),
            },
        };
        if ID_BYTES_MAX < call_id.len() {
            return Err(Fault::IdTooLong);
        }
        Ok(Self { call_id, is_stable })
    }
}
