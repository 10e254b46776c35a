//! The places between a silence and its receipt at which `tests/crash/` has the program die, as by a power
//! cut. A release has none of them.

/// The places, in the order in which a message passes them.
pub const POINTS: [&str; 9] = [
    // A verdict is reached, and nothing of it is written.
    "judged",
    // State, incident, event and deliveries are written, and not committed.
    "planned",
    // They are committed, and nobody was told.
    "committed",
    // Deliveries are claimed, and that is not committed.
    "claiming",
    // The tries are committed, and none is made.
    "claimed",
    // A try is about to be made.
    "calling",
    // The channel has answered, and nobody knows.
    "answered",
    // The receipt is written, and not committed.
    "receiving",
    // The receipt is committed.
    "settled",
];

/// Dies here if `LOG_MONITOR_CRASH_AT` says so (`claimed`, or `claimed:2` for the second time).
#[inline]
pub fn point(name: &'static str) {
    debug_assert!(POINTS.contains(&name), "{name} is not among the places");
    #[cfg(debug_assertions)]
    order::obey(name);
}

#[cfg(debug_assertions)]
mod order {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static ORDER: LazyLock<Option<(String, AtomicUsize)>> = LazyLock::new(|| {
        let order = std::env::var("LOG_MONITOR_CRASH_AT").ok()?;
        let (name, count) = order.split_once(':').unwrap_or((&order, "1"));
        Some((name.to_owned(), AtomicUsize::new(count.parse().ok()?)))
    });

    pub(super) fn obey(name: &str) {
        // Nothing is unwound, flushed or closed.
        if let Some((_, left)) = ORDER.as_ref().filter(|(wanted, _)| wanted == name)
            && left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            std::process::abort();
        }
    }
}
