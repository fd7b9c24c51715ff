//! Checks of `tasks` and `notes`.

use super::lost::{self, Write};
use super::{Record, Suite, is_not_found, longest_key};
use crate::notes::Note;
use crate::tasks::Task;
use crate::types::{Author, Call, Direction, Error, Message, Subject, Transcript};
use crate::{Contacts, Notes, Tasks};

/// Bytes of the longest conversation that is tried: more than any CRM holds in one note.
const LONG_BYTES: usize = 2 * 1024 * 1024;

impl Suite<'_> {
    /// Every check of `tasks`. Answers the id of the task that was made.
    pub fn tasks<T: Contacts + Tasks>(&self) -> Result<String, String> {
        let subject = Subject::Card(self.card::<T>(300)?.id);
        let id = self.is_written_once("create-task", Record::Task, &|| {
            T::create_task(task(subject.clone()), longest_key("task"))
        })?;
        let unknown = task(Subject::Card(self.unknown_id.to_owned()));
        let told =
            self.call("create-task", || T::create_task(unknown, "task-of-nobody".to_owned()))?;
        is_not_found("create-task", told)?;
        lost::check(self, |number| {
            let (subject, key) = (subject.clone(), format!("lost-task-{number}"));
            let send = move || T::create_task(task(subject.clone()), key.clone());
            let count = lost::counted(self, Record::Task);
            Ok(Write { what: "create-task", send: Box::new(send), count })
        })?;
        Ok(id)
    }

    /// Every check of `notes`: texts, conversations and calls. Answers the id of the longest one.
    pub fn notes<T: Contacts + Notes>(&self) -> Result<String, String> {
        let subject = Subject::Card(self.card::<T>(400)?.id);
        for (number, note) in notes().into_iter().enumerate() {
            self.is_written_once("add-note", Record::Note, &|| {
                let key = longest_key(&format!("note-{number}"));
                T::add_note(subject.clone(), note.clone(), key)
            })?;
            let unknown = Subject::Card(self.unknown_id.to_owned());
            let (of_nobody, key) = (note.clone(), format!("note-of-nobody-{number}"));
            let told = self.call("add-note", || T::add_note(unknown, of_nobody, key))?;
            is_not_found("add-note", told)?;
            lost::check(self, |loss| {
                let (subject, note) = (subject.clone(), note.clone());
                let key = format!("lost-note-{number}-{loss}");
                let send = move || T::add_note(subject.clone(), note.clone(), key.clone());
                let count = lost::counted(self, Record::Note);
                Ok(Write { what: "add-note", send: Box::new(send), count })
            })?;
        }
        let key = "note-long".to_owned();
        self.good("add-note", || T::add_note(subject, talk(LONG_BYTES), key))
    }

    fn is_written_once(
        &self,
        what: &str,
        record: Record,
        write: &dyn Fn() -> Result<String, Error>,
    ) -> Result<String, String> {
        let before = (self.count)(record);
        let first = self.good(what, write)?;
        let again = self.good(what, write)?;
        let made = (self.count)(record).saturating_sub(before);
        if first == again && made == 1 && !first.is_empty() {
            return Ok(first);
        }
        Err(format!("`{what}` twice under one key made {made} records: `{first}` and `{again}`"))
    }
}

fn task(subject: Subject) -> Task {
    Task {
        subject,
        title: "Call back".to_owned(),
        text: "asked about <b>price</b> & delivery".to_owned(),
        manager: None,
        due: "2027-01-12T10:30:00+02:00".to_owned(),
    }
}

/// A note of each kind.
fn notes() -> Vec<Note> {
    let call = Call {
        id: "call-7".to_owned(),
        direction: Direction::Inbound,
        client_number: Some("+380671234567".to_owned()),
        agent_number: None,
        line: Some("+380440000000".to_owned()),
        status: Some("ANSWERED".to_owned()),
        missed: false,
        duration_s: Some(62),
        recording_url: Some("https://records.example.test/7.mp3".to_owned()),
        rating: None,
    };
    vec![Note::Text("hello\n<i>there</i>".to_owned()), talk(100), Note::Call(call)]
}

fn talk(bytes: usize) -> Note {
    let text = "hello & goodbye ".repeat(bytes / 16 / 64);
    let message = Message { author: Author::Client, agent: None, sent_at: None, text };
    Note::Transcript(Transcript {
        started_at: Some("2026-12-01T10:00:00+02:00".to_owned()),
        finished_at: None,
        topic: None,
        rating: Some("4".to_owned()),
        messages: vec![message; 64],
    })
}
