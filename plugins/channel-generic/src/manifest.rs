//! What the adapter says of itself, and the keys of its settings.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

pub(crate) const PHONE: &str = "phone";
pub(crate) const EMAIL: &str = "email";
pub(crate) const NAME: &str = "name";
pub(crate) const EXTERNAL_ID: &str = "external-id";
pub(crate) const EXTERNAL_SYSTEM: &str = "external-system";
pub(crate) const MESSAGE: &str = "message";
pub(crate) const SOURCE: &str = "source";
pub(crate) const KIND: &str = "kind";
pub(crate) const CONVERSATION: &str = "conversation";
pub(crate) const EPISODE: &str = "episode";
pub(crate) const DEDUP_KEY: &str = "dedup-key";
pub(crate) const OCCURRED_AT: &str = "occurred-at";
pub(crate) const RECORDING_URL: &str = "recording-url";
pub(crate) const DURATION: &str = "duration";
/// A JSON object: results of `kind` to kinds of events.
pub(crate) const KINDS: &str = "kinds";
pub(crate) const ACCEPT_LISTS: &str = "accept-lists";
/// The secret that senders sign with.
pub(crate) const SIGNING_KEY: &str = "signing-key";
pub(crate) const SIGNATURE_HEADER: &str = "signature-header";
pub(crate) const SIGNATURE_HEADER_DEFAULT: &str = "X-Signature";

/// Key, title, default and help of each template.
type Row = (&'static str, &'static str, Option<&'static str>, &'static str);

/// The settings that are templates.
pub(crate) const TEMPLATES: [Row; 14] = [
    (
        PHONE,
        "Phone",
        Some(
            "{{phone || tel || telephone || mobile || phone_number || phoneNumber || contact.phone || client.phone}}",
        ),
        "The client's phone, for example {{data.lead.fields[code=PHONE].value}}. A list gives several.",
    ),
    (
        EMAIL,
        "E-mail",
        Some("{{email || e-mail || mail || contact.email || client.email}}"),
        "The client's e-mail. A list gives several.",
    ),
    (
        NAME,
        "Name",
        Some(
            "{{name || full_name || fullName || fio || first_name || contact.name || client.name}}",
        ),
        "The client's name, for example {{last}} {{first}}.",
    ),
    (
        EXTERNAL_ID,
        "Id in the sender's system",
        None,
        "What the sender knows the client by, for example {{user.id}}.",
    ),
    (
        EXTERNAL_SYSTEM,
        "The sender's system",
        Some("generic"),
        "The system that the id belongs to, in lower case.",
    ),
    (
        MESSAGE,
        "Message",
        Some("{{message || comment || comments || text || question}}"),
        "What the client wrote.",
    ),
    (
        SOURCE,
        "Source",
        Some("{{source || lead_source || form_name || formname}}"),
        "Where the client came from.",
    ),
    (
        KIND,
        "Kind of event",
        None,
        "What tells the kind of event, for example {{type}}. Empty: every request is a lead.",
    ),
    (
        CONVERSATION,
        "Conversation",
        None,
        "Events with the same value take effect in their order. Empty: the phone, the e-mail or the id of the client.",
    ),
    (
        EPISODE,
        "Form, chat or call",
        None,
        "The id of what one enquiry is about: one deal is opened for each.",
    ),
    (
        DEDUP_KEY,
        "Id of the delivery",
        None,
        "Equal for two deliveries of one event, for example {{meta.request_id}}. Empty: the header Idempotency-Key, \
         else the content.",
    ),
    (
        OCCURRED_AT,
        "Moment",
        Some("{{occurred_at || created_at || timestamp}}"),
        "RFC 3339 with an offset, or Unix seconds or milliseconds; anything else is left out.",
    ),
    (
        RECORDING_URL,
        "Recording",
        Some("{{recording_url || recording || record}}"),
        "For calls: where the recording lies.",
    ),
    (DURATION, "Duration", Some("{{duration || billsec}}"), "For calls: seconds of talking."),
];

pub(crate) fn manifest() -> Manifest {
    let templates = TEMPLATES.map(|(key, title, default, help)| Setting {
        help: help.to_owned(),
        default_value: default.map(str::to_owned),
        ..Setting::new(key, title, SettingType::Text)
    });
    Manifest {
        name: "channel-generic".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Any sender: JSON, form, multipart".to_owned(),
        vendor: "Patchbay".to_owned(),
        settings: templates.into_iter().chain(others()).collect(),
        egress: Vec::new(),
        auth: Auth::None,
        rate_limit: None,
    }
}

fn others() -> Vec<Setting> {
    vec![
        Setting {
            help: format!(
                "Results of the setting `kind` to kinds of events: {{\"missed\": \"call-missed\", \"*\": \"ignored\"}}. \
                 Kinds: {}.",
                crate::kind::NAMES.map(|(name, _)| name).join(", ")
            ),
            ..Setting::new(KINDS, "Kinds of events", SettingType::Json)
        },
        Setting {
            help: "A body that is a list is one event for each of its objects.".to_owned(),
            default_value: Some("false".to_owned()),
            ..Setting::new(ACCEPT_LISTS, "Accept lists", SettingType::Flag)
        },
        Setting {
            help: "If it is set, every request has to carry the HMAC-SHA256 of its body."
                .to_owned(),
            secret: true,
            ..Setting::new(SIGNING_KEY, "Signing key", SettingType::Text)
        },
        Setting {
            help: "The header of the signature, sha256=<hex>.".to_owned(),
            default_value: Some(SIGNATURE_HEADER_DEFAULT.to_owned()),
            ..Setting::new(SIGNATURE_HEADER, "Header of the signature", SettingType::Text)
        },
    ]
}
