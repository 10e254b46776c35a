//! What `silence` and `ack` ask of whoever sits before the screen.

use std::time::Duration;

use crate::config::duration;

/// The user who is logged in, also behind `sudo`.
#[must_use]
pub fn author() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned())
}

/// For how long.
///
/// # Errors
/// A sentence that shows how to write it.
pub fn span(text: &str) -> Result<Duration, String> {
    match duration::parse(text)? {
        Duration::ZERO => Err("it must be longer than zero".to_owned()),
        span => Ok(span),
    }
}
