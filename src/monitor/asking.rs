//! Asking a source again where that may help.

use std::time::Duration;

use crate::source::SourceError;

/// Pauses before asking again, when asking again may help.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Asks, and asks again where that may help.
///
/// # Errors
/// The last one.
pub async fn again<T, F>(ask: impl Fn() -> F) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let mut pauses = PAUSES.into_iter();
    loop {
        match ask().await {
            Err(error) if error.reason.may_pass() => match pauses.next() {
                Some(pause) => {
                    tracing::debug!("asking again in {pause:?}: {error}");
                    tokio::time::sleep(pause).await;
                }
                None => return Err(error),
            },
            answer => return answer,
        }
    }
}
