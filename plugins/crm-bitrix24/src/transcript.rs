//! A conversation as a text for people.

use patchbay_sdk::types::{Author, Message, Transcript};

pub(crate) fn text(transcript: &Transcript) -> String {
    let Transcript { started_at, finished_at, topic, rating, messages } = transcript;
    let heads = [
        ("Topic", topic.as_deref()),
        ("Rating", rating.as_deref()),
        ("Started", started_at.as_deref()),
        ("Finished", finished_at.as_deref()),
    ];
    let heads = heads.into_iter().filter_map(|(title, text)| Some(format!("{title}: {}", text?)));
    let mut lines: Vec<String> = std::iter::once("Conversation".to_owned()).chain(heads).collect();
    lines.push(String::new());
    lines.extend(messages.iter().map(line));
    lines.join("\n")
}

fn line(message: &Message) -> String {
    let agent = message.agent.as_ref();
    let name = agent.and_then(|agent| agent.name.as_deref().or(agent.email.as_deref()));
    let author = match message.author {
        Author::Client => "Client",
        Author::Agent => name.unwrap_or("Agent"),
        Author::Bot => "Bot",
        Author::System => "System",
    };
    match &message.sent_at {
        Some(sent_at) => format!("{sent_at} {author}: {}", message.text),
        None => format!("{author}: {}", message.text),
    }
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::types::Person;

    use super::*;

    #[test]
    fn a_conversation_is_told_in_its_order() {
        let agent = |name: Option<&str>, email: Option<&str>| {
            let (name, email) = (name.map(str::to_owned), email.map(str::to_owned));
            Some(Person { id: None, name, email, phone: None, active: true })
        };
        let message = |author, agent, sent_at: Option<&str>, text: &str| Message {
            author,
            agent,
            sent_at: sent_at.map(str::to_owned),
            text: text.to_owned(),
        };
        let transcript = Transcript {
            started_at: Some("2026-12-01T10:00:00+02:00".to_owned()),
            finished_at: None,
            topic: Some("Delivery".to_owned()),
            rating: Some("4".to_owned()),
            messages: vec![
                message(Author::Client, None, Some("2026-12-01T10:00:01+02:00"), "Hello"),
                message(Author::Agent, agent(Some("Olha"), None), None, "Hi"),
                message(Author::Agent, agent(None, Some("o@example.test")), None, "there"),
                message(Author::Agent, None, None, "?"),
                message(Author::Bot, None, None, "beep"),
                message(Author::System, None, None, "left"),
            ],
        };
        let expected = "Conversation\nTopic: Delivery\nRating: 4\nStarted: 2026-12-01T10:00:00+02:00\n\n\
            2026-12-01T10:00:01+02:00 Client: Hello\nOlha: Hi\no@example.test: there\nAgent: ?\nBot: beep\nSystem: left";
        assert_eq!(text(&transcript), expected);
    }
}
