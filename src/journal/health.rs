//! Whether what is committed is on disk, and if not, what the journal in memory began without.

/// Whether what is committed is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It is.
    OnDisk,
    /// It is in memory only, because of this.
    InMemory(Failure),
}

/// Why the journal left its file, or never came to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The file and what SQLite says of it.
    pub reason: String,
    /// What is in the file is broken: neither more space nor more rights would help.
    pub broken: bool,
    /// What of the file is not in memory.
    pub missing: Missing,
}

/// What of its file a journal in memory does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Nothing: every row could be read.
    Nothing,
    /// What could not be read of these tables.
    PartOf(Vec<String>),
    /// All that there may be: nothing could be read.
    All,
}
