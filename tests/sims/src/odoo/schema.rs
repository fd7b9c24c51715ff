//! The models that are simulated, and what their fields are.

use std::collections::BTreeMap;

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) kind: String,
    /// The model that it refers to.
    pub(crate) relation: Option<&'static str>,
    pub(crate) is_required: bool,
    /// Odoo fills it: it cannot be written.
    pub(crate) is_computed: bool,
    pub(crate) choices: &'static [(&'static str, &'static str)],
}

pub(crate) type Columns = BTreeMap<String, Column>;

/// Name, type, and for a reference the model.
const PARTNER: &[(&str, &str, &str)] = &[
    ("id", "integer", "!"),
    ("name", "char", ""),
    ("active", "boolean", ""),
    ("email", "char", ""),
    ("email_normalized", "char", "!"),
    ("phone", "char", ""),
    ("mobile", "char", ""),
    ("phone_sanitized", "char", "!"),
    ("ref", "char", ""),
    ("comment", "html", ""),
    ("website", "char", ""),
    ("city", "char", ""),
    ("function", "char", ""),
    ("credit", "monetary", "!"),
    ("company_type", "selection", ""),
    ("state_id", "many2one", "res.country.state"),
    ("country_id", "many2one", "res.country"),
    ("user_id", "many2one", "res.users"),
    ("category_id", "many2many", "res.partner.category"),
];

const LEAD: &[(&str, &str, &str)] = &[
    ("id", "integer", "!"),
    ("name", "char", "*"),
    ("active", "boolean", ""),
    ("type", "selection", "*"),
    ("partner_id", "many2one", "res.partner"),
    ("contact_name", "char", ""),
    ("email_from", "char", ""),
    ("phone", "char", ""),
    ("website", "char", ""),
    ("city", "char", ""),
    ("description", "html", ""),
    ("expected_revenue", "monetary", ""),
    ("stage_id", "many2one", "crm.stage"),
    ("team_id", "many2one", "crm.team"),
    ("user_id", "many2one", "res.users"),
    ("tag_ids", "many2many", "crm.tag"),
];

const MESSAGE: &[(&str, &str, &str)] = &[
    ("id", "integer", "!"),
    ("model", "char", ""),
    ("res_id", "integer", ""),
    ("body", "html", ""),
    ("message_type", "selection", ""),
    ("subtype_id", "many2one", "mail.message.subtype"),
    ("attachment_ids", "many2many", "ir.attachment"),
];

const ACTIVITY: &[(&str, &str, &str)] = &[
    ("id", "integer", "!"),
    ("active", "boolean", ""),
    ("res_model", "char", ""),
    ("res_id", "integer", ""),
    ("summary", "char", ""),
    ("note", "html", ""),
    ("date_deadline", "date", "*"),
    ("activity_type_id", "many2one", "mail.activity.type"),
    ("user_id", "many2one", "res.users"),
];

const USER: &[(&str, &str, &str)] = &[
    ("id", "integer", "!"),
    ("name", "char", "*"),
    ("login", "char", "*"),
    ("email", "char", ""),
    ("phone", "char", ""),
    ("active", "boolean", ""),
    ("share", "boolean", ""),
];

const STAGE: &[(&str, &str, &str)] = &[
    ("id", "integer", "!"),
    ("name", "char", "*"),
    ("sequence", "integer", ""),
    ("is_won", "boolean", ""),
];

const NAMED: &[(&str, &str, &str)] = &[("id", "integer", "!"), ("name", "char", "*")];

const COMPANY_TYPES: &[(&str, &str)] = &[("person", "Person"), ("company", "Company")];
const LEAD_TYPES: &[(&str, &str)] = &[("lead", "Lead"), ("opportunity", "Opportunity")];

/// Every model with its fields.
pub(crate) fn models() -> BTreeMap<&'static str, Columns> {
    let mut models = BTreeMap::from([
        ("res.partner", columns(PARTNER)),
        ("crm.lead", columns(LEAD)),
        ("mail.message", columns(MESSAGE)),
        ("mail.activity", columns(ACTIVITY)),
        ("res.users", columns(USER)),
        ("crm.stage", columns(STAGE)),
    ]);
    let named = [
        "crm.team",
        "crm.tag",
        "res.country",
        "res.country.state",
        "res.partner.category",
        "mail.activity.type",
        "mail.message.subtype",
        "ir.attachment",
    ];
    models.extend(named.map(|model| (model, columns(NAMED))));
    models
}

/// A mark tells what is special: `*` required, `!` computed, else the model of a reference.
fn columns(told: &[(&str, &str, &'static str)]) -> Columns {
    let column = |&(name, kind, mark): &(&str, &str, &'static str)| {
        let choices = match name {
            "company_type" => COMPANY_TYPES,
            "type" => LEAD_TYPES,
            _ => &[],
        };
        let column = Column {
            kind: kind.to_owned(),
            relation: Some(mark).filter(|mark| mark.contains('.')),
            is_required: mark == "*",
            is_computed: mark == "!",
            choices,
        };
        (name.to_owned(), column)
    };
    told.iter().map(column).collect()
}
