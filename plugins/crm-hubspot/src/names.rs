//! Which property of HubSpot has which canonical key.

/// Keys of a contact that one property holds. `name`, `phone` and `email` are told by two each.
pub(crate) const CONTACT: [(&str, &str); 6] = [
    ("site", "website"),
    ("city", "city"),
    ("region", "state"),
    ("country", "country"),
    ("comment", "message"),
    ("manager", OWNER),
];

/// Keys of a deal.
pub(crate) const DEAL: [(&str, &str); 5] = [
    ("title", "dealname"),
    ("pipeline", "pipeline"),
    ("stage", "dealstage"),
    ("comment", "description"),
    ("manager", OWNER),
];

pub(crate) const OWNER: &str = "hubspot_owner_id";
pub(crate) const FIRST_NAME: &str = "firstname";
pub(crate) const LAST_NAME: &str = "lastname";
pub(crate) const PHONE: &str = "phone";
pub(crate) const MOBILE: &str = "mobilephone";
pub(crate) const EMAIL: &str = "email";
pub(crate) const MORE_EMAILS: &str = "hs_additional_emails";

/// Canonical keys that neither a contact nor a deal has a property for.
pub(crate) const NO_PLACE: [&str; 10] = [
    "source",
    "page-url",
    "page-title",
    "referrer",
    "utm-source",
    "utm-medium",
    "utm-campaign",
    "utm-term",
    "utm-content",
    "tag",
];

/// More canonical keys that a deal has no property for.
pub(crate) const NO_PLACE_IN_DEALS: [&str; 7] =
    ["name", "phone", "email", "site", "country", "region", "city"];

/// What HubSpot fills itself in every object.
pub(crate) const OWN: [&str; 3] = ["hs_object_id", "createdate", "lastmodifieddate"];

/// Longest internal name that HubSpot gives.
const NAME_BYTES_MAX: usize = 100;

/// Whether a property may have this internal name.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits)
}

/// The canonical key for a property that an error names; of any other its own name.
pub(crate) fn canonical(property: &str) -> &str {
    match property {
        FIRST_NAME | LAST_NAME => "name",
        PHONE | MOBILE => "phone",
        EMAIL | MORE_EMAILS => "email",
        _ => {
            let mut all = CONTACT.iter().chain(&DEAL);
            all.find(|(_, own)| *own == property).map_or(property, |(key, _)| key)
        }
    }
}

/// Whether this is the id of a record: HubSpot counts them.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_told_by_its_canonical_key() {
        for (property, expected) in [
            ("lastname", "name"),
            ("mobilephone", "phone"),
            ("hs_additional_emails", "email"),
            ("state", "region"),
            ("dealstage", "stage"),
            ("hubspot_owner_id", "manager"),
            ("favourite_tea", "favourite_tea"),
        ] {
            assert_eq!(canonical(property), expected);
        }
    }

    #[test]
    fn names_and_ids_are_recognised_up_to_their_length() {
        assert!(is_name(&"a".repeat(NAME_BYTES_MAX)) && !is_name(&"a".repeat(NAME_BYTES_MAX + 1)));
        assert!(!is_name("") && !is_name("a-b") && !is_name("a.b"));
        assert!(is_id("51") && is_id(&"9".repeat(20)));
        assert!(!is_id("") && !is_id("5a") && !is_id("../5") && !is_id(&"9".repeat(21)));
    }
}
