//! A recorded request as its files describe it, sent byte for byte.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::Value;

/// The files of one vendor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folder(pub(super) &'static str);

impl Folder {
    pub(super) fn bytes(self, file: &str) -> Vec<u8> {
        let path = self.path().join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
    }

    pub(super) fn json(self, file: &str) -> Value {
        serde_json::from_slice(&self.bytes(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The answer that the vendor expects, without what is said about it.
    pub(super) fn answer(self, name: &str) -> Value {
        let mut answer = self.json(&format!("{name}.response.json"));
        answer.as_object_mut().unwrap().remove("_comment");
        answer
    }

    /// The names of all requests, sorted.
    pub(super) fn requests(self) -> Vec<String> {
        let files = fs::read_dir(self.path()).unwrap();
        let name = |entry: fs::DirEntry| {
            entry.file_name().to_str()?.strip_suffix(".http.json").map(str::to_owned)
        };
        let mut names: Vec<String> = files.filter_map(|entry| name(entry.unwrap())).collect();
        names.sort();
        assert!(!names.is_empty(), "{}", self.0);
        names
    }

    /// The request `{name}.http.json`, to this webhook URL.
    pub(super) fn request(self, name: &str, url: &str) -> Request<Full<Bytes>> {
        let told = self.json(&format!("{name}.http.json"));
        assert_eq!(told["url"], "{{INBOUND_URL}}", "{name}");
        let body = told["body_file"].as_str().map(|file| self.bytes(file)).unwrap_or_default();
        let mut request = Request::builder()
            .method(told["method"].as_str().unwrap())
            .uri(format!("{url}{}", self.query(&told)));
        for (header, value) in told["headers"].as_object().unwrap() {
            request = request.header(header, value.as_str().unwrap());
        }
        request.body(Full::new(body.into())).unwrap()
    }

    fn query(self, told: &Value) -> String {
        if let Some(file) = told["query_file"].as_str() {
            let query = String::from_utf8(self.bytes(file)).unwrap();
            return format!("?{}", query.trim_end());
        }
        let pairs = told["query"].as_object().unwrap();
        let plain = |text: &str| {
            let is_plain =
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            assert!(is_plain, "`{text}` would have to be escaped");
            text.to_owned()
        };
        let pairs = pairs
            .iter()
            .map(|(key, value)| format!("{}={}", plain(key), plain(value.as_str().unwrap())));
        let query = pairs.collect::<Vec<_>>().join("&");
        if query.is_empty() { query } else { format!("?{query}") }
    }

    fn path(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(self.0)
    }
}
