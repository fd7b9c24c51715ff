//! The envelope of an answer, of which only what is asked for is read: the times and totals of each
//! command are most of a small answer.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A whole answer.
#[derive(Debug, serde::Deserialize)]
#[serde(bound = "T: serde::Deserialize<'de>")]
pub(crate) struct Envelope<T> {
    #[serde(default)]
    pub error: Value,
    #[serde(default)]
    pub error_description: Value,
    #[serde(default)]
    pub time: Object<Time>,
    #[serde(default = "nothing", deserialize_with = "something")]
    pub result: Option<T>,
}

/// What is inside the result of a `batch`, by the names of the commands.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Batch {
    #[serde(default = "nothing", deserialize_with = "something")]
    pub result: Option<Object<Map<String, Value>>>,
    #[serde(default)]
    pub result_error: Object<Map<String, Value>>,
    #[serde(default)]
    pub result_time: Object<BTreeMap<String, Object<Time>>>,
}

/// How much of its time a method has used up.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Time {
    pub operating: Value,
    pub operating_reset_at: Value,
}

/// `None` for whatever is no object: `[]` stands for one that is empty.
#[derive(Debug)]
pub(crate) struct Object<T>(pub Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

fn nothing<T>() -> Option<T> {
    None
}

/// Also `null` is something.
fn something<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|value| Object(Some(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Object(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Object(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Object(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Object(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Object(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Object(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Object(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Option<Envelope<T>> {
        serde_json::from_str::<Object<Envelope<T>>>(text).unwrap().0
    }

    #[test]
    fn a_result_that_is_null_is_there() {
        assert_eq!(read::<Value>(r#"{"result":null}"#).unwrap().result, Some(Value::Null));
        assert_eq!(read::<Value>(r#"{"resul":1}"#).unwrap().result, None);
    }

    #[test]
    fn what_is_no_object_is_none_wherever_it_stands() {
        for other in ["[]", "[{\"result\":1}]", "null", "true", "-1", "1", "1.5", "\"a\""] {
            assert!(read::<Value>(other).is_none(), "{other}");
            let text = format!(
                r#"{{"result":{{"result":{other},"result_time":{other}}},"time":{other}}}"#
            );
            let envelope = read::<Object<Batch>>(&text).unwrap();
            assert!(envelope.time.0.is_none(), "{other}");
            let batch = envelope.result.unwrap().0.unwrap();
            assert!(batch.result.unwrap().0.is_none() && batch.result_time.0.is_none(), "{other}");
            assert!(batch.result_error.0.is_none());
        }
    }

    #[test]
    fn times_of_the_commands_are_found_by_their_names() {
        let text = r#"{"result":{"result":[],"result_total":{"a":7},"result_time":{"a":{"start":1.5,"operating":"x"},"b":[]}}}"#;
        let batch = read::<Object<Batch>>(text).unwrap().result.unwrap().0.unwrap();
        let times = batch.result_time.0.unwrap();
        assert_eq!(times["a"].0.as_ref().unwrap().operating, "x");
        assert!(times["b"].0.is_none());
    }
}
