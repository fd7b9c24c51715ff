//! What the transcripts of channels have in common.

use std::collections::BTreeSet;

use crate::types::{Author, Message, Person};

/// A line of the channel's own.
pub fn system(text: String) -> Message {
    Message { author: Author::System, agent: None, sent_at: None, text }
}

/// A line that names the agents of whom no message tells: `Operators: Anna, Boris`. The words stand
/// for one of them and for several. `None` where there are none, or nothing to call them by.
///
/// ```
/// use patchbay_sdk::transcript::silent_agents;
/// use patchbay_sdk::types::Person;
///
/// let name = Some("Anna Test".to_owned());
/// let anna = Person { id: Some("7".to_owned()), name, email: None, phone: None, active: true };
/// let line = silent_agents(["Operator", "Operators"], &[anna.clone(), anna], &[]).unwrap();
/// assert_eq!(line.text, "Operator: Anna Test");
/// ```
pub fn silent_agents(
    [one, many]: [&str; 2],
    agents: &[Person],
    messages: &[Message],
) -> Option<Message> {
    let spoke = messages.iter().filter_map(|message| id(message.agent.as_ref()?));
    let mut told: BTreeSet<&str> = spoke.collect();
    let silent = agents.iter().filter(|agent| id(agent).is_some_and(|id| told.insert(id)));
    let names = silent.filter_map(name).collect::<Vec<_>>();
    let word = if names.len() == 1 { one } else { many };
    (!names.is_empty()).then(|| system(format!("{word}: {}", names.join(", "))))
}

/// What people call an agent.
pub fn name(agent: &Person) -> Option<&str> {
    let names = [&agent.name, &agent.email, &agent.id];
    names.into_iter().find_map(Option::as_deref)
}

/// What tells an agent from the others.
fn id(agent: &Person) -> Option<&str> {
    agent.id.as_deref().or_else(|| name(agent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: Option<&str>, name: Option<&str>, email: Option<&str>) -> Person {
        let [id, name, email] = [id, name, email].map(|text| text.map(str::to_owned));
        Person { id, name, email, phone: None, active: true }
    }

    #[test]
    fn only_agents_who_said_nothing_are_named() {
        let [first, second] = ["1", "2"].map(|id| agent(Some(id), Some("Anna"), None));
        let third = agent(None, None, Some("c@example.com"));
        let said = |agent: &Person| Message {
            author: Author::Agent,
            agent: Some(agent.clone()),
            ..system("yes".to_owned())
        };
        let all = [first.clone(), second, third.clone()];
        let line =
            |messages: &[Message]| silent_agents(["One", "Many"], &all, messages).map(|it| it.text);
        assert_eq!(line(&[]).as_deref(), Some("Many: Anna, Anna, c@example.com"));
        assert_eq!(line(&[said(&first)]).as_deref(), Some("Many: Anna, c@example.com"));
        let two = [said(&first), said(&third)];
        assert_eq!(line(&two).as_deref(), Some("One: Anna"));
        let all_spoke = all.each_ref().map(said);
        assert_eq!(line(&all_spoke), None);
        assert_eq!(silent_agents(["One", "Many"], &[agent(None, None, None)], &[]), None);
    }
}
