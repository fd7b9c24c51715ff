//! A private Tryton for tests, on a free port of loopback, with a fresh database for each server.
//!
//! `cargo xtask tryton` installs it once. A server ends when it is dropped, and with the test
//! program however that ends: it stops when the pipe from the program closes.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Its standard input is the pipe whose end stops the server.
const KEEPER: &str = include_str!("keeper.py");

/// What the installed one was made of: another one is no longer that of the tests.
const STAMP: &str = concat!(include_str!("requirements.txt"), include_str!("prepare.py"));

/// As `prepare.py` makes them.
const DATABASE: &str = "crm";
const KEY: &str = "tests-only-application-key";

/// A loaded machine is slow; a server that says nothing for so long is stuck.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);

/// A running server: one company with two employees and one who has left, and no clients.
#[derive(Debug)]
pub struct Server {
    pub at: Address,
    keeper: Child,
}

/// Where a server is, and what an account needs to know.
#[derive(Debug, Clone)]
pub struct Address {
    /// `http://127.0.0.1:54321`: the setting `base-url`.
    pub url: String,
    /// The setting `database`.
    pub database: &'static str,
    /// The setting `key`.
    pub key: &'static str,
}

/// Starts a server with a database of its own.
///
/// # Panics
/// When Tryton is not installed or does not start; the text tells the remedy.
pub fn start() -> Server {
    let installed = installed();
    let stamp = fs::read_to_string(installed.join("stamp")).unwrap_or_default();
    assert!(
        stamp == STAMP,
        "Tryton is not installed in {}, or is not the one of these tests: run `cargo xtask tryton`",
        installed.display()
    );
    let folder = tempfile::Builder::new().prefix("patchbay-tryton-").tempdir().expect("a folder");
    // The keeper removes it.
    let folder = folder.keep();
    fs::copy(installed.join("template.sqlite"), folder.join(format!("{DATABASE}.sqlite")))
        .expect("the database can be copied");
    // Tryton tells of each refused request at length.
    let log = folder.join("server.log");
    let mut keeper = Command::new(installed.join("venv/bin/python"))
        .args(["-c", KEEPER])
        .arg(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).expect("the log can be made"))
        .spawn()
        .expect("Python can be started");
    let output = keeper.stdout.take().expect("the output is a pipe");
    let mut told = String::new();
    BufReader::new(output).read_line(&mut told).expect("the output is text");
    let words = || fs::read_to_string(&log).unwrap_or_default();
    let port: Result<u16, _> = told.trim().parse();
    let port = port.unwrap_or_else(|_| failed(&words()));
    let url = format!("http://127.0.0.1:{port}");
    Server { at: Address { url, database: DATABASE, key: KEY }, keeper }
}

#[expect(clippy::panic, reason = "a test without its server fails")]
fn failed(words: &str) -> ! {
    panic!("Tryton did not start:\n{words}")
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It answers what it has begun, and ends.
        drop(self.keeper.wait());
    }
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Address {
    /// One request and its whole answer, on a connection of its own. `target` is path and query.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut request = Vec::new();
        write!(request, "{method} {target} HTTP/1.1\r\nhost: {host}\r\n")?;
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        write!(request, "content-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
        request.extend_from_slice(body);
        stream.write_all(&request)?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        read(&received).ok_or_else(|| io::Error::other("the answer is no HTTP"))
    }
}

fn read(received: &[u8]) -> Option<Answer> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = received.split_at_checked(end)?;
    let mut lines = str::from_utf8(head).ok()?.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.filter_map(header).collect();
    Some(Answer { status, headers, body: body.get(4..)?.to_vec() })
}

/// Where `cargo xtask tryton` puts it: into the target folder of this test program.
fn installed() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its file");
    // <target>/debug/deps/<program>
    let target = program.ancestors().nth(3).expect("tests lie in the target folder");
    target.join("tryton")
}
