//! What Ringostat tells about the client, under canonical keys.

use patchbay_sdk::types::{Call, Field};

use crate::aliases::Meaning;
use crate::call::is_number;
use crate::parameters::Parameters;

/// The value of `source`: by it clients of this channel are found in the CRM.
const SOURCE: &str = "Ringostat";

const KEYS: [(&str, Meaning); 22] = [
    ("name", Meaning::ClientName),
    ("email", Meaning::ClientEmail),
    ("page-url", Meaning::Landing),
    ("referrer", Meaning::Referrer),
    ("utm-source", Meaning::UtmSource),
    ("utm-medium", Meaning::UtmMedium),
    ("utm-campaign", Meaning::UtmCampaign),
    ("utm-term", Meaning::UtmTerm),
    ("utm-content", Meaning::UtmContent),
    ("ringostat-keyword", Meaning::Keyword),
    ("ringostat-department", Meaning::Department),
    ("ringostat-pool-name", Meaning::PoolName),
    ("ringostat-call-type", Meaning::Direction),
    ("ringostat-project-id", Meaning::ProjectId),
    ("ringostat-client-id", Meaning::ClientId),
    ("ringostat-proper-flag", Meaning::ProperFlag),
    ("ringostat-repeated-flag", Meaning::RepeatedFlag),
    ("ringostat-wait-seconds", Meaning::WaitSeconds),
    ("ringostat-call-card", Meaning::CallCard),
    ("ringostat-step", Meaning::Step),
    ("ringostat-category", Meaning::Category),
    ("ringostat-category-value", Meaning::CategoryValue),
];

/// The fields of the client, each key once and none of them empty.
pub(crate) fn fields(parameters: &Parameters<'_>, call: &Call) -> Vec<Field> {
    let phone = call.client_number.as_deref().filter(|number| is_number(number));
    let phone = phone.map(|number| Field::text("phone", number));
    let told =
        KEYS.iter().filter_map(|(key, name)| Some(Field::text(*key, parameters.get(*name)?)));
    phone.into_iter().chain([Field::text("source", SOURCE)]).chain(told).collect()
}
