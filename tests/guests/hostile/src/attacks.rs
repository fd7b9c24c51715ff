//! Every attack by its name. What comes back tells what the host let happen.

use crate::{
    bindings::patchbay::adapter::{http, kv, log, settings, vault},
    border, channels,
};

/// Runs the attack `name` (with or without a slash before it) on `target`.
pub(crate) fn run(name: &str, target: &str) -> String {
    match name.trim_start_matches('/') {
        "spin" => spin(),
        "grow" => grow(),
        "panic" => panic!("the guest gives up on {target}"),
        "trap" => std::process::abort(),
        "recurse" => recurse(u64::from(u32::MAX), &mut 0).to_string(),
        "recurse-bare" => bare(u64::MAX).to_string(),
        "huge" => "x".repeat(32 << 20),
        "huge-log" => huge_log(),
        "log-flood" => log_flood(),
        "print-flood" => print_flood(),
        "print-endless" => print_endless(),
        "http" => fetch(target),
        "http-flood" => http_flood(target),
        "kv" => say(kv::get("key").map(|value| value.is_some())),
        "kv-flood" => kv_flood(),
        "kv-large" => kv_large(),
        "kv-many" => kv_many(),
        "kv-keys" => say(kv::keys("", None, u32::MAX).map(|keys| keys.len())),
        "kv-set" => {
            say(kv::commit(&[kv::Change::Set(("key".to_owned(), target.as_bytes().to_vec()))]))
        }
        "vault" => format!("{:?}", vault::equals("hidden", target.as_bytes())),
        "vault-flood" => vault_flood(),
        "leak" => leak(),
        "environment" => environment(),
        "global" => global(),
        "sleep" => sleep(),
        "random" => random(),
        "exit" => std::process::exit(3),
        "setting-flood" => setting_flood(),
        "log-large-flood" => log_large_flood(),
        "vault-large-flood" => vault_large_flood(),
        "kv-fill" => kv_fill(),
        "refused-then-well" => refused_then(String::new),
        "refused-then-panics" => refused_then(|| panic!("for a reason of its own")),
        "refused-then-huge" => refused_then(|| "x".repeat(17 << 20)),
        "refused-then-logs" => refused_then(|| {
            log::write(log::Level::Info, "it goes on");
            std::process::abort()
        }),
        name if name.starts_with("border-") => border::run(name),
        name if name.starts_with("leak-") => channels::run(name, target),
        _ => "nothing".to_owned(),
    }
}

fn say<T: std::fmt::Debug, E: std::fmt::Debug>(result: Result<T, E>) -> String {
    format!("{result:?}")
}

fn spin() -> String {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
        if number == u64::MAX {
            return number.to_string();
        }
    }
}

fn grow() -> String {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![1; 1 << 20]);
        if std::hint::black_box(&held).len() == usize::MAX {
            return String::new();
        }
    }
}

/// Deep, and not a loop: the result of each call is used after it.
fn recurse(left: u64, sum: &mut u64) -> u64 {
    let mut frame = [left; 1024];
    std::hint::black_box(&mut frame);
    *sum = sum.wrapping_add(frame.iter().sum::<u64>());
    if left == 0 {
        *sum
    } else {
        recurse(left - 1, sum).wrapping_add(frame.iter().min().copied().unwrap_or(0))
    }
}

/// The same with nothing in memory: the stack that runs out is the host's.
fn bare(left: u64) -> u64 {
    if left == 0 { 0 } else { bare(left - 1).wrapping_mul(3) ^ left }
}

fn huge_log() -> String {
    log::write(log::Level::Info, &"x".repeat(32 << 20));
    "logged".to_owned()
}

fn log_flood() -> String {
    for number in 0..10_000 {
        log::write(log::Level::Info, &format!("line {number}"));
    }
    "logged".to_owned()
}

fn print_flood() -> String {
    for number in 0..1000 {
        println!("line {number}");
    }
    "printed".to_owned()
}

fn print_endless() -> String {
    for _ in 0..1000 {
        print!("{}", "x".repeat(1000));
    }
    "printed".to_owned()
}

/// A host call that costs nothing and is not counted.
fn setting_flood() -> String {
    loop {
        if settings::get("shown").is_some_and(|value| value.len() == usize::MAX) {
            return String::new();
        }
    }
}

/// Lines that the host has to look through for secrets: the placeholder's first letter all over.
fn log_large_flood() -> String {
    let line = "s".repeat(2 << 20);
    for _ in 0..1000 {
        log::write(log::Level::Info, &line);
    }
    "logged".to_owned()
}

fn vault_large_flood() -> String {
    let message = vec![b's'; 12 << 20];
    for _ in 0..64 {
        vault::hmac("hidden", vault::Digest::Sha512, &message);
    }
    "hashed".to_owned()
}

/// Until nothing more is taken.
fn kv_fill() -> String {
    for number in 0..100_000 {
        let set = |at: usize| kv::Change::Set((format!("{number}-{at}"), vec![0; 8 << 10]));
        if let Err(error) = kv::commit(&(0..64).map(set).collect::<Vec<_>>()) {
            return format!("{number}: {error:?}");
        }
    }
    "no limit".to_owned()
}

/// Asks for more memory than there is, and copes with the refusal.
fn refused_then(then: impl FnOnce() -> String) -> String {
    let refused = Vec::<u8>::new().try_reserve(1 << 30).is_err();
    let said = then();
    format!("{refused}{said}")
}

fn fetch(url: &str) -> String {
    say(http::fetch(&request(url)).map(|response| response.status))
}

fn request(url: &str) -> http::Request {
    http::Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
    }
}

/// The last answers are what counts.
fn http_flood(url: &str) -> String {
    let mut said = String::new();
    for number in 0..20 {
        if let Err(http::Error::Spent(text)) = http::fetch(&request(url)) {
            said = format!("spent at {number}: {text}");
            break;
        }
    }
    said
}

fn kv_flood() -> String {
    for number in 0..100_000 {
        if let Err(error) = kv::get("key") {
            return format!("{number}: {error:?}");
        }
    }
    "no limit".to_owned()
}

fn kv_large() -> String {
    let set = |key: usize, value: usize| {
        say(kv::commit(&[kv::Change::Set(("k".repeat(key), vec![0; value]))]))
    };
    format!("{} {} {}", set(512, 256 << 10), set(513, 1), set(1, (256 << 10) + 1))
}

fn kv_many() -> String {
    let set = |count: usize| say(kv::commit(&vec![kv::Change::Delete("key".to_owned()); count]));
    format!("{} {}", set(64), set(65))
}

fn vault_flood() -> String {
    for _ in 0..1000 {
        vault::equals("hidden", b"x");
    }
    "no limit".to_owned()
}

/// Says in every way there is what the host gave as the secret, and panics on it.
fn leak() -> String {
    let known = settings::get("hidden").unwrap_or_default();
    log::write(log::Level::Info, &format!("the setting is {known}"));
    known
}

fn environment() -> String {
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    let files = std::fs::read_dir("/").is_ok();
    let socket = std::net::TcpStream::connect("127.0.0.1:80").is_ok();
    format!("{variables} {arguments} {files} {socket}")
}

/// Would count up if anything stayed from one call to the next.
fn global() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};

    static CALLS: AtomicU32 = AtomicU32::new(0);
    CALLS.fetch_add(1, Ordering::Relaxed).to_string()
}

fn sleep() -> String {
    std::thread::sleep(std::time::Duration::from_secs(3600));
    "slept".to_owned()
}

fn random() -> String {
    use std::hash::{BuildHasher as _, RandomState};

    RandomState::new().hash_one(1).to_string()
}
