//! How soon an idle host starts to work: this program sends the webhook and is the CRM that is asked.
//!
//! Both ends are seen with one clock. The first request to the CRM comes after the lease, the start
//! of the plugin and its first call, so the start of the plugin is never later than what is told.

use std::{
    io::{self, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
    time::{Duration, Instant},
};

use clap::Args;

use crate::{
    Source,
    bodies::Bodies,
    clock,
    figures::percentiles,
    http::{self, Connection, Url},
};

/// Longest wait for the CRM to be asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests that may wait to be looked at.
const QUEUE_MAX: usize = 1024;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// Where the CRM listens: the `base-url` of the host's `crm-ledger` account.
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long, default_value_t = 500)]
    webhooks: u64,
    /// Shortest pause before each; they differ, so that no timer of the host keeps step.
    #[arg(long, default_value_t = 20)]
    pause_ms: u64,
    url: Url,
}

/// A request to the CRM.
#[derive(Debug)]
struct Asked {
    at: Instant,
    path: String,
}

pub(crate) fn run(options: &Options) -> io::Result<String> {
    let bodies = Bodies::read(&options.source.bodies)?;
    let listener = TcpListener::bind(options.listen)?;
    let (tell, asked) = mpsc::sync_channel(QUEUE_MAX);
    thread::spawn(move || serve(&listener, &tell));
    let mut connection = Connection::open(&options.url)?;
    let (mut from_answer, mut from_sending) = (Vec::new(), Vec::new());
    // The first one opens the connection to the CRM and is not counted.
    for number in 0..=options.webhooks {
        clock::sleep(Duration::from_millis(options.pause_ms + number * 7 % 31));
        let body = bodies.body(options.source.first_chat + number);
        let sent = clock::now();
        let status = connection.post(&options.url.path, &body)?;
        let answered = clock::now();
        if !(200..300).contains(&status) {
            return Err(io::Error::other(format!("a webhook was answered with {status}")));
        }
        let began = work(&asked)?;
        if 0 < number {
            from_answer.push(began.saturating_duration_since(answered));
            from_sending.push(began.duration_since(sent));
        }
    }
    Ok(format!(
        "webhooks={} {} {}",
        options.webhooks,
        percentiles("", &mut from_answer),
        percentiles("sent_", &mut from_sending)
    ))
}

/// When the CRM was asked first; returns once the contact was created.
fn work(asked: &Receiver<Asked>) -> io::Result<Instant> {
    let next = || {
        asked
            .recv_timeout(PATIENCE)
            .map_err(|_timeout| io::Error::other("the CRM was not asked in time"))
    };
    let first = next()?;
    let mut last = first.path;
    while last != "/contacts" {
        last = next()?.path;
    }
    Ok(first.at)
}

fn serve(listener: &TcpListener, tell: &SyncSender<Asked>) {
    for stream in listener.incoming().map_while(io::Result::ok) {
        let tell = tell.clone();
        // Ends with the host's connection.
        thread::spawn(move || drop(converse(stream, &tell)));
    }
}

/// A CRM that knows nobody, and creates every contact.
fn converse(stream: TcpStream, tell: &SyncSender<Asked>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = http::read(&mut stream)? {
        let at = clock::now();
        let path = request.first_line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, body) = match path.as_str() {
            "/lookup" => ("200 OK", r#"{"cards":[]}"#),
            "/contacts" => ("201 Created", r#"{"id":"c1","identifiers":[],"fields":{}}"#),
            _ => ("404 Not Found", "{}"),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.get_mut().write_all(answer.as_bytes())?;
        if tell.send(Asked { at, path }).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_question_of_a_job_is_the_one_that_counts() {
        let (tell, asked) = mpsc::sync_channel(4);
        let first = clock::now();
        for (path, later) in [("/lookup", 0), ("/contacts", 9), ("/lookup", 50), ("/contacts", 60)]
        {
            tell.send(Asked { at: first + Duration::from_millis(later), path: path.to_owned() })
                .unwrap();
        }
        assert_eq!(work(&asked).unwrap(), first);
        assert_eq!(work(&asked).unwrap(), first + Duration::from_millis(50));
        drop(tell);
        assert!(work(&asked).is_err());
    }
}
