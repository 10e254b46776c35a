//! What of an answer is wanted: who was asked about, and no time beyond the window.

use std::collections::HashSet;

use compact_str::CompactString;

use super::bucket::Bucket;
use crate::source::{Entities, Heard, Observation, Query, Volume, key};

/// Which part of an answer is wanted.
pub struct Wanted<'a> {
    keys: Option<HashSet<&'a str>>,
    to: i64,
}

impl<'a> Wanted<'a> {
    /// What `query` asks for.
    #[must_use]
    pub fn by(query: &Query<'a>) -> Self {
        let keys = match query.entities {
            Entities::All(_) => None,
            Entities::Only(keys) => Some(keys.iter().copied().collect()),
        };
        Self { keys, to: query.to.timestamp_millis() }
    }

    /// The entity of a bucket, if it is wanted.
    #[must_use]
    pub fn entity(&self, bucket: &Bucket<'_>) -> Option<CompactString> {
        let key = bucket.key.entity.as_deref()?;
        let wanted = key.len() <= key::LONGEST && self.keys.as_ref().is_none_or(|keys| keys.contains(key));
        wanted.then(|| CompactString::from(key))
    }

    /// A document with several times may have one beyond the window.
    fn newest(&self, bucket: &Bucket<'_>) -> Option<i64> {
        let newest = bucket.last.as_ref().and_then(|last| last.value)?;
        Some((newest as i64).min(self.to))
    }

    /// When it last logged.
    #[must_use]
    pub fn observation(&self, bucket: &Bucket<'_>) -> Option<Observation> {
        let last_seen = self.newest(bucket)?;
        Some(Observation { key: self.entity(bucket)?, last_seen })
    }

    /// How much it logged.
    #[must_use]
    pub fn volume(&self, bucket: &Bucket<'_>) -> Option<Volume> {
        Some(Volume { key: self.entity(bucket)?, count: bucket.doc_count })
    }

    /// When and how much it logged within a step.
    #[must_use]
    pub fn heard(&self, bucket: &Bucket<'_>) -> Option<Heard> {
        let newest = self.newest(bucket)?;
        Some(Heard { key: self.entity(bucket)?, newest, count: bucket.doc_count })
    }
}
