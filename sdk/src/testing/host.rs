//! The fake host: settings, secrets, a store in memory, scripted HTTP, and a record of what was done.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;

use hmac::Mac;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use crate::about::Manifest;
use crate::vault::Digest;
use crate::{http, kv, log};

thread_local! {
    static CURRENT: RefCell<Vec<Host>> = const { RefCell::new(Vec::new()) };
}

type Answer = dyn FnMut(&http::Request) -> Result<http::Response, http::Error>;
type Hook = dyn FnOnce(&Host);

/// A host for one test. Build it, then [`run`](Host::run) the adapter's functions under it.
///
/// ```
/// use patchbay_sdk::{http, settings, testing::Host};
///
/// let host = Host::new()
///     .setting("base-url", "https://crm.example.com")
///     .exchange("GET /ping", http::Response::json(200, "\"pong\""));
/// let answer = host.run(|| http::fetch(http::Request::get(settings::required("base-url").unwrap() + "/ping")));
/// assert_eq!(answer.unwrap().status, 200);
/// assert_eq!(host.requests().len(), 1);
/// ```
#[derive(Clone, Default)]
pub struct Host {
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    settings: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    store: BTreeMap<String, Vec<u8>>,
    exchanges: VecDeque<(String, http::Response)>,
    answer: Option<Box<Answer>>,
    before_commit: Option<Box<Hook>>,
    requests: Vec<http::Request>,
    lines: Vec<(log::Level, String)>,
    is_pure: bool,
    /// How many requests pass before one is lost.
    loss: Option<(usize, Loss)>,
}

/// What is lost of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The request is carried out, and its answer does not arrive.
    Answer,
    /// The connection ends before the request is carried out.
    Request,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// A host without settings, with an empty store, that expects no request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets every setting that has a default in the manifest, as the real host fills them in.
    #[must_use]
    pub fn defaults(self, manifest: Manifest) -> Self {
        manifest.settings.into_iter().fold(self, |host, setting| match setting.default_value {
            Some(value) => host.setting(&setting.key, &value),
            None => host,
        })
    }

    /// Sets a setting that is not secret.
    #[must_use]
    pub fn setting(self, key: &str, value: &str) -> Self {
        self.state.borrow_mut().settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a secret: the adapter reads a placeholder, and only `vault` works with the value.
    #[must_use]
    pub fn secret(self, key: &str, value: &str) -> Self {
        self.state.borrow_mut().secrets.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Expects one more request, `METHOD /path` with or without its query, and answers it.
    ///
    /// Requests have to come in the order of the calls to this function.
    #[must_use]
    pub fn exchange(self, expected: &str, response: http::Response) -> Self {
        self.state.borrow_mut().exchanges.push_back((expected.to_owned(), response));
        self
    }

    /// Answers every request that no [`exchange`](Host::exchange) waits for.
    #[must_use]
    pub fn http(
        self,
        answer: impl FnMut(&http::Request) -> Result<http::Response, http::Error> + 'static,
    ) -> Self {
        self.state.borrow_mut().answer = Some(Box::new(answer));
        self
    }

    /// Denies `http` and `kv`, as the host does in `receive`, `reply` and `map-fields`.
    #[must_use]
    pub fn pure(self) -> Self {
        self.state.borrow_mut().is_pure = true;
        self
    }

    /// Runs a function with `http` and `kv` denied, and allows them again.
    pub fn run_pure<T>(&self, adapter: impl FnOnce() -> T) -> T {
        let before = std::mem::replace(&mut self.state.borrow_mut().is_pure, true);
        let answer = self.run(adapter);
        self.state.borrow_mut().is_pure = before;
        answer
    }

    /// The request after this many others meets the loss, once: it is [`http::Error::Interrupted`].
    pub fn lose_after(&self, others: usize, loss: Loss) {
        self.state.borrow_mut().loss = Some((others, loss));
    }

    /// Whether the loss was met; one that was not is taken back.
    pub fn has_lost(&self) -> bool {
        self.state.borrow_mut().loss.take().is_none()
    }

    /// Does something once, just before the next commit: what another call may do in between.
    pub fn before_next_commit(&self, hook: impl FnOnce(&Self) + 'static) {
        self.state.borrow_mut().before_commit = Some(Box::new(hook));
    }

    /// Runs a function of the adapter under this host.
    pub fn run<T>(&self, adapter: impl FnOnce() -> T) -> T {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                CURRENT.with_borrow_mut(Vec::pop);
            }
        }
        CURRENT.with_borrow_mut(|hosts| hosts.push(self.clone()));
        let _leave = Leave;
        adapter()
    }

    /// The requests that the adapter sent, with placeholders for secrets.
    ///
    /// The token that the host adds for `oauth2` is not among their headers: an adapter that leaves it
    /// to the host sends no `authorization` ([`http::Request::value_of`]).
    pub fn requests(&self) -> Vec<http::Request> {
        self.state.borrow().requests.clone()
    }

    /// The expected requests that have not come.
    pub fn exchanges_left(&self) -> Vec<String> {
        self.state.borrow().exchanges.iter().map(|(expected, _)| expected.clone()).collect()
    }

    /// The lines that the adapter wrote.
    pub fn log_lines(&self) -> Vec<(log::Level, String)> {
        self.state.borrow().lines.clone()
    }

    /// What is in the store now.
    pub fn store(&self) -> BTreeMap<String, Vec<u8>> {
        self.state.borrow().store.clone()
    }

    /// Puts a value into the store, past every check.
    pub fn put(&self, key: &str, value: impl Into<Vec<u8>>) {
        self.state.borrow_mut().store.insert(key.to_owned(), value.into());
    }
}

/// What a guest sees instead of a secret.
pub fn placeholder(key: &str) -> String {
    format!("{{{{secret:{key}}}}}")
}

#[expect(clippy::panic, reason = "a test without a host is a faulty test")]
fn current() -> Host {
    CURRENT.with_borrow(|hosts| hosts.last().cloned()).unwrap_or_else(|| {
        panic!("imports exist only in a component or under `testing::Host`: wrap the call in `host.run(|| ..)`")
    })
}

pub(crate) fn setting(key: &str) -> Option<String> {
    let host = current();
    let state = host.state.borrow();
    if state.secrets.contains_key(key) {
        Some(placeholder(key))
    } else {
        state.settings.get(key).cloned()
    }
}

pub(crate) fn write(level: log::Level, message: &str) {
    current().state.borrow_mut().lines.push((level, message.to_owned()));
}

pub(crate) fn fetch(request: &http::Request) -> Result<http::Response, http::Error> {
    let host = current();
    let mut state = host.state.borrow_mut();
    if state.is_pure {
        return Err(http::Error::Denied("`http` is denied in pure functions".to_owned()));
    }
    state.requests.push(request.clone());
    let lost = state.loss.take_if(|(others, _)| *others == 0).map(|(_, loss)| loss);
    if let Some((others, _)) = &mut state.loss {
        *others -= 1;
    }
    drop(state);
    let interrupted = || http::Error::Interrupted("the answer was lost".to_owned());
    match lost {
        None => answered(&host, request),
        Some(Loss::Answer) => answered(&host, request).and_then(|_lost| Err(interrupted())),
        Some(Loss::Request) => Err(interrupted()),
    }
}

fn answered(host: &Host, request: &http::Request) -> Result<http::Response, http::Error> {
    let mut state = host.state.borrow_mut();
    let path = path_of(&request.url);
    let got = format!("{} {path}", request.method);
    let bare = got.split('?').next().unwrap_or_default();
    if state.exchanges.front().is_some_and(|(expected, _)| *expected == got || expected == bare) {
        return Ok(state.exchanges.pop_front().expect("there is a front").1);
    }
    // The closure may look at the host, so that it must not be borrowed meanwhile.
    let Some(mut answer) = state.answer.take() else {
        let expected =
            state.exchanges.front().map_or("no request", |(expected, _)| expected.as_str());
        return Err(http::Error::Denied(format!("the test expects `{expected}` and got `{got}`")));
    };
    drop(state);
    let answered = answer(request);
    host.state.borrow_mut().answer = Some(answer);
    answered
}

/// The path and query of an absolute URL.
pub(super) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
}

pub(crate) fn kv_get(key: &str) -> Result<Option<Vec<u8>>, kv::Error> {
    let host = current();
    let state = host.state.borrow();
    if state.is_pure { Err(kv::Error::Denied) } else { Ok(state.store.get(key).cloned()) }
}

pub(crate) fn keys(
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, kv::Error> {
    let host = current();
    let state = host.state.borrow();
    if state.is_pure {
        return Err(kv::Error::Denied);
    }
    let limit = usize::try_from(limit.min(kv::KEYS_MAX)).expect("at most 1,000");
    let wanted =
        |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
    Ok(state.store.keys().filter(wanted).take(limit).cloned().collect())
}

pub(crate) fn commit(changes: &[kv::Change]) -> Result<(), kv::Error> {
    let host = current();
    if host.state.borrow().is_pure {
        return Err(kv::Error::Denied);
    }
    let hook = host.state.borrow_mut().before_commit.take();
    if let Some(hook) = hook {
        hook(&host);
    }
    check_sizes(changes)?;
    let mut state = host.state.borrow_mut();
    let holds = |change: &kv::Change| match change {
        kv::Change::Expect((key, value)) => state.store.get(key) == value.as_ref(),
        kv::Change::Set(_) | kv::Change::Delete(_) => true,
    };
    if !changes.iter().all(holds) {
        return Err(kv::Error::Conflict);
    }
    for change in changes {
        match change {
            kv::Change::Set((key, value)) => {
                state.store.insert(key.clone(), value.clone());
            }
            kv::Change::Delete(key) => {
                state.store.remove(key);
            }
            kv::Change::Expect(_) => {}
        }
    }
    Ok(())
}

fn check_sizes(changes: &[kv::Change]) -> Result<(), kv::Error> {
    if changes.len() > kv::CHANGES_MAX {
        let text = format!("{} changes in one commit; at most {}", changes.len(), kv::CHANGES_MAX);
        return Err(kv::Error::TooLarge(text));
    }
    for change in changes {
        let (key, value_bytes) = match change {
            kv::Change::Set((key, value)) => (key, value.len()),
            kv::Change::Delete(key) => (key, 0),
            kv::Change::Expect((key, value)) => (key, value.as_ref().map_or(0, Vec::len)),
        };
        if key.len() > kv::KEY_BYTES_MAX {
            return Err(kv::Error::TooLarge(format!(
                "a key of {} bytes; at most {}",
                key.len(),
                kv::KEY_BYTES_MAX
            )));
        }
        if value_bytes > kv::VALUE_BYTES_MAX {
            let text = format!("a value of {value_bytes} bytes; at most {}", kv::VALUE_BYTES_MAX);
            return Err(kv::Error::TooLarge(text));
        }
    }
    Ok(())
}

fn secret(key: &str) -> Option<String> {
    current().state.borrow().secrets.get(key).cloned()
}

pub(crate) fn hmac(key: &str, digest: Digest, message: &[u8]) -> Option<Vec<u8>> {
    fn mac<M: Mac + hmac::digest::KeyInit>(secret: &str, message: &[u8]) -> Vec<u8> {
        let mut mac =
            <M as Mac>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }
    let secret = secret(key)?;
    Some(match digest {
        Digest::Sha1 => mac::<hmac::Hmac<Sha1>>(&secret, message),
        Digest::Sha256 => mac::<hmac::Hmac<Sha256>>(&secret, message),
        Digest::Sha512 => mac::<hmac::Hmac<Sha512>>(&secret, message),
    })
}

pub(crate) fn hash(key: &str, digest: Digest, before: &[u8], after: &[u8]) -> Option<Vec<u8>> {
    let whole = [before, secret(key)?.as_bytes(), after].concat();
    Some(match digest {
        Digest::Sha1 => Sha1::digest(whole).to_vec(),
        Digest::Sha256 => Sha256::digest(whole).to_vec(),
        Digest::Sha512 => Sha512::digest(whole).to_vec(),
    })
}

pub(crate) fn equals(key: &str, candidate: &[u8]) -> Option<bool> {
    secret(key).map(|secret| secret.as_bytes() == candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::about::{Auth, Setting, SettingType};
    use crate::{settings, types, vault};

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    #[test]
    fn defaults_of_the_manifest_are_settings_until_others_are_set() {
        let setting = |key: &str, default: Option<&str>| Setting {
            default_value: default.map(str::to_owned),
            ..Setting::new(key, "", SettingType::Text)
        };
        let manifest = Manifest {
            name: "crm-x".to_owned(),
            version: "0.1.0".to_owned(),
            title: String::new(),
            vendor: String::new(),
            settings: vec![setting("a", Some("1")), setting("b", None), setting("c", Some("3"))],
            egress: Vec::new(),
            auth: Auth::None,
            rate_limit: None,
        };
        let host = Host::new().defaults(manifest).setting("c", "own");
        let read = host.run(|| ["a", "b", "c"].map(settings::get));
        assert_eq!(read, [Some("1".to_owned()), None, Some("own".to_owned())]);
    }

    #[test]
    fn a_secret_is_a_placeholder_to_the_adapter_and_real_to_the_vault() {
        let host = Host::new().secret("key", "Jefe");
        host.run(|| {
            assert_eq!(settings::get("key").unwrap(), placeholder("key"));
            // RFC 4231, test case 2.
            let mac = vault::hmac("key", Digest::Sha256, b"what do ya want for nothing?").unwrap();
            assert_eq!(
                hex(&mac),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            );
            assert_eq!(vault::equals("key", b"Jefe"), Some(true));
            assert_eq!(vault::equals("key", b"jefe"), Some(false));
            assert_eq!(vault::equals("other", b"Jefe"), None);
            let whole = Sha1::digest(b"a-Jefe-b").to_vec();
            assert_eq!(vault::hash("key", Digest::Sha1, b"a-", b"-b"), Some(whole));
        });
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = Host::new().run(|| settings::required("base-url")).unwrap_err();
        assert_eq!(error, types::Error::invalid("base-url", "is not set; set it on the account"));
    }

    #[test]
    fn a_commit_is_made_whole_or_not_at_all() {
        let host = Host::new();
        host.run(|| {
            kv::Batch::new().expect_absent("a").set("a", "1").commit().unwrap();
            let late = kv::Batch::new().set("b", "2").expect("a", "0").commit();
            assert_eq!(late, Err(kv::Error::Conflict));
            assert_eq!(kv::get("b"), Ok(None));
            kv::Batch::new().expect("a", "1").delete("a").set("b", "2").commit().unwrap();
        });
        assert_eq!(host.store().into_iter().collect::<Vec<_>>(), [("b".to_owned(), b"2".to_vec())]);
    }

    #[test]
    fn keys_values_and_commits_are_refused_one_beyond_their_limits() {
        fn commit_all(count: usize) -> Result<(), kv::Error> {
            (0..count)
                .fold(kv::Batch::new(), |batch, number| batch.set(number.to_string(), ""))
                .commit()
        }
        #[track_caller]
        fn refused(result: &Result<(), kv::Error>) {
            assert!(matches!(result, Err(kv::Error::TooLarge(_))), "{result:?}");
        }
        Host::new().run(|| {
            commit_all(kv::CHANGES_MAX).unwrap();
            refused(&commit_all(kv::CHANGES_MAX + 1));
            kv::Batch::new().set("k".repeat(kv::KEY_BYTES_MAX), "").commit().unwrap();
            refused(&kv::Batch::new().set("k".repeat(kv::KEY_BYTES_MAX + 1), "").commit());
            kv::Batch::new().set("v", vec![0; kv::VALUE_BYTES_MAX]).commit().unwrap();
            refused(&kv::Batch::new().set("v", vec![0; kv::VALUE_BYTES_MAX + 1]).commit());
        });
    }

    #[test]
    fn keys_are_listed_in_order_after_a_key_and_at_most_a_thousand() {
        let host = Host::new();
        for number in 0..1_001 {
            host.put(&format!("a/{number:04}"), "");
        }
        host.put("b/1", "");
        host.run(|| {
            assert_eq!(kv::keys("a/", None, 5_000).unwrap().len(), 1_000);
            assert_eq!(kv::keys("a/", Some("a/0998"), 5_000).unwrap(), ["a/0999", "a/1000"]);
            assert_eq!(kv::keys("a/", None, 1).unwrap(), ["a/0000"]);
        });
    }

    #[test]
    fn exchanges_come_in_order_and_anything_else_is_denied() {
        let get = |path: &str| http::Request::get(format!("https://crm.example.com{path}")).send();
        let host = Host::new()
            .exchange("GET /a", http::Response::empty(200))
            .exchange("GET /b?page=2", http::Response::empty(201));
        host.run(|| {
            assert!(matches!(get("/b?page=2"), Err(http::Error::Denied(_))));
            assert_eq!(get("/a?any=1").unwrap().status, 200);
            assert!(matches!(get("/b?page=1"), Err(http::Error::Denied(_))));
            assert_eq!(get("/b?page=2").unwrap().status, 201);
        });
        assert_eq!((host.requests().len(), host.exchanges_left().len()), (4, 0));
    }

    #[test]
    fn a_closure_answers_what_no_exchange_waits_for() {
        let host =
            Host::new().http(|request| Ok(http::Response::json(200, request.method.clone())));
        let answer =
            host.run(|| http::Request::post("http://crm.example.com").json("{}").send()).unwrap();
        assert_eq!(answer.body, b"POST");
        assert_eq!(
            host.requests()[0].headers,
            [("content-type".to_owned(), "application/json".to_owned())]
        );
    }

    #[test]
    fn pure_functions_reach_neither_network_nor_store() {
        Host::new().pure().run(|| {
            assert_eq!(kv::get("a"), Err(kv::Error::Denied));
            assert_eq!(kv::Batch::new().set("a", "").commit(), Err(kv::Error::Denied));
            assert!(matches!(
                http::Request::get("https://crm.example.com").send(),
                Err(http::Error::Denied(_))
            ));
        });
    }

    #[test]
    fn a_loss_meets_one_request_before_or_after_it_is_carried_out() {
        for (loss, carried_out) in [(Loss::Answer, 3), (Loss::Request, 2)] {
            let count = Rc::new(RefCell::new(0));
            let counted = Rc::clone(&count);
            let host = Host::new().http(move |_| {
                *counted.borrow_mut() += 1;
                Ok(http::Response::empty(200))
            });
            host.lose_after(1, loss);
            let get = || http::Request::get("https://crm.example.com/").send().is_ok();
            assert_eq!(host.run(|| [get(), get(), get()]), [true, false, true]);
            assert_eq!((host.has_lost(), *count.borrow()), (true, carried_out));
            host.lose_after(1, loss);
            assert!(host.run(get) && !host.has_lost() && host.run(get));
        }
    }

    #[test]
    fn a_function_can_be_pure_for_once() {
        let host = Host::new();
        assert_eq!(host.run_pure(|| kv::get("a")), Err(kv::Error::Denied));
        assert_eq!(host.run(|| kv::get("a")), Ok(None));
    }

    #[test]
    fn log_lines_are_kept() {
        let host = Host::new();
        host.run(|| log::warn("slow"));
        assert_eq!(host.log_lines(), [(log::Level::Warn, "slow".to_owned())]);
    }
}
