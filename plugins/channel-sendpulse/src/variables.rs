//! The contact's own fields: free names in any language, of which the obvious ones are understood.

use patchbay_sdk::json::tolerant::{self, Text, Tolerant};
use serde::de::{Deserialize, Deserializer, MapAccess};

/// A longer name than this is none that is understood.
const MAX_NAME_CHARS: usize = 24;

/// What the variables tell; `[]` is how SendPulse writes none.
#[derive(Debug, Default)]
pub(crate) struct Variables<'a> {
    name: Slot<'a>,
    phone: Slot<'a>,
    email: Slot<'a>,
    utm: [Slot<'a>; 5],
    page: Slot<'a>,
    page_title: Slot<'a>,
    referrer: Slot<'a>,
}

/// One value, and whether its variable has exactly the name that SendPulse advises.
#[derive(Debug, Default)]
struct Slot<'a> {
    text: Text<'a>,
    is_exact: bool,
}

impl Variables<'_> {
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.text.get()
    }

    pub(crate) fn phone(&self) -> Option<&str> {
        self.phone.text.get()
    }

    pub(crate) fn email(&self) -> Option<&str> {
        self.email.text.get()
    }

    /// Source, medium, campaign, term and content.
    pub(crate) fn utm(&self) -> [Option<&str>; 5] {
        self.utm.each_ref().map(|slot| slot.text.get())
    }

    pub(crate) fn page(&self) -> Option<&str> {
        self.page.text.get().filter(|page| is_web(page))
    }

    pub(crate) fn page_title(&self) -> Option<&str> {
        self.page_title.text.get()
    }

    pub(crate) fn referrer(&self) -> Option<&str> {
        self.referrer.text.get().filter(|page| is_web(page))
    }

    pub(crate) fn names_anybody(&self) -> bool {
        [&self.name, &self.phone, &self.email].iter().any(|slot| slot.text.get().is_some())
    }
}

impl<'a> Variables<'a> {
    fn put(&mut self, name: &str, value: Text<'a>) {
        if value.get().is_none() {
            return;
        }
        let folded = fold(name);
        let Some(slot) = folded.as_deref().and_then(|name| self.slot(name)) else { return };
        let is_exact = ["name", "phone", "email", "page"].contains(&name);
        if slot.text.get().is_none() || (is_exact && !slot.is_exact) {
            *slot = Slot { text: value, is_exact };
        }
    }

    fn slot(&mut self, name: &str) -> Option<&mut Slot<'a>> {
        let [source, medium, campaign, term, content] = &mut self.utm;
        let slot = match name {
            "name" | "fullname" | "firstname" | "имя" | "імя" | "фио" | "піб" => {
                &mut self.name
            }
            "phone"
            | "phonenumber"
            | "telephone"
            | "tel"
            | "mobile"
            | "mobilephone"
            | "телефон"
            | "номертелефона"
            | "номертелефону"
            | "номер"
            | "мобильный"
            | "мобільний" => &mut self.phone,
            "email"
            | "mail"
            | "emailaddress"
            | "почта"
            | "пошта"
            | "имейл"
            | "емейл"
            | "імейл"
            | "электроннаяпочта"
            | "електроннапошта" => &mut self.email,
            "utmsource" => source,
            "utmmedium" => medium,
            "utmcampaign" => campaign,
            "utmterm" => term,
            "utmcontent" => content,
            "page" | "pageurl" | "url" | "currenturl" => &mut self.page,
            "pagetitle" => &mut self.page_title,
            "referrer" | "referer" => &mut self.referrer,
            _ => return None,
        };
        Some(slot)
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Small letters without what only parts words; `None` for a name that is too long to be known.
fn fold(name: &str) -> Option<String> {
    let mut folded = String::with_capacity(MAX_NAME_CHARS * 2);
    let letters = name.chars().filter(|letter| {
        !matches!(letter, ' ' | '_' | '-' | '.' | ':' | '\'' | '`' | '\u{2019}' | '\u{2bc}')
    });
    for (count, letter) in letters.enumerate() {
        if count == MAX_NAME_CHARS {
            return None;
        }
        folded.push(small(letter));
    }
    Some(folded)
}

/// Latin and Cyrillic alone: the tables of all other scripts would make the component larger.
fn small(letter: char) -> char {
    let offset = match letter {
        'А'..='Я' => 32,
        'Ѐ'..='Џ' => 80,
        _ => return letter.to_ascii_lowercase(),
    };
    char::from_u32(u32::from(letter) + offset).unwrap_or(letter)
}

impl<'de> Tolerant<'de> for Variables<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        self.put(name.as_received(), map.next_value()?);
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Variables<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tolerant::read(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Variables<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn obvious_spellings_are_understood_in_three_languages() {
        for name in ["phone", "Phone", "PHONE_NUMBER", "tel", "Телефон", "Номер телефону"]
        {
            assert_eq!(
                read(&format!(r#"{{"{name}":"1234567"}}"#)).phone(),
                Some("1234567"),
                "{name}"
            );
        }
        for name in ["email", "E-mail", "e_mail", "Почта", "Електронна пошта", "Імейл"]
        {
            assert_eq!(
                read(&format!(r#"{{"{name}":"a@b.example"}}"#)).email(),
                Some("a@b.example")
            );
        }
        for name in ["name", "Full name", "Ім'я", "Ім’я", "Имя", "ПІБ"] {
            assert_eq!(read(&format!(r#"{{"{name}":"Олена"}}"#)).name(), Some("Олена"), "{name}");
        }
        let utm = read(
            r#"{"utm_source":"a","UTM-Medium":"b","utm campaign":"c","utm_term":4,"utm_content":""}"#,
        );
        assert_eq!(utm.utm(), [Some("a"), Some("b"), Some("c"), Some("4"), None]);
    }

    #[test]
    fn the_advised_name_wins_and_an_empty_value_never_does() {
        assert_eq!(read(r#"{"tel":"1","phone":"2","mobile":"3"}"#).phone(), Some("2"));
        assert_eq!(read(r#"{"phone":"2","tel":"1"}"#).phone(), Some("2"));
        assert_eq!(read(r#"{"tel":"1","phone":""}"#).phone(), Some("1"));
        assert_eq!(read(r#"{"tel":"1","mobile":"3"}"#).phone(), Some("1"));
    }

    #[test]
    fn none_are_an_empty_array_or_anything_else() {
        for json in ["[]", "{}", "null", "\"\"", "0", "[{\"phone\":\"1\"}]", "{\"phone\":[\"1\"]}"]
        {
            assert!(!read(json).names_anybody(), "{json}");
        }
    }

    #[test]
    fn a_page_is_a_url() {
        assert_eq!(
            read(r#"{"page":"https://shop.example.com/"}"#).page(),
            Some("https://shop.example.com/")
        );
        assert_eq!(read(r#"{"page":"3"}"#).page(), None);
        assert_eq!(read(r#"{"referrer":"javascript:x"}"#).referrer(), None);
    }

    #[test]
    fn a_name_is_folded_up_to_its_limit() {
        assert!(fold(&"я".repeat(MAX_NAME_CHARS)).is_some());
        assert!(fold(&"я".repeat(MAX_NAME_CHARS + 1)).is_none());
    }
}
