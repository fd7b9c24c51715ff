//! The nouns that channels and CRMs share, as the contract has them.

pub use crate::bindings::imports::patchbay::adapter::types::{
    Assignment, Author, Call, Card, Deal, Direction, Error, ExternalId, Field, FieldSpec,
    FieldType, Identifier, Instant, Json, Line, Message, Native, Person, Problem, Subject,
    Transcript, Value,
};
