//! A real HTTP server on loopback whose answers a test writes, and which can misbehave.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

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
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    fault: Option<Fault>,
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
    fn to(mut self, request: &Request) -> Self {
        if self.body.windows(HEADERS.len()).any(|part| part == HEADERS.as_bytes()) {
            let text = String::from_utf8_lossy(&self.body).replace(HEADERS, &request.all_headers());
            self.body = text.into_bytes();
        }
        self
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// The server. Dropping it closes the port and every connection.
pub struct HttpServer {
    address: SocketAddr,
    record: Arc<Record>,
    task: AbortHandle,
}

/// What came in.
struct Record {
    count: AtomicUsize,
    /// `None` where only the number counts.
    requests: Option<Mutex<Vec<Request>>>,
}

impl HttpServer {
    /// Listens on a free loopback port and answers what `handler` says.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::serve("127.0.0.1:0", Arc::new(handler), Some(Mutex::default())).await
    }

    /// The same, but keeps only the number of requests: for very many of them.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn counting(
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::listen("127.0.0.1:0", handler).await
    }

    /// The same on `address`, to come back there after an outage.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn listen(
        address: &str,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::serve(address, Arc::new(handler), None).await
    }

    async fn serve(
        address: &str,
        handler: Arc<Handler>,
        requests: Option<Mutex<Vec<Request>>>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let record = Arc::new(Record { count: AtomicUsize::new(0), requests });
        let service = Service { handler, record: record.clone() };
        let task = tokio::spawn(accept(listener, service)).abort_handle();
        Ok(Self { address, record, task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS` followed by `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far.
    #[must_use]
    pub fn received(&self) -> Vec<Request> {
        let kept = self.record.requests.as_ref();
        kept.map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// Every request since the last call of this, which are forgotten.
    #[must_use]
    pub fn take_received(&self) -> Vec<Request> {
        let kept = self.record.requests.as_ref();
        kept.map(|kept| std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner)))
            .unwrap_or_default()
    }

    /// How many requests there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.record.count.load(Ordering::SeqCst)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Service {
    handler: Arc<Handler>,
    record: Arc<Record>,
}

impl Record {
    fn keep(&self, request: Request) {
        self.count.fetch_add(1, Ordering::SeqCst);
        if let Some(kept) = &self.requests {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        }
    }
}

async fn accept(listener: TcpListener, service: Service) {
    // Connections live in the set, so that aborting this task closes them too.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => { connections.spawn(serve(stream, service.clone())); }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, service: Service) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { service.answer(request).await }
    });
    // An error is the client's going away, or our own fault played out.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

type Body = BoxBody<Bytes, std::io::Error>;

impl Service {
    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<Body>, std::io::Error> {
        let request = read(request).await;
        let reply = (self.handler)(&request).to(&request);
        self.record.keep(request);
        match reply.fault {
            Some(Fault::Reset) => return Err(std::io::Error::other("reset on purpose")),
            Some(Fault::Hang) => std::future::pending().await,
            _ => {}
        }
        let mut response = hyper::Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(name, value);
        }
        if reply.fault == Some(Fault::Truncate) {
            response = response.header("content-length", reply.body.len());
        }
        response.body(body(reply)).map_err(std::io::Error::other)
    }
}

async fn read(request: hyper::Request<Incoming>) -> Request {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Request {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        body: body.to_vec(),
    }
}

fn body(reply: Reply) -> Body {
    let bytes = Bytes::from(reply.body);
    match reply.fault {
        None | Some(Fault::Reset | Fault::Hang) => {
            http_body_util::Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
        }
        Some(Fault::Truncate) => {
            let half = bytes.slice(..bytes.len() / 2);
            stream(vec![half], Duration::ZERO, true)
        }
        Some(Fault::Drip) => {
            let single = (0..bytes.len()).map(|at| bytes.slice(at..=at)).collect();
            stream(single, Duration::from_secs(1), false)
        }
        Some(Fault::Flood(size)) => {
            let copies = size / bytes.len().max(1);
            stream(vec![bytes; copies], Duration::ZERO, false)
        }
    }
}

/// A body of pieces with a pause before each, which may end in an error.
fn stream(pieces: Vec<Bytes>, pause: Duration, broken: bool) -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for piece in pieces {
            tokio::time::sleep(pause).await;
            if sender.send(Ok(Frame::data(piece))).await.is_err() {
                return;
            }
        }
        if broken {
            let _ = sender.send(Err(std::io::Error::other("truncated on purpose"))).await;
        }
    });
    StreamBody::new(Receiver(receiver)).boxed()
}

struct Receiver(tokio::sync::mpsc::Receiver<Result<Frame<Bytes>, std::io::Error>>);

impl futures_core::Stream for Receiver {
    type Item = Result<Frame<Bytes>, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
