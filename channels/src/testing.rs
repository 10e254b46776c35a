//! Doubles for tests and for `demo`: a scripted HTTP server, a mail server, a recording notifier.
//!
//! They are faithful where a real server is, and misbehave on demand where a real one does not.

pub mod http;
pub mod recorder;
pub mod smtp;

pub use http::{Fault, HttpServer, Reply, Request};
pub use recorder::Recorder;
pub use smtp::{Mail, SmtpReplies, SmtpServer};
