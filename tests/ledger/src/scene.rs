//! What a test sets up: how the ledger is to be, and what stands in its books before anything comes.

use serde_json::{Value, json};

use crate::server::Ledger;

impl Ledger {
    /// Whether a create with a known `idempotency-key` answers the record that it made before.
    pub fn honour_keys(&self, is_so: bool) {
        self.shared.change(|state| state.manners.honours_keys = is_so);
    }

    /// Whether a contact with a known identifier is refused with 409 and the id of the known one.
    pub fn refuse_known_clients(&self, is_so: bool) {
        self.shared.change(|state| state.manners.is_unique = is_so);
    }

    /// Whether a search finds nothing of what is made from now on, as in a CRM whose index comes
    /// after.
    pub fn search_late(&self, is_so: bool) {
        self.shared.change(|state| {
            state.books.hidden_from = is_so.then(|| state.books.contacts());
        });
    }

    /// Who looks after clients: a list of `{id, name, email, login, active}`.
    pub fn set_managers(&self, managers: &Value) {
        self.shared.change(|state| state.manners.managers = list(managers));
    }

    /// How many managers one page of assignments tells of.
    pub fn set_page(&self, length: usize) {
        self.shared.change(|state| state.manners.page = length);
    }

    /// What a contact can hold: a list of `{key, title, type, required, repeated, choices}`. A
    /// contact without a required one is refused; of a phone or an e-mail that is not repeated it
    /// holds one.
    pub fn set_contact_fields(&self, fields: &Value) {
        let fields = list(fields);
        let single = |field: &&Value| {
            matches!(field["key"].as_str(), Some("phone" | "email")) && field["repeated"] == false
        };
        let single = fields.iter().filter(single);
        let single = single.filter_map(|field| field["key"].as_str().map(str::to_owned)).collect();
        self.shared.change(|state| {
            state.books.single = single;
            state.manners.contact_fields = fields;
        });
    }

    /// What a deal can hold, likewise.
    pub fn set_deal_fields(&self, fields: &Value) {
        self.shared.change(|state| state.manners.deal_fields = list(fields));
    }

    /// What contacts are called from the first on, and where they are opened: with `crm-`, 2001 and
    /// `https://crm.example.com/contact/` the first is `crm-2001`.
    pub fn name_contacts(&self, prefix: &str, first: usize, url: Option<&str>) {
        self.shared.change(|state| {
            prefix.clone_into(&mut state.books.naming.prefix);
            state.books.naming.first = first;
            state.books.naming.url = url.map(str::to_owned);
        });
    }

    /// Puts a contact into the books, as a person in the CRM does, and returns its id:
    /// `{identifiers: ["phone:…", "external:system:id"], fields, lines: [{title, text, url}]}`.
    pub fn add_contact(&self, contact: &Value) -> String {
        self.shared.change(|state| id(&state.books.create_contact(contact)))
    }

    /// The same with a deal: `{card, manager, fields}`.
    pub fn add_deal(&self, deal: &Value) -> String {
        let made = self.shared.change(|state| state.books.create_deal(deal));
        id(&made.expect("the card of the deal is in the books"))
    }

    /// Ends every open deal with this stage, as a person in the CRM does: `won` or `lost`.
    pub fn close_deals(&self, stage: &str) {
        self.shared.change(|state| state.books.close_deals(stage));
    }

    /// One contact as it stands in the books; `null` where there is none.
    pub fn contact(&self, id: &str) -> Value {
        let records = self.records();
        let mut contacts = records["contacts"].as_array().into_iter().flatten();
        contacts.find(|contact| contact["id"] == id).cloned().unwrap_or(json!(null))
    }
}

fn list(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

fn id(record: &Value) -> String {
    record["id"].as_str().unwrap_or_default().to_owned()
}
