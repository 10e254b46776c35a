//! Doubles for tests and for `demo`: a scripted HTTP server, a mail server, a recording notifier.
//!
//! They are faithful where a real server is, and misbehave on demand where a real one does not.
//!
//! ```
//! use log_monitor_channels::slack::Slack;
//! use log_monitor_channels::testing::{HttpServer, Reply};
//! use log_monitor_channels::{DeliveryError, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let busy = HttpServer::start(|_| Reply::new(429, "slow down").header("retry-after", "30")).await.unwrap();
//! let slack = conformance::build::<Slack>(&format!("webhook_url = \"{}\"", busy.url("/services/T/B/key")));
//! let error = slack.notify(&conformance::sample()).await.unwrap_err();
//! assert!(matches!(error, DeliveryError::Transient { retry_after: Some(wait), .. } if wait.as_secs() == 30));
//! assert_eq!(busy.received()[0].json()["text"], "Silent: 007 db-03, no logs for 16 min");
//! # }
//! ```

pub mod http;
pub mod recorder;
pub mod smtp;

pub use http::{Fault, HEADERS, HttpServer, Reply, Request};
pub use recorder::Recorder;
pub use smtp::{Mail, SmtpReplies, SmtpServer};
