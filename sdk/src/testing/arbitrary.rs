//! Requests of any kind for properties like "read or rejected, never a panic": made up, or stored ones
//! bent at any place.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value as Json, json};

use crate::channel::Request;

#[doc(hidden)]
pub use proptest;

/// The properties that every channel adapter with JSON bodies has, as four tests: of arbitrary bytes, of
/// arbitrary JSON, and of stored requests with arbitrary JSON or bytes in a place.
///
/// Named are the stored requests, how a body becomes a request, and the adapter's own check of one,
/// which fails by panicking. For properties of its own an adapter says `proptest!` beside it.
///
/// ```
/// use patchbay_sdk::channel::{Request, Response};
/// use patchbay_sdk::testing::webhooks;
///
/// fn request(body: impl AsRef<[u8]>) -> Request {
///     Request {
///         method: "POST".to_owned(),
///         path: String::new(),
///         query: String::new(),
///         headers: Vec::new(),
///         body: body.as_ref().to_vec(),
///         received_at: webhooks::RECEIVED_AT.to_owned(),
///         remote_address: "203.0.113.7".to_owned(),
///     }
/// }
///
/// fn check(request: &Request) {
///     // Here the adapter is run, and `intake::check` looks at what it made.
///     assert_eq!(request.method, "POST");
/// }
///
/// patchbay_sdk::json_bodies_never_panic!(vec![request(r#"{"id": 1}"#)], request, check);
/// ```
#[macro_export]
macro_rules! json_bodies_never_panic {
    ($stored:expr, $request:path, $check:path) => {
        $crate::testing::arbitrary::proptest::proptest! {
            #[test]
            fn arbitrary_bytes(body in $crate::testing::arbitrary::bytes()) {
                $check(&$request(body));
            }

            #[test]
            fn arbitrary_json(json in $crate::testing::arbitrary::json()) {
                $check(&$request(json.to_string()));
            }

            #[test]
            fn fixtures_with_arbitrary_json_in_a_place(
                bent in $crate::testing::arbitrary::json_in_a_place($stored),
            ) {
                $check(&bent);
            }

            #[test]
            fn fixtures_with_arbitrary_bytes_in_a_place(
                bent in $crate::testing::arbitrary::bytes_in_a_place($stored),
            ) {
                $check(&bent);
            }
        }
    };
}

/// Any bytes.
pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    any::<Vec<u8>>()
}

/// Any JSON value, up to four levels deep.
pub fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".*".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec(("[A-Za-z_]{0,12}", inner), 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// A value of every kind, empty and full: what may stand in the place of any member.
pub fn one_of_each_kind() -> [Json; 13] {
    [
        json!(null),
        json!(""),
        json!([]),
        json!({}),
        json!(false),
        json!(true),
        json!(0),
        json!(-7),
        json!(1.5),
        json!("text"),
        json!([[[]]]),
        json!({"a": [1]}),
        json!(u64::MAX),
    ]
}

/// The content types that senders send, and any other text.
pub fn content_type() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("application/json".to_owned()),
        Just("application/x-www-form-urlencoded; charset=windows-1251".to_owned()),
        Just("multipart/form-data; boundary=b".to_owned()),
        ".*",
    ]
}

/// One of the requests whose bodies are JSON, with any JSON value in the place of one of its values.
pub fn json_in_a_place(requests: Vec<Request>) -> impl Strategy<Value = Request> {
    let with_json = |request: Request| {
        let json = serde_json::from_slice::<Json>(&request.body).ok()?;
        Some((request, json))
    };
    let read: Vec<_> = requests.into_iter().filter_map(with_json).collect();
    (select(read), any::<Index>(), json()).prop_map(|((request, mut body), place, value)| {
        let mut place = place.index(count(&body));
        *nth(&mut body, &mut place).expect("the place is one of those counted") = value;
        Request { body: body.to_string().into_bytes(), ..request }
    })
}

/// One of the requests with any three bytes put somewhere into its body, and perhaps cut off there.
pub fn bytes_in_a_place(requests: Vec<Request>) -> impl Strategy<Value = Request> {
    let bent = (select(requests), any::<Index>(), any::<[u8; 3]>(), any::<bool>());
    bent.prop_map(|(mut request, place, bytes, is_cut)| {
        let place = place.index(request.body.len() + 1);
        let rest = request.body.split_off(place);
        request.body.extend(bytes);
        if !is_cut {
            request.body.extend(rest);
        }
        request
    })
}

/// The values in it, itself among them.
fn count(json: &Json) -> usize {
    1 + match json {
        Json::Array(items) => items.iter().map(count).sum(),
        Json::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// The n-th value, depth first.
fn nth<'j>(json: &'j mut Json, left: &mut usize) -> Option<&'j mut Json> {
    if *left == 0 {
        return Some(json);
    }
    *left -= 1;
    match json {
        Json::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Json::Object(members) => members.values_mut().find_map(|member| nth(member, left)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_and_found() {
        let document = json!({"a": [1, {"b": null}], "c": "x"});
        let found = (0..count(&document)).map(|place| {
            let mut document = document.clone();
            nth(&mut document, &mut place.clone()).unwrap().take()
        });
        let expected = [
            document.clone(),
            json!([1, {"b": null}]),
            json!(1),
            json!({"b": null}),
            json!(null),
            json!("x"),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(nth(&mut document.clone(), &mut count(&document)), None);
    }
}
