//! The configuration as its users meet it: whole directories in, settings or diagnostics out.

mod domains;
mod kinds;
mod layering;
mod links;
mod migrate;
mod original;
mod printing;
mod properties;
mod readme;
mod reference;
mod refusals;
mod secrecy;
mod sources;
mod templates;

use std::ffi::OsString;

use log_monitor_channels::Registry;
use tempfile::TempDir;

use super::{Flag, Inputs, Loaded, load};
use crate::source::SourceRegistry;

/// A directory with a configuration. Paths in messages are as if it were the working directory.
struct Place {
    dir: TempDir,
    variables: Vec<(OsString, OsString)>,
    flags: Vec<Flag>,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: TempDir::new().unwrap(), variables: Vec::new(), flags: Vec::new() };
        place.with("agents.csv", "001,web-01\n002,db-01\n").with("ca.pem", "-----BEGIN CERTIFICATE-----")
    }

    /// `@/` in a file stands for the directory.
    fn with(self, file: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let root = format!("{}/", self.dir.path().display());
        let text = match std::str::from_utf8(text.as_ref()) {
            Ok(text) => text.replace("@/", &root).into_bytes(),
            Err(_) => text.as_ref().to_vec(),
        };
        std::fs::write(path, text).unwrap();
        self
    }

    fn toml(self, text: &str) -> Self {
        self.with("m.toml", text)
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// A certificate that can be an authority.
    fn with_authority(self, file: &str) -> Self {
        let authority = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
        self.with(file, authority.cert.pem())
    }

    /// A certificate of ours, with its key.
    fn with_identity(self, certificate: &str, key: &str) -> Self {
        let own = rcgen::generate_simple_self_signed(["log-monitor".to_owned()]).unwrap();
        self.with(certificate, own.cert.pem()).with(key, own.signing_key.serialize_pem())
    }

    fn load(&self) -> Loaded {
        self.load_with(&kinds::channels(), &kinds::sources())
    }

    fn load_with(&self, channels: &Registry, sources: &SourceRegistry) -> Loaded {
        let toml = self.dir.path().join("m.toml");
        let inputs = Inputs {
            config: toml.exists().then_some(toml),
            env_dir: self.dir.path().join("env-files"),
            variables: self.variables.clone(),
            flags: self.flags.clone(),
            host: "host-1".into(),
        };
        load(&inputs, channels, sources)
    }

    /// What is shown, with the directory left out.
    fn shown(&self, loaded: &Loaded) -> String {
        let root = format!("{}/", self.dir.path().display());
        loaded.diagnostics.render(false).replace(&root, "")
    }

    /// Each diagnostic on one line, with the directory left out.
    fn lines(&self, loaded: &Loaded) -> Vec<String> {
        let root = format!("{}/", self.dir.path().display());
        loaded
            .diagnostics
            .lines()
            .map(|(warning, line)| {
                format!("{}: {}", if warning { "warning" } else { "error" }, line.replace(&root, ""))
            })
            .collect()
    }
}

/// The value and origin of a path in what `check-config` prints.
fn resolved(loaded: &Loaded, path: &str) -> (String, String) {
    let found = loaded.resolved.iter().find(|value| value.path == path);
    let found = found.unwrap_or_else(|| panic!("{path} is not among {:#?}", loaded.resolved));
    let origin = found.origin.as_ref().map_or("default".to_owned(), |origin| {
        let name = origin.to_string();
        name.rsplit('/').next().unwrap_or_default().to_owned()
    });
    (found.value.clone(), origin)
}
