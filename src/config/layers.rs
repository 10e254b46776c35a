//! Reading and merging what a configuration is made of. Later wins: defaults (they are in the code)
//! < `.env` files < TOML < variables of the process < flags.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{At, Findings};
use super::source_map::{Form, Place, SourceMap, TextId};
use super::{agents, original, secrets, tree};

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "config/log-monitor.toml";

/// What variables of the process begin with.
pub const PREFIX: &str = "LOG_MONITOR__";

/// More than this many bytes are no configuration.
const MAX_BYTES: u64 = 1 << 20;

/// More keys than this in one path are nobody's.
const MAX_DEPTH: usize = 8;

/// Where a configuration is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The file of `--config`, which must be there; `None` = [`DEFAULT_FILE`] if it is there.
    pub config: Option<PathBuf>,
    /// The directory with the original `.env` files, each of which may be missing.
    pub env_dir: PathBuf,
    /// Variables of the process.
    pub variables: Vec<(OsString, OsString)>,
    /// Flags that set a value.
    pub flags: Vec<Flag>,
    /// The name of this installation if nothing else names it.
    pub host: String,
}

/// A flag that sets a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// As it is written, such as `--state`.
    pub name: String,
    /// The dotted path that it sets, such as `journal.path`.
    pub path: String,
    /// The value as text.
    pub value: String,
}

impl Inputs {
    /// What this process was started with.
    #[must_use]
    pub fn of_process(config: Option<PathBuf>, env_dir: PathBuf, flags: Vec<Flag>) -> Self {
        let host = hostname::get().unwrap_or_default().to_string_lossy().into_owned();
        let host = if host.is_empty() { "log-monitor".to_owned() } else { host };
        Self { config, env_dir, variables: std::env::vars_os().collect(), flags, host }
    }

    /// The configuration file by its name.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE))
    }

    /// The original `.env` files, each of which may be missing.
    #[must_use]
    pub fn env_files(&self) -> [PathBuf; 3] {
        original::FILES.map(|file| self.env_dir.join(file))
    }
}

/// Every text of a configuration.
pub struct Texts {
    toml: Option<TextId>,
    env_files: Vec<TextId>,
    /// Texts of variables and flags with the dotted path they set.
    overrides: Vec<(Vec<String>, TextId)>,
}

/// Reads every text.
pub fn read(inputs: &Inputs, map: &mut SourceMap, findings: &mut Findings) -> Texts {
    let required = inputs.config.is_some();
    let toml = read_file(inputs.file(), Form::Toml, required, map, findings);
    let env_files = read_env_files(inputs, map, findings);
    let mut overrides = Vec::new();
    let mut variables: Vec<_> = inputs.variables.iter().collect();
    variables.sort();
    for (name, value) in variables {
        overrides.extend(variable(name, value, map, findings));
    }
    for flag in &inputs.flags {
        let id = map.add(flag.name.clone(), Form::Named, flag.value.clone());
        overrides.push((flag.path.split('.').map(str::to_owned).collect(), id));
    }
    Texts { toml, env_files, overrides }
}

/// Reads what the original script read, and nothing else.
pub fn read_original(inputs: &Inputs, map: &mut SourceMap, findings: &mut Findings) -> Texts {
    Texts { toml: None, env_files: read_env_files(inputs, map, findings), overrides: Vec::new() }
}

/// Reads the `.env` files that are there.
pub fn read_env_files(inputs: &Inputs, map: &mut SourceMap, findings: &mut Findings) -> Vec<TextId> {
    let files = inputs.env_files();
    files.iter().filter_map(|file| read_file(file, Form::Lines, false, map, findings)).collect()
}

/// Reads a text; a file that is not there is an error where it is `required`.
pub fn read_file(
    path: &Path,
    form: Form,
    required: bool,
    map: &mut SourceMap,
    findings: &mut Findings,
) -> Option<TextId> {
    let name = path.display().to_string();
    match read_text(path) {
        Ok(text) => Some(map.add(name, form, text.strip_prefix('\u{feff}').unwrap_or(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => None,
        Err(error) => {
            findings.error(At::Line(name.clone(), None), format!("cannot read {name}: {error}"));
            None
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| io::Error::other(agents::not_utf8(error.as_bytes())))
}

/// `LOG_MONITOR__LOG__LEVEL=debug` sets `log.level`.
fn variable(
    name: &OsString,
    value: &OsString,
    map: &mut SourceMap,
    findings: &mut Findings,
) -> Option<(Vec<String>, TextId)> {
    let name = name.to_str()?;
    let path: Vec<String> = name.strip_prefix(PREFIX)?.split("__").map(str::to_lowercase).collect();
    let at = At::Line(name.to_owned(), None);
    let Some(value) = value.to_str() else {
        findings.error(at, "the value of this variable is not UTF-8");
        return None;
    };
    if path.len() > MAX_DEPTH || path.iter().any(String::is_empty) {
        findings.error(at, "this variable names no key").help("write LOG_MONITOR__SECTION__KEY");
        return None;
    }
    Some((path, map.add(name, Form::Named, value)))
}

/// All layers as one tree.
pub struct Merged<'m> {
    /// The tree.
    pub tree: DeTable<'m>,
    /// The TOML could not be parsed, so what the tree has of it is a guess.
    pub broken: bool,
    /// Dotted paths of required keys that are told to be missing.
    pub missing: Vec<String>,
}

/// Parses every text and lays one on the other.
pub fn merge<'m>(
    texts: &Texts,
    map: &'m SourceMap,
    names: &original::Names,
    findings: &mut Findings,
) -> Merged<'m> {
    let before = findings.errors();
    let toml = texts.toml.map(|id| parse(id, map, findings)).unwrap_or_default();
    let broken = findings.errors() > before;
    let (mut tree, told) = original::layer(map, &texts.env_files, &toml, names, findings);
    tree::merge(&mut tree, toml);
    for (path, id) in &texts.overrides {
        let value = DeValue::String(Cow::Borrowed(map.text(*id)));
        let path = existing_case(&tree, path);
        let named = named_place(map, *id);
        tree::put(&mut tree, &path, &named, Spanned::new(map.content(*id), value));
    }
    let mut missing = if broken { Vec::new() } else { original::missing(map, &tree, names, findings) };
    missing.extend(told);
    Merged { tree, broken, missing }
}

/// Where the name of a variable or flag stands: nowhere but in its name.
fn named_place(map: &SourceMap, id: TextId) -> Place {
    map.base(id)..map.base(id)
}

fn parse<'m>(id: TextId, map: &'m SourceMap, findings: &mut Findings) -> DeTable<'m> {
    let (text, base) = (map.text(id), map.base(id));
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        secrets::hide_broken(findings, text, base, span.start);
        findings.error(At::Place(base + span.start..base + span.end), error.message());
    }
    tree::moved_table(table.into_inner(), base)
}

/// Variables are written in capitals; names in the configuration may be, too.
fn existing_case(tree: &DeTable<'_>, path: &[String]) -> Vec<String> {
    let mut table = Some(tree);
    let mut out = Vec::with_capacity(path.len());
    for part in path {
        let known = table.and_then(|table| {
            table
                .get_key_value(part.as_str())
                .or_else(|| table.iter().find(|(key, _)| key.get_ref().to_lowercase() == *part))
        });
        table = known.and_then(|(_, value)| value.get_ref().as_table());
        out.push(known.map_or_else(|| part.clone(), |(key, _)| key.get_ref().to_string()));
    }
    out
}
