//! The `log-monitor` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    log_monitor::App::new().with_default_channels().run()
}
