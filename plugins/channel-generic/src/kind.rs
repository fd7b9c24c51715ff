//! Kinds of events by name: what the setting `kinds` may lead to.

use patchbay_sdk::json::Node;

/// The kinds that a request of any sender can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KindName {
    LeadSubmitted,
    ConversationStarted,
    ClientUpdated,
    MessageReceived,
    OfflineMessage,
    CallStarted,
    CallAnswered,
    CallFinished,
    /// A finished call that nobody answered.
    CallMissed,
    Ignored,
}

pub(crate) const NAMES: [(&str, KindName); 10] = [
    ("lead-submitted", KindName::LeadSubmitted),
    ("conversation-started", KindName::ConversationStarted),
    ("client-updated", KindName::ClientUpdated),
    ("message-received", KindName::MessageReceived),
    ("offline-message", KindName::OfflineMessage),
    ("call-started", KindName::CallStarted),
    ("call-answered", KindName::CallAnswered),
    ("call-finished", KindName::CallFinished),
    ("call-missed", KindName::CallMissed),
    ("ignored", KindName::Ignored),
];

/// Stands for every result that is not named, and for none.
const ANY: &str = "*";

/// What results of the template `kind` mean.
#[derive(Debug, Default)]
pub(crate) struct Kinds(Vec<(String, KindName)>);

impl Kinds {
    /// Reads the setting, or tells what is wrong with it.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let node = Node::read(json).map_err(|_fault| "is not JSON".to_owned())?;
        let Node::Object(members) = &node else {
            return Err(r#"is not an object; write {"missed": "call-missed"}"#.to_owned());
        };
        let kind = |result: &str, kind: &Node<'_>| {
            let kind = kind.text().and_then(|name| named(&name)).ok_or_else(|| {
                let known = NAMES.map(|(name, _)| name).join(", ");
                format!("member `{result}` leads to no kind; the kinds are {known}")
            })?;
            Ok((result.trim().to_owned(), kind))
        };
        members.iter().map(|(result, node)| kind(result, node)).collect::<Result<_, _>>().map(Self)
    }

    /// The kind of a result: as the setting has it, else the kind of that very name.
    ///
    /// Without a result it is a lead; a result that means nothing is `None`.
    pub(crate) fn of(&self, result: Option<&str>) -> Option<KindName> {
        let mapped = |wanted: &str| {
            let mut members = self.0.iter().rev();
            members.find(|(result, _)| result.eq_ignore_ascii_case(wanted)).map(|(_, kind)| *kind)
        };
        match result {
            None => mapped(ANY).or(Some(KindName::LeadSubmitted)),
            Some(result) => mapped(result).or_else(|| named(result)).or_else(|| mapped(ANY)),
        }
    }
}

fn named(name: &str) -> Option<KindName> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_lead_to_kinds() {
        let kinds =
            Kinds::read(r#"{"missed": "call-missed", "lead-submitted": "ignored"}"#).unwrap();
        let cases = [
            (Some("missed"), Some(KindName::CallMissed)),
            (Some("Missed"), Some(KindName::CallMissed)),
            (Some("lead-submitted"), Some(KindName::Ignored)),
            (Some("call-started"), Some(KindName::CallStarted)),
            (Some("other"), None),
            (None, Some(KindName::LeadSubmitted)),
        ];
        for (result, expected) in cases {
            assert_eq!(kinds.of(result), expected, "{result:?}");
        }
        let any = Kinds::read(r#"{"*": "client-updated"}"#).unwrap();
        assert_eq!(any.of(Some("other")), Some(KindName::ClientUpdated));
        assert_eq!(any.of(None), Some(KindName::ClientUpdated));
        assert_eq!(any.of(Some("call-started")), Some(KindName::CallStarted));
    }

    #[test]
    fn a_faulty_setting_names_its_member() {
        let fault = |json: &str| Kinds::read(json).unwrap_err();
        assert_eq!(fault("{"), "is not JSON");
        assert!(fault("7").starts_with("is not an object"));
        assert!(
            fault(r#"{"a": "lead"}"#)
                .starts_with("member `a` leads to no kind; the kinds are lead-submitted,")
        );
        assert!(fault(r#"{"a": null}"#).starts_with("member `a` leads to no kind"));
    }
}
