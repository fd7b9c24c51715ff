//! What contacts are called, and where a person opens them.

/// What contacts are called: by default `c1` and so on, without URLs.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    pub(crate) prefix: String,
    /// The number of the first contact.
    pub(crate) first: usize,
    /// What the id follows in a URL.
    pub(crate) url: Option<String>,
}

impl Default for Naming {
    fn default() -> Self {
        Self { prefix: "c".to_owned(), first: 1, url: None }
    }
}

impl Naming {
    pub(crate) fn id(&self, place: usize) -> String {
        format!("{}{}", self.prefix, self.first + place)
    }

    /// The place that an id or a URL names.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        let id = self.url.as_ref().and_then(|url| id.strip_prefix(url.as_str())).unwrap_or(id);
        id.strip_prefix(&self.prefix)?.parse::<usize>().ok()?.checked_sub(self.first)
    }
}
