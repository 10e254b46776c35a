//! `schema`: the JSON Schema of the configuration file, for editors and for programs that write one.

use super::Session;
use super::exit::{self, Exit};
use crate::config::document;

/// Prints it.
pub fn run(session: &Session<'_>) -> Exit {
    exit::print_json(&document::schema(session.app.channels(), session.app.sources()))
}
