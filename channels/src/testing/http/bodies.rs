//! The bodies of answers, spoilt ones among them.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::{Bytes, Frame};

use super::exchange::{Fault, Reply};

/// What hyper sends.
pub type Body = BoxBody<Bytes, std::io::Error>;

/// The body of a reply.
pub fn body(reply: Reply) -> Body {
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
