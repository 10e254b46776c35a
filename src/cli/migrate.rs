//! `migrate`: prints what was configured before as TOML, or writes it to a file that is not there yet.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::{Session, table};
use crate::config::migrate::{Migrated, migrate};

/// Flags of `migrate`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Args {
    /// Import the integrations and mails of a Wazuh manager's ossec.conf, too
    #[arg(long, value_name = "FILE")]
    ossec_conf: Option<PathBuf>,
    /// Write to this file, which must not be there yet [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Prints or writes it, problems on standard error.
pub fn run(session: &Session<'_>, args: &Args) -> Exit {
    let (inputs, app) = (session.inputs(), session.app);
    let Migrated { toml, diagnostics } =
        migrate(&inputs, args.ossec_conf.as_deref(), app.channels(), app.sources());
    for part in diagnostics {
        eprint!("{}", part.render(session.color_on_stderr()));
    }
    let Some(toml) = toml else { return Exit::Config };
    let Some(path) = &args.output else {
        table::say(toml.trim_end());
        return Exit::Ok;
    };
    match write_new(path, &toml) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("error: cannot write {}: {error}", path.display());
            Exit::Failed
        }
    }
}

/// Whatever is there already is somebody's work.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
