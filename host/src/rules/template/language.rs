//! What of the template language an operator may use: all that a host can bear with any input.
//!
//! Left out is what keeps a value for later (`set`, `with`, `macro`), and what multiplies: with
//! them a short template doubles a text with every step, and steps are all that can be counted.

use std::{iter::Peekable, str::Chars};

use super::filters::{FILTERS, TESTS};

/// The statements, in `{% %}`.
const STATEMENTS: &[&str] = &["if", "elif", "else", "endif", "for", "endfor"];

/// Words that may stand before a bracket and are no functions.
const WORDS: &[&str] = &["and", "or", "not", "in", "is", "if", "elif", "else", "for"];

/// How often one template joins texts, with `~` or `+`.
const JOINS_MAX: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A text with its quotes.
    Text(String),
    Mark(char),
}

/// What code holds that is checked further.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Code {
    /// How often texts are joined.
    joins: usize,
    /// The patterns of `matching`, with their quotes.
    pub(super) patterns: Vec<String>,
}

/// Checks the code of a template. The error is for the operator.
pub(super) fn check_template(source: &str) -> Result<Code, String> {
    let mut rest = source.chars().peekable();
    let mut code = Code::default();
    while let Some(c) = rest.next() {
        if c != '{' {
            continue;
        }
        match rest.peek() {
            Some('{') => {
                rest.next();
                check_code(&tokens(&mut rest, Some('}')), &mut code)?;
            }
            Some('%') => {
                rest.next();
                let statement = tokens(&mut rest, Some('%'));
                check_statement(&statement)?;
                check_code(&statement, &mut code)?;
            }
            Some('#') => skip_comment(&mut rest),
            _ => {}
        }
    }
    check_joins(code)
}

/// Checks one expression.
pub(super) fn check_expression(source: &str) -> Result<Code, String> {
    if source.trim().is_empty() {
        return Err("is empty: leave it out, or write an expression".to_owned());
    }
    let mut code = Code::default();
    check_code(&tokens(&mut source.chars().peekable(), None), &mut code)?;
    check_joins(code)
}

fn check_joins(code: Code) -> Result<Code, String> {
    if code.joins <= JOINS_MAX {
        return Ok(code);
    }
    Err(format!("joins texts {} times: at most {JOINS_MAX} times is allowed", code.joins))
}

fn check_statement(code: &[Token]) -> Result<(), String> {
    let words = code.iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.as_str()),
        _ => None,
    });
    let mut words = words.peekable();
    let statement = words.peek().copied().unwrap_or_default();
    if !STATEMENTS.contains(&statement) {
        return Err(format!("`{statement}` is not allowed: use `if` and `for`"));
    }
    if statement == "for" {
        // A loop over something that grows lets the next loop grow from there.
        if code.iter().any(is_join) {
            return Err("a `for` joins texts: go through a list of the event".to_owned());
        }
        if words.any(|word| word == "recursive") {
            return Err("`recursive` is not allowed".to_owned());
        }
    }
    Ok(())
}

/// Checks names and marks.
fn check_code(tokens: &[Token], code: &mut Code) -> Result<(), String> {
    let token = |at: Option<usize>| at.and_then(|at| tokens.get(at));
    let is_mark = |at, mark| token(at) == Some(&Token::Mark(mark));
    let word = |at| match token(at) {
        Some(Token::Word(word)) => Some(word.as_str()),
        _ => None,
    };
    code.joins += tokens.iter().filter(|token| is_join(token)).count();
    for (at, current) in tokens.iter().enumerate() {
        let before = |steps| at.checked_sub(steps);
        let name = match current {
            Token::Mark('*') => return Err("`*` is not allowed".to_owned()),
            Token::Word(name) => name.as_str(),
            Token::Text(_) | Token::Mark(_) => continue,
        };
        let is_operator = |steps: usize, operator| {
            word(before(steps)) == Some(operator) && !is_mark(before(steps + 1), '.')
        };
        let is_test = (is_operator(1, "is") && name != "not")
            || (is_operator(1, "not") && is_operator(2, "is"));
        if is_mark(before(1), '|') {
            if !FILTERS.contains(&name) {
                return Err(format!("there is no filter `{name}`: use {}", FILTERS.join(", ")));
            }
        } else if is_test {
            if !TESTS.contains(&name) {
                return Err(format!("there is no test `{name}`: use {}", TESTS.join(", ")));
            }
            if name == "matching"
                && is_mark(at.checked_add(1), '(')
                && let Some(Token::Text(pattern)) = token(at.checked_add(2))
            {
                code.patterns.push(pattern.clone());
            }
        } else if is_mark(at.checked_add(1), '(') && !WORDS.contains(&name) {
            return Err(format!("there is no function `{name}`"));
        }
    }
    Ok(())
}

fn is_join(token: &Token) -> bool {
    matches!(token, Token::Mark('~' | '+'))
}

/// The tokens up to the closing brace, `%` for `%}`; all of them without one.
fn tokens(rest: &mut Peekable<Chars<'_>>, end: Option<char>) -> Vec<Token> {
    let mut tokens = Vec::new();
    // A brace that an expression opens itself is not the end.
    let mut open = 0_usize;
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' => {
                tokens.push(Token::Text(quoted(rest, c)));
            }
            c if c.is_whitespace() => {}
            c if is_word(c) => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| is_word(*c)) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            c => {
                if Some(c) == end && open == 0 && rest.next_if_eq(&'}').is_some() {
                    return tokens;
                }
                open = match c {
                    '{' => open + 1,
                    '}' => open.saturating_sub(1),
                    _ => open,
                };
                tokens.push(Token::Mark(c));
            }
        }
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text that the quote opens.
fn quoted(rest: &mut Peekable<Chars<'_>>, quote: char) -> String {
    let mut text = String::from(quote);
    while let Some(c) = rest.next() {
        text.push(c);
        if c == '\\' {
            text.extend(rest.next());
        } else if c == quote {
            break;
        }
    }
    text
}

fn skip_comment(rest: &mut Peekable<Chars<'_>>) {
    while let Some(c) = rest.next() {
        if c == '#' && rest.next_if_eq(&'}').is_some() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_the_articles_are_allowed() {
        for source in [
            "{{contact.variables.phone}}",
            "https://chat.example/messengers/chats/{{bot.id}}/contacts/all/{{contact.id}}",
            "{{ contact.variables['\u{456}\u{43c}\u{2019}\u{44f}'] }}",
            "{{ contact.variables.\u{442}\u{435}\u{43b}\u{435}\u{444}\u{43e}\u{43d} | default('none') }}",
            "{% if contact.tags is containing('vip') %}VIP{% else %}-{% endif %}",
            "{% for line in lines -%} {{ loop.index }} {{ line.name }} {%- endfor %}",
            "{# set x = 1 #} * {{ ' * ' }} {{ {'a': {}} }}",
            "{{ 'set' if a is not empty and (b or c) }}",
        ] {
            assert!(check_template(source).is_ok(), "{source}");
        }
    }

    #[test]
    fn what_can_grow_or_does_not_exist_is_refused() {
        for source in [
            "{% set a = b %}",
            "{% include 'x' %}",
            "{%- extends 'x' %}",
            "{% macro x() %}{% endmacro %}",
            "{% with a = b %}{% endwith %}",
            "{% for a in [b ~ b] %}{% endfor %}",
            "{% for a in b + b %}{% endfor %}",
            "{% for a in b recursive %}{{ loop(a) }}{% endfor %}",
            "{{ 'a' * 100 }}",
            "{{ range(9) }}",
            "{{ a.b() }}",
            "{{ a | fone }}",
            "{{ a is bare }}",
            "{{ a is not bare }}",
            "{{ {'a': '}}'}|fone }}",
        ] {
            assert!(check_template(source).is_err(), "{source}");
        }
    }

    #[test]
    fn joins_are_counted_up_to_their_limit() {
        let joined = |joins: usize| format!("{{{{ a{} }}}}", " ~ a".repeat(joins));
        assert!(check_template(&joined(JOINS_MAX)).is_ok());
        assert!(check_template(&joined(JOINS_MAX + 1)).is_err());
        let apart = "{{ a ~ b }}".repeat(JOINS_MAX);
        assert!(check_template(&apart).is_ok());
        assert!(check_template(&format!("{apart}{{{{ a + b }}}}")).is_err());
    }

    #[test]
    fn an_empty_expression_is_refused() {
        assert!(check_expression(" ").is_err());
    }

    #[test]
    fn patterns_are_found() {
        let code = check_expression("a is matching('^[+]380') and b is not matching(c)").unwrap();
        assert_eq!(code.patterns, ["'^[+]380'"]);
    }
}
