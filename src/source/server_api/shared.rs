//! What all sessions with one API have in common.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::budget::Budget;
use super::refusals::Refusals;

/// What somebody has, by the address of its API.
static ALL: Mutex<BTreeMap<String, Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// What sessions share that have to do with the same API.
#[derive(Debug, Default)]
pub struct Shared {
    /// How many requests they may send.
    pub budget: Budget,
    /// Which logins it has refused.
    pub refusals: Refusals,
}

impl Shared {
    /// What those share that have to do with the API at `address`: sources, and also a configuration and the
    /// one that a reload builds beside it.
    #[must_use]
    pub fn of(address: &str) -> Arc<Self> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, shared| shared.strong_count() > 0);
        if let Some(known) = all.get(address).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::new(Self::default());
        all.insert(address.to_owned(), Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_has_one_of_it_until_nobody_has_it_any_more() {
        let shared = Shared::of("shared.example:55000");
        assert!(Arc::ptr_eq(&shared, &Shared::of("shared.example:55000")));
        assert!(!Arc::ptr_eq(&shared, &Shared::of("other.example:55000")));
        let known = Arc::downgrade(&shared);
        drop(shared);
        let new = Shared::of("shared.example:55000");
        assert!(known.upgrade().is_none(), "{new:?}");
    }
}
