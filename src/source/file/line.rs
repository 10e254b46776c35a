//! What a line of the file says: who logged when, and by which rule.
//!
//! The scanner (`scan.rs`) reads nearly all lines; the rest are read in full. Where both can read a
//! line they agree, which a test proves on random ones.

use std::borrow::Cow;

use memchr::memchr;
use memchr::memmem::Finder;
use serde_json::Value;

use super::scan::{Found, Scanner};
use super::stamp::Stamps;
use crate::source::key;
use crate::source::manager::{LOCATIONS, OWN_GROUP, RULES};

/// Where everything but the entity is, in this order.
const PATHS: [&str; 5] = ["timestamp", "agent.name", "cluster.node", "rule", "location"];

/// The longest name that is taken, in bytes.
const LONGEST: usize = 256;

/// A document with its entity. All texts are hostile input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    /// Milliseconds since 1970, UTC, by the clock of the Wazuh manager.
    pub at: i64,
    /// The entity's key.
    pub key: Cow<'a, str>,
    /// The agent's name.
    pub name: Option<Cow<'a, str>>,
    /// The manager's name in its cluster.
    pub node: Option<Cow<'a, str>>,
    /// The rule as JSON; archives have lines without.
    pub rule: Option<Cow<'a, [u8]>>,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// A life sign.
    Document(Document<'a>),
    /// What the manager says about an agent: no life sign of it.
    OfManager(Document<'a>),
    /// What log-monitor says about one, or the manager about nobody.
    NoSign,
    /// It has no entity.
    Nobody,
    /// No JSON object with a time.
    Junk,
}

/// Reads lines.
#[derive(Debug, Clone)]
pub struct Reader {
    scanner: Scanner,
    entity: Vec<String>,
    count_manager_documents: bool,
    of_rule: Scanner,
    own_group: Finder<'static>,
    manager_rule: Finder<'static>,
    stamps: Stamps,
}

impl Reader {
    /// Entities are told apart by the fields `entity`, dotted paths.
    #[must_use]
    pub fn new(entity: &[String], count_manager_documents: bool) -> Self {
        let paths: Vec<&str> = PATHS.into_iter().chain(entity.iter().map(String::as_str)).collect();
        Self {
            scanner: Scanner::new(&paths),
            entity: entity.to_vec(),
            count_manager_documents,
            of_rule: Scanner::new(&["id", "groups"]),
            own_group: Finder::new(OWN_GROUP),
            manager_rule: Finder::new("\"50"),
            stamps: Stamps::default(),
        }
    }

    /// What a line, without its newline, says.
    pub fn read<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let scanned = self.scanner.scan(line).and_then(|found| self.quickly(&found));
        scanned.unwrap_or_else(|| self.in_full(line))
    }

    /// `None`: the full parser has to decide.
    fn quickly<'a>(&mut self, found: &Found<'a>) -> Option<Line<'a>> {
        let [timestamp, name, node, rule, location, ..] = *found;
        let at = self.stamps.read(unquoted(timestamp?)?)?;
        let rule = rule.filter(|raw| raw.starts_with(b"{"));
        let author = self.author(rule, location)?;
        let entity = &found[PATHS.len()..PATHS.len() + self.entity.len()];
        let key = key_of(entity, |value| text(*value))?;
        Some(document(author, at, key, text(name)?, text(node)?, rule.map(Cow::Borrowed)))
    }

    /// Nearly always, nothing in the rule looks like another than an agent and no escape can hide it.
    fn author(&self, rule: Option<&[u8]>, location: Option<&[u8]>) -> Option<Author> {
        if self.count_manager_documents {
            return Some(Author::Agent);
        }
        let location = text(location)?;
        let may_be = |rule: &&[u8]| {
            let named = self.manager_rule.find(rule).is_some() || self.own_group.find(rule).is_some();
            named || memchr(b'\\', rule).is_some()
        };
        let Some(rule) = rule.filter(may_be) else { return Some(Author::of(location, None, None)) };
        let [id, groups, ..] = self.of_rule.scan(rule)?;
        let groups = groups.map(serde_json::from_slice::<Value>).transpose().ok()?;
        Some(Author::of(location, text(id)?, groups.as_ref()))
    }

    /// By the full parser, whatever the scanner thinks.
    pub fn in_full<'a>(&mut self, line: &[u8]) -> Line<'a> {
        let Ok(document @ Value::Object(_)) = serde_json::from_slice::<Value>(line) else {
            return Line::Junk;
        };
        let text = |path: &str| Some(Cow::<str>::Owned(value_at(&document, path)?.as_str()?.to_owned()));
        let Some(at) = text("timestamp").and_then(|time| self.stamps.read(time.as_bytes())) else {
            return Line::Junk;
        };
        let raw = |path: &str| Some(Cow::Owned(serde_json::to_vec(value_at(&document, path)?).ok()?));
        let author = match self.count_manager_documents {
            true => Author::Agent,
            false => Author::of(text("location"), text("rule.id"), value_at(&document, "rule.groups")),
        };
        let rule = raw("rule").filter(|raw: &Cow<'_, [u8]>| raw.starts_with(b"{"));
        let key = key_of(&self.entity, |path| Some(text(path))).flatten();
        self::document(author, at, key, text("agent.name"), text("cluster.node"), rule)
    }
}

/// Who wrote a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    Agent,
    Manager,
    Ours,
}

impl Author {
    /// As documents are left out of a question to an indexer.
    fn of(location: Option<Cow<'_, str>>, rule: Option<Cow<'_, str>>, groups: Option<&Value>) -> Self {
        let is_own = |value: &Value| value.as_str() == Some(OWN_GROUP);
        let is_among = |groups: &Value| groups.as_array().is_some_and(|groups| groups.iter().any(is_own));
        let is_one = |of: &[&str], text: Option<Cow<'_, str>>| text.is_some_and(|text| of.contains(&&*text));
        if groups.is_some_and(|groups| is_own(groups) || is_among(groups)) {
            Self::Ours
        } else if is_one(&RULES, rule) || is_one(&LOCATIONS, location) {
            Self::Manager
        } else {
            Self::Agent
        }
    }
}

/// The key of an entity by what each of its fields is; `None` where one of them is not known.
fn key_of<'a, T>(
    fields: &[T],
    value: impl Fn(&T) -> Option<Option<Cow<'a, str>>>,
) -> Option<Option<Cow<'a, str>>> {
    if let [one] = fields {
        return value(one);
    }
    let values: Option<Vec<_>> = fields.iter().map(value).collect::<Option<Vec<_>>>()?.into_iter().collect();
    Some(values.map(|values| Cow::Owned(key::join(&values))))
}

fn document<'a>(
    author: Author,
    at: i64,
    key: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    node: Option<Cow<'a, str>>,
    rule: Option<Cow<'a, [u8]>>,
) -> Line<'a> {
    let fits = |text: &Cow<'_, str>| text.len() <= LONGEST;
    let document = |key| Document { at, key, name: name.filter(fits), node: node.filter(fits), rule };
    match (author, key.filter(|key| key.len() <= key::LONGEST)) {
        (Author::Agent, Some(key)) => Line::Document(document(key)),
        (Author::Agent, None) => Line::Nobody,
        (Author::Manager, Some(key)) => Line::OfManager(document(key)),
        (Author::Manager, None) | (Author::Ours, _) => Line::NoSign,
    }
}

/// The value at a dotted path. No path leads into an array.
fn value_at<'v>(document: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(document, |value, key| value.as_object()?.get(key))
}

fn unquoted(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// A text; `Some(None)` for what is absent or no text, `None` for what no JSON text may hold.
fn text(raw: Option<&[u8]>) -> Option<Option<Cow<'_, str>>> {
    let Some(inside) = raw.and_then(unquoted) else { return Some(None) };
    match inside.iter().any(|byte| *byte == b'\\' || *byte < b' ') {
        true => serde_json::from_slice(raw?).ok().map(|text: String| Some(Cow::Owned(text))),
        false => std::str::from_utf8(inside).ok().map(|text| Some(Cow::Borrowed(text))),
    }
}
