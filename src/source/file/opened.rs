//! An open log and which one it is.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::source::{SourceError, SourceReason};

/// How much of the beginning tells logs apart: enough for the time and the id of the first document.
const HEAD: u64 = 1024;

/// The beginning of a log. A renamed, copied, linked or compressed log keeps it.
pub type Head = Vec<u8>;

/// An open log.
#[derive(Debug)]
pub struct Opened {
    file: File,
    /// Device and inode; both 0 where there are none.
    id: (u64, u64),
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

    /// Whether `now` is this log, grown or as it was, of which `read` bytes were read.
    #[must_use]
    pub fn goes_on_in(&self, now: &Self, read: u64) -> bool {
        self.id == now.id && now.len >= read && now.head.starts_with(&self.head)
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

#[cfg(unix)]
fn id_of(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn id_of(_: &Metadata) -> (u64, u64) {
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
