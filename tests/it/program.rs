//! The real program as a child process: its configuration, its output, its end.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, header};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::harness::{Answer, Web, component, program};

/// Longest wait for the program to start, to end or to print.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with a configuration, data and plugins, for one program after the other.
pub(crate) struct Site {
    folder: TempDir,
    environment: BTreeMap<String, String>,
    token: Option<String>,
}

/// A program that serves. It is killed when this is dropped.
pub(crate) struct Program {
    pub url: String,
    /// What it printed until it listened.
    pub said: Vec<String>,
    child: Started,
    _stdout: Lines<BufReader<ChildStdout>>,
    web: Web,
    token: String,
}

/// A program that may not listen yet. It is killed when this is dropped.
pub(crate) struct Started(Child);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Site {
    /// A site whose file holds `text` after the keys that every test needs.
    pub(crate) fn new(plugins: &[&str], text: &str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: BTreeMap::new(),
            token: None,
        };
        fs::create_dir(site.path("plugins")).unwrap();
        for plugin in plugins {
            site.add_plugin(plugin);
        }
        site.configure(text);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn add_plugin(&self, file: &str) {
        let path = self.path("plugins").join(format!("{file}.wasm"));
        fs::write(path, component(file)).unwrap();
    }

    pub(crate) fn configure(&self, text: &str) {
        let (data, plugins) = (self.path("data"), self.path("plugins"));
        let head = format!(
            "listen = \"127.0.0.1:0\"\nprofile = \"dev\"\ndata = '{}'\nplugins = '{}'\n{text}",
            data.display(),
            plugins.display()
        );
        fs::write(self.path("patchbay.toml"), head).unwrap();
    }

    /// The token of a database that another site's program has made.
    pub(crate) fn set_token(&mut self, token: &str) {
        self.token = Some(token.to_owned());
    }

    pub(crate) fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// What all programs of this site have logged.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("log")).unwrap()).into_owned()
    }

    /// The program, which also lives on where a file may not grow any more.
    fn command(&self) -> Command {
        let mut command = Command::new("sh");
        let script = r#"trap "" XFSZ; exec "$0" "$@""#;
        command.args(["-c", script]).arg(program()).envs(&self.environment).kill_on_drop(true);
        command
    }

    /// Starts the program.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Started {
        let config = self.path("patchbay.toml");
        let log: File =
            OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let child = self
            .command()
            .args(["serve", "--show-urls", "--config"])
            .arg(config)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        Started(child)
    }

    /// Starts the program and waits until it listens.
    pub(crate) async fn serve(&mut self, arguments: &[&str]) -> Program {
        let Started(mut child) = self.spawn(arguments);
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        let url = loop {
            let line = timeout(PATIENCE, stdout.next_line()).await.unwrap().unwrap();
            let line = line.unwrap_or_else(|| panic!("the program ended: {}", self.log()));
            if let Some(token) = line.strip_prefix("API token, shown only now: ") {
                self.token = Some(token.to_owned());
            }
            if let Some(url) = line.strip_prefix("patchbay listens on ") {
                break url.to_owned();
            }
            said.push(line);
        };
        let token = self.token.clone().expect("the first start prints the token");
        Program { url, said, child: Started(child), _stdout: stdout, web: Web::new(), token }
    }

    /// Runs a command of the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command().args(arguments).output();
        let output = timeout(PATIENCE, output).await.expect("a command ends").unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Started {
    fn pid(&self) -> Pid {
        let id = self.0.id().expect("the program runs");
        Pid::from_raw(id.try_into().unwrap()).unwrap()
    }

    /// As `kill` does. The exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        kill_process(self.pid(), Signal::TERM).unwrap();
        timeout(PATIENCE, self.0.wait()).await.expect("the program ends").unwrap().code()
    }
}

impl Program {
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The webhook URL of an account of the configuration.
    pub(crate) fn webhook(&self, account: &str) -> String {
        let prefix = format!("webhook {account}: ");
        self.said.iter().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
    }

    pub(crate) fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// As `kill -9` does.
    pub(crate) async fn kill(mut self) {
        self.child.0.kill().await.unwrap();
    }

    /// Asks it to stop, and does not wait.
    pub(crate) fn ask_to_stop(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// As `kill` does. The exit code.
    pub(crate) async fn terminate(self) -> Option<i32> {
        self.child.terminate().await
    }

    pub(crate) async fn hook(&self, url: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        self.web.send(request.body(Full::new(body.into())).unwrap()).await
    }

    pub(crate) async fn api(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.url))
            .header(header::AUTHORIZATION, format!("bearer {}", self.token));
        self.web.send(request.body(Full::new(body.into())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.api(Method::GET, path, "").await;
        assert!(answer.status.is_success(), "GET {path}: {answer:?}");
        answer.json()
    }

    /// All requests of the journal, the newest first.
    pub(crate) async fn journal(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut before = String::new();
        loop {
            let page = self.get(&format!("/events?limit=500{before}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_i64() else { return items };
            before = format!("&before={next}");
        }
    }
}
