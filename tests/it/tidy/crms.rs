//! README's tables of CRM adapters, compared with the adapters.

use std::{fs, path::Path};

/// In the order of the table.
const INTERFACES: [&str; 5] = ["contacts", "deals", "tasks", "notes", "managers"];

/// An adapter as its files tell it.
#[derive(Debug)]
pub(crate) struct Crm {
    name: String,
    code: String,
    /// Its run of the conformance suite.
    suite: String,
}

impl Crm {
    /// Reads an adapter's folder; `None` where it is not one of a CRM.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_str()?.to_owned();
        if !name.starts_with("crm-") {
            return None;
        }
        let suite = folder.join("src/tests/suite.rs");
        let suite = fs::read_to_string(suite).unwrap_or_default();
        let files = fs::read_dir(folder.join("src")).ok()?;
        let texts = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
        Some(Self { name, code: texts.collect(), suite })
    }

    /// What the tables and the suite lack.
    pub(crate) fn faults(&self, readme: &str) -> Vec<String> {
        let Self { name, code, suite } = self;
        let exported: Vec<&str> = INTERFACES
            .into_iter()
            .filter(|interface| {
                let (first, rest) = interface.split_at(1);
                code.contains(&format!("impl {}{rest} for ", first.to_uppercase()))
            })
            .collect();
        let unchecked = exported.iter().filter(|it| !suite.contains(&format!(".{it}::<")));
        let mut faults: Vec<String> = unchecked
            .map(|it| {
                format!("{name}: exports `{it}`, and its conformance suite does not check it")
            })
            .collect();
        let numbers: Vec<&str> = suite
            .split("(Costs {")
            .nth(1)
            .and_then(|costs| costs.split('}').next())
            .map(|costs| costs.split([':', ',']).skip(1).step_by(2).map(str::trim).collect())
            .unwrap_or_default();
        let rows = [
            format!("| {name} | {} | ", exported.join(", ")),
            format!("| {name} | {} |", numbers.join(" | ")),
        ];
        let has = |row: &String| readme.lines().any(|line| line.starts_with(row.as_str()));
        let missing = rows.iter().filter(|row| !has(row));
        faults.extend(missing.map(|row| format!("README.md: has no row `{row}`")));
        faults
    }
}

mod tests {
    use super::*;

    fn crm(suite: &str) -> Crm {
        Crm {
            name: "crm-x".to_owned(),
            code: "impl Contacts for X {} impl Deals for X {}".to_owned(),
            suite: suite.to_owned(),
        }
    }

    #[test]
    fn a_table_that_tells_otherwise_is_a_fault() {
        let suite = "suite.contacts::<X>() suite.deals::<X>() suite.costs::<X>(Costs { new_client: 5, changed_client: 12, known_client: 3 })";
        let readme = "| crm-x | contacts, deals | a key |\n| crm-x | 5 | 12 | 3 |";
        assert_eq!(crm(suite).faults(readme), [""; 0]);
        let fewer = readme.replace(", deals", "");
        assert_eq!(
            crm(suite).faults(&fewer),
            ["README.md: has no row `| crm-x | contacts, deals | `"]
        );
        let cheaper = readme.replace("12", "11");
        assert_eq!(crm(suite).faults(&cheaper), ["README.md: has no row `| crm-x | 5 | 12 | 3 |`"]);
        let half = suite.replace("suite.deals", "suite.others");
        assert_eq!(crm(&half).faults(readme).len(), 1);
    }
}
