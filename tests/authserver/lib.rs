//! A real authorization server for tests: Authlib on the loopback interface.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

/// Its one client.
pub const CLIENT_ID: &str = "fake-client";
pub const CLIENT_SECRET: &str = "fake-client-secret";

/// Where Debian's packages are, then whatever the path has.
const INTERPRETERS: [&str; 2] = ["/usr/bin/python3", "python3"];

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/server.py");

/// A running server. It ends with this, or with the test program.
#[derive(Debug)]
pub struct AuthServer {
    /// `http://127.0.0.1:port`: with `/authorize`, `/token`, and everything else as its API.
    pub url: String,
    child: Child,
}

impl AuthServer {
    /// # Panics
    /// When Authlib is missing or does not start; the text tells the remedy.
    #[must_use]
    pub fn start() -> Self {
        let python = INTERPRETERS.into_iter().find(|python| has_authlib(python)).expect(
            "Authlib is not installed: run `cargo xtask test`, or `apt-get install python3-authlib`",
        );
        let mut child = Command::new(python)
            .arg(SERVER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter starts");
        let output = child.stdout.take().expect("the output is a pipe");
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port).expect("the output is text");
        let port: u16 = port.trim().parse().expect("the server tells its port");
        Self { url: format!("http://127.0.0.1:{port}"), child }
    }
}

impl Drop for AuthServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn has_authlib(python: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import authlib.oauth2"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
