//! A real HTTP server on loopback whose answers a test writes, and which can misbehave.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

mod bodies;
mod exchange;

use bodies::{Body, body};

pub use exchange::{Fault, HEADERS, Reply, Request};

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
