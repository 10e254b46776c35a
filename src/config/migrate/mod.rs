//! What was configured before, as TOML: the original script's `.env` files (`env`) and the
//! `<integration>` blocks (`integrations`) and mails (`email`) of a Wazuh manager. Every value says where it came from,
//! no secret is copied, and what has no counterpart stays as a comment.

mod block;
mod email;
mod env;
mod integrations;
mod target;
mod xml;

use std::path::Path;

use log_monitor_channels::Registry;
use log_monitor_channels::text::one_line;

use super::diagnostics::Diagnostics;
use super::layers::Inputs;
use crate::source::SourceRegistry;

/// The beginning of what is printed.
const HEAD: &str = "\
# Made by `log-monitor migrate`: what is behind a value says where it came from. No secret was copied;
# each place says what to do about it. `log-monitor check-config` says whether it holds, and
# config/log-monitor.toml explains every key.

schema = 1
";

/// What a migration came to.
pub struct Migrated {
    /// The TOML; `None` when what was read is wrong.
    pub toml: Option<String>,
    /// What is wrong, for each part that was read.
    pub diagnostics: Vec<Diagnostics>,
}

/// Reads the original `.env` files where there are any, and the integrations and mails of
/// `ossec_conf` where it is named.
#[must_use]
pub fn migrate(
    inputs: &Inputs,
    ossec_conf: Option<&Path>,
    channels: &Registry,
    sources: &SourceRegistry,
) -> Migrated {
    let mut migrated = Migrated { toml: Some(HEAD.to_owned()), diagnostics: Vec::new() };
    let mut originals = Vec::new();
    if ossec_conf.is_none() || inputs.env_files().iter().any(|file| file.exists()) {
        let (part, names, diagnostics) = env::part(inputs, channels, sources);
        originals = names;
        migrated.add(part, diagnostics);
    }
    if let Some(file) = ossec_conf {
        let (part, diagnostics) = integrations::part(file, &originals);
        migrated.add(part, diagnostics);
    }
    migrated
}

impl Migrated {
    fn add(&mut self, part: Option<String>, diagnostics: Diagnostics) {
        self.toml = self.toml.take().zip(part).map(|(toml, part)| toml + &part);
        self.diagnostics.push(diagnostics);
    }
}

/// How a secret is named instead of copied: what a comment says, and the reference.
fn secret(came_from: &str, variable: &str) -> (String, String) {
    let about = format!(
        "# {}: put the secret into the variable {variable} of log-monitor's environment,\n\
         # or write {{ file = \"PATH\" }} or {{ credential = \"NAME\" }} (systemd) here.\n",
        one_line(came_from, 200)
    );
    (about, format!("{{ env = \"{variable}\" }}"))
}
