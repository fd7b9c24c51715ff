//! The phone standard: E.164, by what a number says itself and by the integration's country.

use std::collections::BTreeSet;

use phonenumber::metadata::{DATABASE, Descriptor, Metadata};

use crate::{account::PhoneRule, card::Problem};

/// Digits of the shortest and the longest international number.
const DIGITS_MIN: usize = 7;
const DIGITS_MAX: usize = 15;

/// Longest text that is searched for a number, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// How an integration reads phones.
#[derive(Debug, Clone, Default)]
pub struct Standard {
    country: Option<Country>,
    digits: Option<usize>,
}

/// The country of numbers that name none.
#[derive(Debug, Clone)]
struct Country {
    metadata: &'static Metadata,
    /// Its calling code: `380`.
    code: String,
    /// Digits of a national number, without the code.
    lengths: BTreeSet<usize>,
}

impl Standard {
    pub fn compile(rule: &PhoneRule) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut refuse = |field: &str, message: String| {
            problems.push(Problem { field: Some(format!("rules.phone.{field}")), message });
        };
        let country = rule.country.as_deref().and_then(|id| {
            let country = Country::find(id);
            if country.is_none() {
                refuse("country", format!("`{id}` is no country: use a code like `UA`"));
            }
            country
        });
        let digits = rule.digits.map(usize::from);
        if let Some(digits) = digits {
            if !(DIGITS_MIN..=DIGITS_MAX).contains(&digits) {
                let message = format!("must be {DIGITS_MIN} to {DIGITS_MAX}, not {digits}");
                refuse("digits", message);
            } else if let Some(country) = &country
                && !country.totals().any(|total| total == digits)
            {
                let totals: Vec<String> = country.totals().map(|it| it.to_string()).collect();
                let message = format!(
                    "no number of this country has {digits} digits: use {}, the code among them",
                    totals.join(" or ")
                );
                refuse("digits", message);
            }
        }
        if problems.is_empty() { Ok(Self { country, digits }) } else { Err(problems) }
    }

    /// The number as `+` and digits; `None` where it cannot be told: it is kept as received.
    ///
    /// Words and brackets around a number are left out, and an extension is cut off. Without a
    /// country only a number that names its own is read, and nothing may stand around it.
    pub fn e164(&self, text: &str) -> Option<String> {
        if let Some(number) = e164(text).filter(|number| self.fits(number)) {
            return Some(number);
        }
        let country = self.country.as_ref()?;
        let found = find_number(text)?;
        if found.is_international {
            return e164(&format!("+{}", found.digits)).filter(|number| self.fits(number));
        }
        if let Some(rest) = found.digits.strip_prefix("00") {
            return e164(&format!("+{rest}")).filter(|number| self.fits(number));
        }
        country
            .candidates(&found.digits)
            .map(|digits| format!("+{digits}"))
            .find(|it| self.fits(it))
    }

    /// Whether the operator has said what a number is: any other text is none.
    pub fn is_strict(&self) -> bool {
        self.country.is_some() || self.digits.is_some()
    }

    /// Whether two notations are one number.
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        let (one_digits, other_digits) = (digits(one), digits(other));
        if one_digits == other_digits {
            return !one_digits.is_empty() || one.trim() == other.trim();
        }
        let one = self.e164(one);
        one.is_some() && one == self.e164(other)
    }

    /// Checks the length of a number in E.164.
    fn fits(&self, number: &str) -> bool {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let is_long_enough = self.digits.is_none_or(|expected| digits.len() == expected);
        let is_of_country = self.country.as_ref().is_none_or(|country| {
            digits
                .strip_prefix(country.code.as_str())
                .is_none_or(|national| country.lengths.contains(&national.len()))
        });
        is_long_enough && is_of_country
    }
}

impl Country {
    fn find(id: &str) -> Option<Self> {
        // What is no country has three characters: `001` are numbers of no place.
        let is_code = id.len() == 2 && id.bytes().all(|byte| byte.is_ascii_uppercase());
        let metadata = is_code.then(|| DATABASE.by_id(id))??;
        let numbers = metadata.descriptors();
        let kinds = [
            numbers.fixed_line(),
            numbers.mobile(),
            numbers.toll_free(),
            numbers.premium_rate(),
            numbers.shared_cost(),
            numbers.personal_number(),
            numbers.voip(),
            numbers.uan(),
        ];
        let lengths = kinds.into_iter().flatten().flat_map(Descriptor::possible_length);
        let lengths = lengths.copied().map(usize::from).collect();
        Some(Self { metadata, code: metadata.country_code().to_string(), lengths })
    }

    /// Digits of a whole number.
    fn totals(&self) -> impl Iterator<Item = usize> {
        self.lengths.iter().map(|length| self.code.len() + length)
    }

    /// What digits without `+` may stand for, the most likely first: the code without its plus, the
    /// trunk prefix, the bare national number, and the code without its first digits (`8 044`).
    fn candidates<'a>(&'a self, digits: &'a str) -> impl Iterator<Item = String> + 'a {
        let coded = digits.strip_prefix(self.code.as_str());
        let trunk = self.metadata.national_prefix().filter(|prefix| !prefix.is_empty());
        let without_trunk = trunk.and_then(|trunk| digits.strip_prefix(trunk));
        let cut = (1..self.code.len()).filter_map(|cut| digits.strip_prefix(self.code.get(cut..)?));
        let nationals = [coded, without_trunk, Some(digits)].into_iter().flatten().chain(cut);
        nationals
            .filter(|national| self.is_national(national))
            .map(|national| format!("{}{national}", self.code))
    }

    fn is_national(&self, digits: &str) -> bool {
        self.lengths.contains(&digits.len())
            && self.metadata.descriptors().general().is_match(digits)
    }
}

/// A number within a text.
struct Found {
    digits: String,
    is_international: bool,
}

/// The only number of the text; `None` for two: nobody says whose the second is.
fn find_number(text: &str) -> Option<Found> {
    let mut found = None;
    let mut run: Option<Found> = None;
    let mut before = ' ';
    if TEXT_BYTES_MAX < text.len() {
        return None;
    }
    // One more character ends the last run.
    for c in text.chars().chain(std::iter::once('\n')) {
        match &mut run {
            Some(run) if c.is_ascii_digit() => run.digits.push(c),
            Some(_) if is_separator(c) => {}
            Some(_) => {
                let ended = run.take().filter(|run| DIGITS_MIN <= run.digits.len() && c != '@');
                if let Some(ended) = ended {
                    if found.is_some() {
                        return None;
                    }
                    found = Some(ended);
                }
            }
            None if c == '+' => {
                run = Some(Found { digits: String::new(), is_international: true });
            }
            None if c.is_ascii_digit() && !before.is_alphanumeric() => {
                run = Some(Found { digits: c.to_string(), is_international: false });
            }
            None => {}
        }
        before = c;
    }
    found
}

/// The number as `+` and digits, where it starts with `+` or `00` and has a possible length.
///
/// A number without a country code is not guessed at: `None`, and it is kept as received.
pub fn e164(text: &str) -> Option<String> {
    let text = text.trim();
    let number = text.strip_prefix('+').or_else(|| text.strip_prefix("00"))?;
    if !number.chars().all(|c| c.is_ascii_digit() || is_separator(c)) {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let is_possible = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && !digits.starts_with('0');
    is_possible.then(|| format!("+{digits}"))
}

/// The digits alone, for comparing two notations.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// What may stand between the digits of a number: blanks, brackets, points and dashes of all sorts.
fn is_separator(c: char) -> bool {
    matches!(
        c,
        ' ' | '-' | '(' | ')' | '.' | '/' | '\t' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2010}'
            ..='\u{2015}'
    )
}

#[cfg(test)]
mod tests;
