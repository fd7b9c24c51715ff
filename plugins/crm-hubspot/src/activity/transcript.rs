//! A conversation as lines of text.

use patchbay_sdk::types::{Author, Message, Transcript};

/// A heading, and a line for each message.
pub(super) fn lines(transcript: &Transcript) -> Vec<String> {
    let Transcript { started_at, finished_at, topic, rating, messages } = transcript;
    let told =
        [("Topic", topic), ("Rating", rating), ("Started", started_at), ("Finished", finished_at)];
    let heading =
        told.iter().filter_map(|(title, told)| Some(format!("{title}: {}", told.as_ref()?)));
    let mut lines = vec!["Conversation".to_owned()];
    lines.extend(heading);
    lines.extend(messages.iter().map(line));
    lines
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
        Some(at) => format!("[{at}] {author}: {}", message.text),
        None => format!("{author}: {}", message.text),
    }
}
