//! Asking about many entities: one list, or pages where a list would be too large.

use reqwest::Method;
use serde_json::Value;

use super::answer::{self, Page};
use super::bucket::{Bucket, Hit};
use super::client::Server;
use super::failure::{self, Failure, Subject};
use super::query::{self, Fields, MAX_AT_ONCE};
use super::question::Question;
use crate::source::wire::Reply;
use crate::source::{Entities, Query, SourceError, SourceReason};

/// How many entities are read at most. Beyond that `entity_field` is no entity.
const MAX_ENTITIES: usize = 1_000_000;

/// A failed shard must be an error, and so must a missing index: neither may pass for silence.
const STRICT: [(&str, &str); 2] =
    [("allow_partial_search_results", "false"), ("ignore_unavailable", "false")];

/// Documents on a server, and how they are asked for.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// Where they are.
    pub server: &'a Server,
    /// Their index, for the way there and for texts.
    pub subject: &'a Subject,
    /// What of them counts.
    pub fields: &'a Fields,
}

impl Search<'_> {
    /// What `pick` wants of the answer about each entity, in the order of their keys.
    ///
    /// # Errors
    /// Whenever the answer is not known to be complete.
    pub async fn ask<T>(
        &self,
        question: Question<'_>,
        query: &Query<'_>,
        pick: impl Fn(&Bucket<'_>) -> Option<T> + Sync,
    ) -> Result<Vec<T>, SourceError> {
        let expected = match query.entities {
            Entities::Only(keys) => keys.len(),
            Entities::All(expected) => expected,
        };
        let fits = question.fits_a_list() && expected <= MAX_AT_ONCE;
        if fits && let Some(list) = self.list(question, query, &pick).await? {
            return Ok(list);
        }
        self.pages(question, query, &pick).await
    }

    /// Everything in one list; `None` when it has no room for all of them.
    async fn list<T>(
        &self,
        question: Question<'_>,
        query: &Query<'_>,
        pick: impl Fn(&Bucket<'_>) -> Option<T>,
    ) -> Result<Option<Vec<T>>, SourceError> {
        let Some(body) = self.fields.list(question, query) else { return Ok(None) };
        match self.page(question, &body, pick).await {
            Ok(page) if page.left_out == 0 => Ok(Some(page.found)),
            Ok(_) | Err(Failure::TooManyBuckets { .. }) => Ok(None),
            Err(Failure::Final(error)) => Err(error),
        }
    }

    /// Page after page, each asking for what comes behind the one before.
    async fn pages<T>(
        &self,
        question: Question<'_>,
        query: &Query<'_>,
        pick: impl Fn(&Bucket<'_>) -> Option<T>,
    ) -> Result<Vec<T>, SourceError> {
        let (mut found, mut listed) = (Vec::new(), 0);
        let (mut size, mut after) = (question.page(), None);
        while listed <= MAX_ENTITIES {
            let body = self.fields.page(question, query, size, after.as_ref());
            match self.page(question, &body, &pick).await {
                Ok(page) => {
                    found.extend(page.found);
                    listed += page.listed;
                    if page.after.is_none() || page.listed < size {
                        return Ok(found);
                    }
                    if page.after == after {
                        return Err(self.error(SourceReason::Malformed, "repeats the same page for ever"));
                    }
                    after = page.after;
                }
                Err(Failure::TooManyBuckets { limit }) => size = self.smaller(size, limit)?,
                Err(Failure::Final(error)) => return Err(error),
            }
        }
        let fields = self.fields.entity.join("`, `");
        let detail = format!("has more than {MAX_ENTITIES} values of `{fields}`: check `entity_field`");
        Err(self.error(SourceReason::Incomplete, detail))
    }

    fn smaller(&self, size: usize, limit: Option<usize>) -> Result<usize, SourceError> {
        match limit.unwrap_or(size / 2).min(size / 2) {
            0 => {
                Err(self
                    .error(SourceReason::Overloaded, "allows no buckets at all: see `search.max_buckets`"))
            }
            size => Ok(size),
        }
    }

    async fn page<T>(
        &self,
        question: Question<'_>,
        body: &Value,
        pick: impl Fn(&Bucket<'_>) -> Option<T>,
    ) -> Result<Page<T>, Failure> {
        let reply = self.send(&query::filter_path(question), body).await?;
        answer::read(&reply.body, pick).map_err(|error| Failure::Final(self.server.told(&error)))
    }

    /// The documents that `body` asks for.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn documents(&self, body: &Value) -> Result<Vec<Hit>, SourceError> {
        let reply = self.send(&query::filter_path_of_documents(), body).await;
        let reply = reply.map_err(|failure| self.final_error(failure))?;
        answer::documents(&reply.body).map_err(|error| self.server.told(&error))
    }

    /// Sends a search; an answer with another status than 200 is a failure.
    async fn send(&self, filter_path: &str, body: &Value) -> Result<Reply, Failure> {
        let [partial, unavailable] = STRICT;
        let parameters = [partial, unavailable, ("filter_path", filter_path)];
        let url = self.server.url(&self.subject.index, "_search", &parameters);
        let reply = self.server.send(Method::POST, url, Some(body)).await.map_err(Failure::Final)?;
        if reply.status == 200 { Ok(reply) } else { Err(self.refused(&reply)) }
    }

    /// What a reply with another status than 200 means.
    #[must_use]
    pub fn refused(&self, reply: &Reply) -> Failure {
        match failure::meaning(reply.status, &reply.body, self.subject) {
            Failure::Final(error) => Failure::Final(self.server.told(&error)),
            too_many @ Failure::TooManyBuckets { .. } => too_many,
        }
    }

    /// A failure of a question without buckets.
    #[must_use]
    pub fn final_error(&self, failure: Failure) -> SourceError {
        match failure {
            Failure::Final(error) => error,
            Failure::TooManyBuckets { .. } => {
                self.error(SourceReason::Malformed, "counts buckets where there are none")
            }
        }
    }

    /// An error with the server in front and without secrets.
    #[must_use]
    pub fn error(&self, reason: SourceReason, detail: impl Into<String>) -> SourceError {
        self.server.told(&SourceError::new(reason, detail))
    }
}
