//! The journal's file, and what it holds in memory where the disk fails.

use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::ffi::SQLITE_BUSY;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::journal::{JournalError, Missing, salvage, schema};

pub fn open_file(path: &Path) -> Result<Connection, JournalError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // A folder that cannot be made shows as the open error below, with its path.
        let _ = std::fs::create_dir_all(folder);
    }
    let connection = Connection::open(path)?;
    schema::prepare(&connection)?;
    // A file that can be read but not written must show now, not at the first incident.
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
    Ok(connection)
}

/// What can be read of the file, in memory, and what of it is missing there.
pub fn in_memory_from(path: &Path) -> Result<(Connection, Missing), JournalError> {
    let ways: [fn(&Path) -> rusqlite::Result<Connection>; 2] = [open_read_only, open_unchanging];
    for way in ways {
        if let Ok(read) = way(path).map_err(JournalError::from).and_then(|file| copy_to_memory(&file)) {
            return Ok(read);
        }
    }
    let empty = Connection::open_in_memory()?;
    schema::prepare(&empty)?;
    Ok((empty, Missing::All))
}

fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// As on a read-only disk, where SQLite cannot make the files that go with a WAL.
fn open_unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
}

pub fn copy_to_memory(from: &Connection) -> Result<(Connection, Missing), JournalError> {
    let mut memory = Connection::open_in_memory()?;
    copy(from, &mut memory)?;
    if salvage::is_sound(&memory)? {
        schema::prepare(&memory)?;
        return Ok((memory, Missing::Nothing));
    }
    let (memory, in_part) = salvage::salvaged(&memory)?;
    Ok((memory, if in_part.is_empty() { Missing::Nothing } else { Missing::PartOf(in_part) }))
}

pub fn restore(memory: &Connection, path: &Path) -> Result<Connection, JournalError> {
    let mut file = Connection::open(path)?;
    schema::keep_older(&file);
    copy(memory, &mut file)?;
    schema::prepare(&file)?;
    Ok(file)
}

/// A broken file is kept for whoever wants to rescue something of it.
pub fn set_aside_if_corrupt(path: &Path) {
    let corrupt = match open_read_only(path).and_then(|file| salvage::is_sound(&file)) {
        Ok(sound) => !sound,
        Err(error) => says_broken(&error),
    };
    if corrupt {
        set_aside(path, "corrupt");
    }
}

/// Whether an error says that what is in the file is no journal, or not a whole one.
pub fn says_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

pub fn set_aside(path: &Path, why: &str) {
    // A return that failed left an empty one, which must not take the place of what was kept.
    if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        return;
    }
    let aside = path.with_extension(why);
    match std::fs::rename(path, &aside) {
        Ok(()) => {
            for end in ["-wal", "-shm"] {
                let beside = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
                // There are none after a clean stop.
                let _ = std::fs::rename(beside(path), beside(&aside));
            }
            tracing::error!("the journal as it was is kept as {}", aside.display());
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::error!("the journal as it was cannot be set aside: {error}"),
    }
}

/// A file that somebody else holds is an error: waiting here would stop everything.
fn copy(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    let backup = Backup::new(from, to)?;
    loop {
        match backup.step(1024)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(SQLITE_BUSY), None)),
        }
    }
}
