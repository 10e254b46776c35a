//! What is asked of each entity, as pure JSON.

use serde_json::{Value, json};

/// A question about each entity.
#[derive(Debug, Clone, Copy)]
pub enum Question<'a> {
    /// When its newest document is from.
    Newest,
    /// How many documents it has.
    Count,
    /// Both, for each step of so many milliseconds, counted from 1970.
    Steps(i64),
    /// What its newest document says in these fields.
    Facts(&'a [&'a str]),
}

/// How many buckets a page holds at first; fewer when the server allows fewer.
pub const PAGE: usize = 10_000;

/// As many where the server has to open a document for each.
const PAGE_OF_DOCUMENTS: usize = 1000;

impl Question<'_> {
    /// The aggregations within an entity.
    #[must_use]
    pub fn aggregations(self, time: &str) -> Value {
        match self {
            Self::Newest | Self::Steps(_) => json!({ "last": { "max": { "field": time } } }),
            Self::Count => json!({}),
            Self::Facts(fields) => {
                let newest = json!({ "size": 1, "_source": fields, "sort": newest_first(time) });
                json!({ "newest": { "top_hits": newest } })
            }
        }
    }

    /// The parts of a bucket that are wanted.
    #[must_use]
    pub const fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Newest => &["key", "last.value"],
            Self::Count => &["key", "doc_count"],
            Self::Steps(_) => &["key", "doc_count", "last.value"],
            Self::Facts(_) => &["key", "newest.hits.hits._source"],
        }
    }

    /// Whether one list may hold all the answers.
    #[must_use]
    pub const fn fits_a_list(self) -> bool {
        matches!(self, Self::Newest | Self::Count)
    }

    /// How many buckets a page holds at first.
    #[must_use]
    pub const fn page(self) -> usize {
        match self {
            Self::Facts(_) => PAGE_OF_DOCUMENTS,
            _ => PAGE,
        }
    }
}

/// An index without the field has no document of that time; it is no reason to refuse the others.
pub fn newest_first(time: &str) -> Value {
    json!([{ time: { "order": "desc", "unmapped_type": "date" } }])
}
