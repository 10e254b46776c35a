//! An open log and which one it is.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use memchr::memrchr;

use crate::source::{SourceError, SourceReason};

/// How much of the beginning tells logs apart: enough for the time and the id of the first document.
const HEAD: u64 = 1024;

/// The beginning of a log. A renamed, copied, linked or compressed log keeps it.
pub type Head = Vec<u8>;

/// Device and inode; both 0 where there are none.
pub type Id = (u64, u64);

/// An open log.
#[derive(Debug)]
pub struct Opened {
    file: File,
    /// See [`id_at`].
    pub id: Id,
    /// How many bytes it had when it was looked at.
    pub len: u64,
    /// Its beginning, as it was then.
    pub head: Head,
}

impl Opened {
    /// Opens the log at `path`.
    ///
    /// # Errors
    /// As the system says. Nothing but a file is opened: a named pipe would wait for its writer.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let head = head_of(&mut file)?;
        Ok(Self { id: id_of(&metadata), len: metadata.len(), head, file })
    }

    /// Looks at the file again.
    ///
    /// # Errors
    /// Of reading.
    pub fn look_again(&mut self) -> io::Result<Self> {
        let mut file = self.file.try_clone()?;
        let head = head_of(&mut file)?;
        Ok(Self { id: self.id, len: file.metadata()?.len(), head, file })
    }

    /// Whether `now` is this log, grown or as it was, of which `read` bytes were read. As long as it is
    /// not known it may be another one in its place.
    #[must_use]
    pub fn goes_on_in(&self, now: &Self, read: u64) -> bool {
        self.id == now.id && now.len >= read && (!self.is_known() || is_same(&self.head, &now.head))
    }

    /// Whether there is a line by which it is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !whole(&self.head).is_empty()
    }

    /// Whether it is the file with that id.
    #[must_use]
    pub fn is_at(&self, id: Id) -> bool {
        self.id == id && id != (0, 0)
    }

    /// Reads from there on.
    ///
    /// # Errors
    /// Of seeking.
    pub fn from(&mut self, offset: u64) -> io::Result<&mut File> {
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(&mut self.file)
    }
}

/// The beginning of a log that may be compressed.
///
/// # Errors
/// Of reading.
pub fn head_at(path: &Path) -> io::Result<Head> {
    let mut head = Vec::new();
    reader(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether two beginnings are of the same log, however much it had grown: they have the first line in
/// common, or there is no whole line and nothing was added.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let common = whole(one).len().min(whole(other).len());
    match common {
        0 => one == other,
        _ => one[..common] == other[..common],
    }
}

/// The whole lines of a beginning; all of it if they go on, or lack no more than a newline.
fn whole(head: &[u8]) -> &[u8] {
    let newline = memrchr(b'\n', head).map_or(0, |newline| newline + 1);
    if head.len() as u64 == HEAD || head.ends_with(b"}") { head } else { &head[..newline] }
}

/// Reads a log that may be compressed.
///
/// # Errors
/// Of opening.
pub fn reader(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    match is_compressed(path) {
        true => Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file)))),
        false => Ok(Box::new(file)),
    }
}

/// How many bytes a log of `len` bytes on disk unpacks to, at least. A packed one says it at its end, of
/// its last part and modulo 4 GiB (RFC 1952 §2.3.1).
#[must_use]
pub fn unpacked_len(path: &Path, len: u64) -> u64 {
    let said = || {
        let (mut file, mut bytes) = (File::open(path).ok()?, [0; 4]);
        file.seek(SeekFrom::End(-4)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(u64::from(u32::from_le_bytes(bytes)))
    };
    let said = if is_compressed(path) { said() } else { None };
    said.unwrap_or_default().max(len)
}

/// Whether its name ends with `.gz`.
#[must_use]
pub fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

fn head_of(file: &mut File) -> io::Result<Head> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// The id of the file at `path`.
///
/// # Errors
/// As the system says.
pub fn id_at(path: &Path) -> io::Result<Id> {
    std::fs::metadata(path).map(|metadata| id_of(&metadata))
}

#[cfg(unix)]
fn id_of(metadata: &Metadata) -> Id {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn id_of(_: &Metadata) -> Id {
    (0, 0)
}

/// What to tell people of a log that cannot be read.
#[must_use]
pub fn told(path: &Path, error: &io::Error) -> SourceError {
    let path = path.display();
    let (reason, detail) = match error.kind() {
        io::ErrorKind::NotFound => (
            SourceReason::NoIndex,
            format!(
                "{path} is not there. Check `path`, and that the manager writes it (ossec.conf: \
                 `jsonout_output` for alerts.json, `logall_json` for archives.json)"
            ),
        ),
        io::ErrorKind::PermissionDenied => (
            SourceReason::Rights,
            format!(
                "{path} may not be read. Wazuh's logs are for its group: make the user of log-monitor a \
                 member of `wazuh` (`ossec` before Wazuh 4.3)"
            ),
        ),
        _ => (SourceReason::Incomplete, format!("{path} cannot be read: {error}")),
    };
    SourceError::new(reason, detail)
}

/// An error with the path it is about.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> SourceError {
    let path = PathBuf::from(path);
    move |error| told(&path, &error)
}
