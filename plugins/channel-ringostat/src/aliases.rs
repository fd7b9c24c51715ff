//! What the parameters are called: the user types their names in Ringostat's cabinet.

use patchbay_sdk::json::Node;

/// Where members are looked for, one path each: `$` for the body itself, `$.a.b` for a member.
const LOOKUP_ROOT: &str = "lookup_root";
const ROOTS: &[&str] = &["$", "$.additional_call_data"];

/// The members of the table: what a parameter means, and what it may be called, surest first.
macro_rules! names {
    ($($(#[$meta:meta])* $name:ident = $key:literal [$($alias:literal),+];)+) => {
        /// What a parameter means.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Meaning { $($(#[$meta])* $name),+ }

        impl Meaning {
            /// The preset's names, surest first.
            fn preset(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($alias),+]),+ }
            }
        }

        /// What the setting calls each.
        const KEYS: &[(&str, Meaning)] = &[$(($key, Meaning::$name)),+];
    };
}

names! {
    CallId = "call_id" ["call_id", "uniqueid"];
    Caller = "caller" ["caller", "caller_number", "userfield", "E164"];
    Callee = "callee" ["dst", "callee", "n_alias"];
    StartedAt = "started_at" ["calldate", "start_time"];
    Status = "status" ["disposition", "call_status"];
    TalkSeconds = "talk_seconds" ["billsec"];
    TotalSeconds = "total_seconds" ["duration", "call_duration"];
    WaitSeconds = "wait_seconds" ["waittime"];
    RecordingUrl = "recording_url" ["recording", "recording_wav"];
    Employee = "employee" ["employee_fio", "connected_with", "manager_id"];
    Direction = "direction" ["call_type", "direction"];
    // Up to here the vendor's names as they were seen; from here on names that are not public.
    Event = "event" ["event", "moment"];
    Action = "action" ["action"];
    EmployeeId = "employee_id" ["manager_id", "connected_with"];
    EmployeeNumber = "employee_number" ["employee_number"];
    EmployeeEmail = "employee_email" ["employee_email", "manager_email"];
    ForwardNumber = "forward_number" ["forward_number", "forward_to"];
    Step = "step" ["step", "forward_step"];
    Category = "category" ["category"];
    CategoryValue = "category_value" ["category_value", "value"];
    ClientName = "client_name" ["client_name", "contact_name", "name"];
    ClientEmail = "client_email" ["client_email", "email"];
    Department = "department" ["department"];
    PoolName = "pool_name" ["pool_name"];
    ProjectId = "project_id" ["project_id"];
    ClientId = "client_id" ["client_id"];
    ProperFlag = "proper_flag" ["proper_flag"];
    RepeatedFlag = "repeated_flag" ["repeated_flag"];
    CallCard = "call_card" ["call_card"];
    Keyword = "keyword" ["keyword"];
    Landing = "landing" ["landing", "landing_page", "page_url"];
    Referrer = "referrer" ["refferrer", "referrer", "referer"];
    UtmSource = "utm_source" ["utm_source"];
    UtmMedium = "utm_medium" ["utm_medium"];
    UtmCampaign = "utm_campaign" ["utm_campaign"];
    UtmTerm = "utm_term" ["utm_term"];
    UtmContent = "utm_content" ["utm_content"];
}

/// The preset, with what the account's setting puts in its place.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    own: Vec<(Meaning, Vec<String>)>,
    roots: Option<Vec<String>>,
}

impl Aliases {
    pub(crate) fn preset() -> Self {
        Self::default()
    }

    /// The preset with the members of this JSON object in their places, or what is wrong with it.
    ///
    /// A value is a name or a list of names; members that begin with `_` are comments.
    pub(crate) fn merged(json: &str) -> Result<Self, String> {
        let node = Node::read(json).map_err(|_fault| "is not JSON".to_owned())?;
        let Node::Object(members) = &node else {
            return Err(r#"is not an object; write {"caller": ["phone"]}"#.to_owned());
        };
        let mut aliases = Self::default();
        for (key, value) in members.iter().filter(|(key, _)| !key.starts_with('_')) {
            let names = names(value)
                .ok_or_else(|| format!("member `{key}` is neither a name nor a list of names"))?;
            if key == LOOKUP_ROOT {
                aliases.roots = Some(roots(names)?);
            } else if let Some((_, name)) = KEYS.iter().find(|(known, _)| known == key) {
                aliases.own.push((*name, names));
            } else {
                let known: Vec<&str> = KEYS.iter().map(|(known, _)| *known).collect();
                let known = known.join(", ");
                return Err(format!("member `{key}` is none of {known}, {LOOKUP_ROOT}"));
            }
        }
        Ok(aliases)
    }

    /// What the parameter may be called, surest first.
    pub(crate) fn of(&self, name: Meaning) -> impl Iterator<Item = &str> {
        let own = self.own.iter().rev().find(|(owned, _)| *owned == name).map(|(_, names)| names);
        let preset = if own.is_none() { name.preset() } else { &[] };
        own.into_iter().flatten().map(String::as_str).chain(preset.iter().copied())
    }

    /// The objects in which parameters stand, in the order of looking.
    pub(crate) fn roots<'n>(&self, body: &'n Node<'n>) -> Vec<&'n Node<'n>> {
        let at = |root: &str| root.split('.').skip(1).try_fold(body, |node, step| node.get(step));
        match &self.roots {
            None => ROOTS.iter().filter_map(|root| at(root)).collect(),
            Some(roots) => roots.iter().filter_map(|root| at(root)).collect(),
        }
    }
}

fn names(value: &Node<'_>) -> Option<Vec<String>> {
    match value {
        Node::Text(name) => Some(vec![name.trim().to_owned()]),
        Node::List(items) => items
            .iter()
            .map(|item| match item {
                Node::Text(name) => Some(name.trim().to_owned()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn roots(roots: Vec<String>) -> Result<Vec<String>, String> {
    match roots.iter().find(|root| *root != "$" && !root.starts_with("$.")) {
        Some(root) => Err(format!(
            "member `{LOOKUP_ROOT}`: `{root}` is no path; write $ or $.additional_call_data"
        )),
        None => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(aliases: &Aliases, name: Meaning) -> Vec<&str> {
        aliases.of(name).collect()
    }

    #[test]
    fn the_table_is_the_preset_of_the_fixtures() {
        let preset = include_str!("../fixtures/preset.default.json");
        let node = Node::read(preset).unwrap();
        let mut compared = 0;
        for (key, value) in node.members().iter().filter(|(key, _)| !key.starts_with('_')) {
            let expected = names(value).unwrap();
            let ours = if key == LOOKUP_ROOT {
                ROOTS
            } else {
                KEYS.iter().find(|(known, _)| known == key).unwrap().1.preset()
            };
            assert_eq!(ours, expected, "{key}");
            compared += 1;
        }
        assert_eq!(compared, 12);
        assert!(Aliases::merged(preset).is_ok());
    }

    #[test]
    fn a_member_of_the_setting_takes_the_place_of_the_presets() {
        let aliases =
            Aliases::merged(r#"{"caller": "phone", "status": ["a", "b"], "_note": 1}"#).unwrap();
        assert_eq!(of(&aliases, Meaning::Caller), ["phone"]);
        assert_eq!(of(&aliases, Meaning::Status), ["a", "b"]);
        assert_eq!(of(&aliases, Meaning::CallId), ["call_id", "uniqueid"]);
    }

    #[test]
    fn a_faulty_setting_names_its_member() {
        let fault = |json: &str| Aliases::merged(json).unwrap_err();
        assert_eq!(fault("{"), "is not JSON");
        assert!(fault("[]").starts_with("is not an object"));
        assert!(
            fault(r#"{"calle": ["x"]}"#).starts_with("member `calle` is none of call_id, caller,")
        );
        assert_eq!(
            fault(r#"{"caller": 7}"#),
            "member `caller` is neither a name nor a list of names"
        );
        assert_eq!(
            fault(r#"{"caller": ["a", null]}"#),
            "member `caller` is neither a name nor a list of names"
        );
        assert!(
            fault(r#"{"lookup_root": ["data"]}"#)
                .starts_with("member `lookup_root`: `data` is no path")
        );
    }

    #[test]
    fn roots_are_paths_from_the_body() {
        let body =
            Node::read(r#"{"additional_call_data": {"x": 1}, "a": {"b": {"y": 2}}}"#).unwrap();
        assert_eq!(Aliases::preset().roots(&body).len(), 2);
        let own = Aliases::merged(r#"{"lookup_root": ["$.a.b", "$.none"]}"#).unwrap();
        let roots = own.roots(&body);
        assert_eq!(roots.len(), 1);
        assert!(roots[0].get("y").is_some());
    }
}
