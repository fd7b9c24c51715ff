//! The operator's lines for the agent, and the tag for the channel.

use super::{
    book::{Reading, Rulebook, failed},
    template::Template,
};
use crate::{
    card::{Card, Line},
    event::Remark,
};

impl Rulebook {
    /// The operator's lines for the agent, to follow those of the CRM's adapter.
    pub fn lines(&self, reading: &Reading, card: &Card, remarks: &mut Vec<Remark>) -> Vec<Line> {
        if self.lines.is_empty() {
            return Vec::new();
        }
        let root = reading.context.with(card, None).root();
        let text = |template: &Template| self.templates.text(template, root.clone());
        let mut lines = Vec::with_capacity(self.lines.len());
        for (at, line) in self.lines.iter().enumerate() {
            let url = line.url.as_ref().map(&text).transpose();
            match text(&line.text).and_then(|text| Ok((text, url?))) {
                Ok((text, _)) if text.is_empty() => {}
                Ok((text, url)) => {
                    let url = url.filter(|url| is_link(url));
                    lines.push(Line { title: line.title.clone(), text, url });
                }
                Err(failure) => remarks.push(failed(&format!("lines[{at}]"), failure)),
            }
        }
        lines
    }

    /// The tag that the client gets in the channel.
    pub fn tag(&self, reading: &Reading, card: &Card, remarks: &mut Vec<Remark>) -> Option<String> {
        match self.tag.as_ref()? {
            Template::Constant(tag) => Some(tag.clone()),
            template => {
                let root = reading.context.with(card, None).root();
                match self.templates.text(template, root) {
                    Ok(tag) => Some(tag),
                    Err(failure) => {
                        remarks.push(failed("push.tag", failure));
                        None
                    }
                }
            }
        }
        .filter(|tag| !tag.is_empty())
    }
}

/// What an agent may be led to: data of the event does not make it a script.
fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests;
