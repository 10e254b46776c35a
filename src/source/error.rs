//! Why a source does not answer.

/// Why nothing is known. The text is for people and free of secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SourceError {
    /// For programs and metrics.
    pub reason: SourceReason,
    /// What happened and what to check first.
    pub detail: String,
    /// Which of several sources failed, and how; empty where there is one.
    pub sources: Vec<(String, Self)>,
}

/// A closed set of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceReason {
    /// Cannot connect, or the connection broke.
    Network,
    /// No whole answer in time.
    Timeout,
    /// The certificate does not verify.
    Tls,
    /// User or password refused.
    Auth,
    /// The user may not read this.
    Rights,
    /// It answers, and what it shows is not believed to be all.
    Doubted,
    /// No index matches, or none that the user may see.
    NoIndex,
    /// The field cannot be aggregated, or the query is refused as such.
    Mapping,
    /// An answer that is not whole: failed shards, timed out inside, truncated lists.
    Incomplete,
    /// The server has trouble of its own: 429, 5xx.
    Overloaded,
    /// Not what the server documents: an HTML page, cut-off JSON, too large.
    Malformed,
}

impl SourceReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Network,
        Self::Timeout,
        Self::Tls,
        Self::Auth,
        Self::Rights,
        Self::Doubted,
        Self::NoIndex,
        Self::Mapping,
        Self::Incomplete,
        Self::Overloaded,
        Self::Malformed,
    ];

    /// The reason of a contract name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The contract name, such as `no_index`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Rights => "rights",
            Self::Doubted => "doubted",
            Self::NoIndex => "no_index",
            Self::Mapping => "mapping",
            Self::Incomplete => "incomplete",
            Self::Overloaded => "overloaded",
            Self::Malformed => "malformed",
        }
    }

    /// Whether asking again at once may help. A wrong password asked again only locks the user out.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Network | Self::Timeout | Self::Incomplete | Self::Overloaded)
    }
}

impl SourceError {
    /// An error for people and programs.
    pub fn new(reason: SourceReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), sources: Vec::new() }
    }

    /// What to say of these that failed, by name; `None` = none did.
    #[must_use]
    pub fn of(failed: Vec<(String, Self)>) -> Option<Self> {
        let lasting = failed.iter().find(|(_, error)| !error.reason.may_pass());
        let reason = lasting.or(failed.first())?.1.reason;
        let details: Vec<String> = failed.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        Some(Self { reason, detail: details.join("; "), sources: failed })
    }

    /// The sources that failed, and how: `usual` where there is one only.
    pub fn by<'e>(&'e self, usual: &'e str) -> impl Iterator<Item = (&'e str, &'e Self)> {
        let one = self.sources.is_empty().then_some((usual, self));
        one.into_iter().chain(self.sources.iter().map(|(name, error)| (name.as_str(), error)))
    }
}
