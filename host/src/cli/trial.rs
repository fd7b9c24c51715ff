//! The commands that try an integration: without sending anything, and by a test request.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Error, RemoteArgs,
    client::ApiClient,
    remote::{block_on, print},
    sample::SampleArgs,
    table,
};

#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    sample: SampleArgs,
    /// Rules to try, as a TOML or JSON file; without it those that the integration has.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// Ask the CRM nothing: the client is taken for unknown.
    #[arg(long)]
    no_look_up: bool,
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    sample: SampleArgs,
}

pub(super) fn preview(args: &PreviewArgs) -> Result<(), Error> {
    let mut input = args.sample.input()?;
    if let Some(file) = &args.rules {
        let (rules, options) = table::rules(file)?;
        input.extend(rules.map(|rules| ("rules".to_owned(), rules)));
        input.extend(options.map(|options| ("options".to_owned(), options)));
    }
    input.insert("look_up".to_owned(), json!(!args.no_look_up));
    ask(&args.remote, &args.sample.integration, "preview", &Value::Object(input), shown_preview)
}

pub(super) fn test_request(args: &TestArgs) -> Result<(), Error> {
    let input = Value::Object(args.sample.input()?);
    ask(&args.remote, &args.sample.integration, "test", &input, shown_test)
}

fn ask(
    remote: &RemoteArgs,
    integration: &str,
    what: &str,
    input: &Value,
    show: fn(&Value) -> Result<String, std::fmt::Error>,
) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let path = format!("/integrations/{integration}/{what}");
        let answer = client.send(Method::POST, &path, input.to_string().into_bytes()).await?;
        print(remote, &answer, |answer| show(answer).unwrap_or_default())
    })
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Each decision a line, then the records, then what there is to remark.
fn shown_preview(answer: &Value) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    match text(answer, "verdict") {
        "rejected" => writeln!(out, "rejected: {}", text(answer, "reason"))?,
        "answered" => writeln!(out, "answered at once: no event")?,
        _ if items(answer, "events").is_empty() => writeln!(out, "no event")?,
        _ => {}
    }
    for event in items(answer, "events") {
        writeln!(out, "{} in {}", text(event, "kind"), text(event, "conversation"))?;
        for decision in items(event, "decisions") {
            let (rule, decided) = (text(decision, "rule"), text(decision, "decided"));
            writeln!(out, "  {rule}: {decided}, because {}", text(decision, "because"))?;
        }
        for remark in items(event, "remarks") {
            writeln!(out, "  {}: {}", text(remark, "kind"), text(remark, "text"))?;
        }
        if items(event, "writes").is_empty() {
            writeln!(out, "  nothing would be sent")?;
        }
        for write in items(event, "writes") {
            writeln!(out, "  would send {}:", text(write, "step"))?;
            indented(&mut out, write.get("write").unwrap_or(&Value::Null))?;
        }
        let problem = event.pointer("/outcome/problem").filter(|problem| !problem.is_null());
        if let Some(problem) = problem {
            writeln!(out, "  would fail: {problem}")?;
        }
    }
    shown_answer(&mut out, answer)?;
    Ok(out.trim_end().to_owned())
}

/// Each event with its jobs, then what the vendor would have got.
fn shown_test(answer: &Value) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let request = answer.get("request").and_then(Value::as_i64).unwrap_or_default();
    writeln!(out, "request {request}: {}", text(answer, "verdict"))?;
    for event in items(answer, "events") {
        let id = event.get("id").and_then(Value::as_i64).unwrap_or_default();
        let is_repeat = event.get("duplicate") == Some(&json!(true));
        let repeat = if is_repeat { ", known already: nothing new is made of it" } else { "" };
        writeln!(out, "event {id}: {}{repeat}", text(event, "kind"))?;
        for job in items(event, "jobs") {
            let effect = job.pointer("/outcome/effect").and_then(Value::as_str);
            let effect = effect.map(|effect| format!(", {effect}")).unwrap_or_default();
            writeln!(out, "  {}: {}{effect}", text(job, "integration"), text(job, "state"))?;
            if let Some(reason) = job.get("reason").and_then(Value::as_str) {
                writeln!(out, "    {reason}")?;
            }
            for remark in job.get("outcome").map_or(&[][..], |outcome| items(outcome, "remarks")) {
                writeln!(out, "    {}: {}", text(remark, "kind"), text(remark, "text"))?;
            }
        }
    }
    if answer.get("ended") == Some(&json!(false)) {
        writeln!(out, "jobs are still running: look at the events later")?;
    }
    shown_answer(&mut out, answer)?;
    Ok(out.trim_end().to_owned())
}

fn shown_answer(out: &mut String, told: &Value) -> std::fmt::Result {
    let Some(answer) = told.get("answer") else { return Ok(()) };
    let status = answer.get("status").and_then(Value::as_u64).unwrap_or_default();
    writeln!(out, "the sender gets {status}:")?;
    indented(out, answer.get("body").unwrap_or(&Value::Null))
}

/// As JSON that people read, a text as it is.
fn indented(out: &mut String, value: &Value) -> std::fmt::Result {
    let text = value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned);
    text.lines().try_for_each(|line| writeln!(out, "    {line}"))
}
