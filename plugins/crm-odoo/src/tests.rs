//! The adapter under the test host: recorded answers of a real Odoo 19, and a simulated one.

use patchbay_sdk::Adapter;

use crate::Odoo;

mod chatter;
mod contacts;
mod deals;
mod faults;
mod golden;
mod older;
mod people;
mod recorded;
mod requests;
mod stage;
mod suite;

#[test]
fn the_manifest_is_the_same_at_every_call_and_hides_the_key() {
    let manifest = Odoo::describe();
    assert_eq!(manifest, Odoo::describe());
    assert_eq!(manifest.name, "crm-odoo");
    assert_eq!(manifest.egress, ["setting:base-url"]);
    let secret: Vec<_> =
        manifest.settings.iter().filter(|it| it.secret).map(|it| it.key.as_str()).collect();
    assert_eq!(secret, ["api-key"]);
}
