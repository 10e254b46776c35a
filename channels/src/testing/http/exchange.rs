//! What arrives, and what is answered.

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: hyper::HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// The body as JSON, `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's text, empty when absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The login that its header carries: user and password in base64, or a token. Empty when there is none.
    #[must_use]
    pub fn login(&self) -> &str {
        let header = self.header("authorization");
        header.split_once(' ').map_or(header, |(_, login)| login)
    }

    fn all_headers(&self) -> String {
        let others = self.headers.keys().map(hyper::header::HeaderName::as_str);
        let names = ["authorization"].into_iter().chain(others.filter(|name| *name != "authorization"));
        names.map(|name| format!("{name}: {} ", self.header(name))).collect()
    }
}

/// In the text of an answer, stands for the headers of the request, the login first: error pages like to repeat
/// them.
pub const HEADERS: &str = "{{headers}}";

/// What to answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) fault: Option<Fault>,
}

/// How to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Read the request, then close without a word.
    Reset,
    /// Never answer.
    Hang,
    /// Announce the whole body, send half, close.
    Truncate,
    /// Send the body one byte a second.
    Drip,
    /// Send the body over and over, up to this many bytes in all.
    Flood(usize),
}

impl Reply {
    /// An answer with a text.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), fault: None }
    }

    /// An answer in JSON.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    /// No proper answer.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self::new(200, "{\"took\": 1}").but(fault)
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, spoilt.
    #[must_use]
    pub fn but(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// As it answers that request.
    pub(super) fn to(mut self, request: &Request) -> Self {
        if self.body.windows(HEADERS.len()).any(|part| part == HEADERS.as_bytes()) {
            let text = String::from_utf8_lossy(&self.body).replace(HEADERS, &request.all_headers());
            self.body = text.into_bytes();
        }
        self
    }
}
