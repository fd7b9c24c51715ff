//! A person's name in one line to its parts.

/// First, last and middle name; empty where there is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) middle: String,
}

/// The order is that of Russian papers: last name, first name, the rest is the middle name.
///
/// One word alone is a first name. A CRM that writes names in another order needs another function
/// in this place.
pub(crate) fn split(name: &str) -> Name {
    let words = name.split_whitespace().collect::<Vec<_>>();
    match words.as_slice() {
        [] => Name::default(),
        [first] => Name { first: (*first).to_owned(), ..Name::default() },
        [last, first, middle @ ..] => {
            Name { first: (*first).to_owned(), last: (*last).to_owned(), middle: middle.join(" ") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_in_the_russian_order() {
        let cases = [
            ("Образцов Семён", ["Семён", "Образцов", ""]),
            (" Тестова  Алина Игоревна ", ["Алина", "Тестова", "Игоревна"]),
            ("Примеров Али Гасан оглы", ["Али", "Примеров", "Гасан оглы"]),
            ("Семён", ["Семён", "", ""]),
            (" ", ["", "", ""]),
        ];
        for (name, [first, last, middle]) in cases {
            let expected =
                Name { first: first.to_owned(), last: last.to_owned(), middle: middle.to_owned() };
            assert_eq!(split(name), expected, "{name}");
        }
    }
}
