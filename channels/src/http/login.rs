//! Who a request comes from: a user with a password, or whoever has a token.

use reqwest::RequestBuilder;

use super::check_secret_header;
use crate::notifier::Problem;
use crate::secret::Secret;

/// A login as tables have it: `username` and `password`, or a token, or none.
///
/// ```
/// use log_monitor_channels::Secret;
/// use log_monitor_channels::http::Login;
///
/// let (user, token) = ("lm".to_owned(), Secret::new("t0ken"));
/// let login = Login { username: Some(&user), password: None, token: ("bearer", None) };
/// assert_eq!(login.problem().unwrap().key, Some("username"));
/// let login = Login { username: None, password: None, token: ("bearer", Some(&token)) };
/// assert_eq!(login.problem(), None);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The key `username`.
    pub username: Option<&'a String>,
    /// The key `password`.
    pub password: Option<&'a Secret>,
    /// The key of the token, and the token.
    pub token: (&'static str, Option<&'a Secret>),
}

impl Login<'_> {
    /// What is wrong with it, at its key.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        let (key, token) = self.token;
        match (self.username, self.password, token) {
            (Some(_), None, _) => Some(Problem::at("username", "`username` without `password`")),
            (None, Some(_), _) => Some(Problem::at("password", "`password` without `username`")),
            (Some(_), Some(_), Some(_)) => {
                Some(Problem::at(key, "there is a `username`, too").help("keep one of the two"))
            }
            _ => check_secret_header(key, token),
        }
    }

    /// The request with it.
    pub fn on(&self, request: RequestBuilder) -> RequestBuilder {
        match (self.username, self.password, self.token.1) {
            (Some(user), Some(password), _) => request.basic_auth(user, Some(password.expose())),
            (_, _, Some(token)) => request.bearer_auth(token.expose()),
            _ => request,
        }
    }

    /// `text` without what is secret of it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let secrets = [self.password, self.token.1].into_iter().flatten();
        secrets.fold(text.to_owned(), |text, secret| secret.redact(&text))
    }
}
