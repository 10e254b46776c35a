//! `demo`: the real product at work on a simulated Wazuh. Nothing is faked but the outside: an
//! indexer that answers `_search`, an endpoint that looks like Slack, and a small mail server, all
//! on loopback. log-monitor itself is configured by a TOML file like any other.
//!
//! `stage` is the outside, `script` is what happens on it, `show` is how it is told.

mod script;
mod show;
mod stage;

use std::time::Duration;

use crate::cli::Session;
use crate::cli::exit::Exit;
use show::Show;
use stage::Stage;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stay at the end, with everything running, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// What can go wrong on a stage.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Plays the demo. It fails when a message that should have come did not.
pub async fn run(session: &Session<'_>, args: &Args) -> Exit {
    let show = Show::new(session.color_on_stdout());
    match play(session, &show, args.keep).await {
        Ok(true) => Exit::Ok,
        Ok(false) => Exit::Failed,
        Err(error) => {
            eprintln!("error: demo: {error}");
            Exit::Failed
        }
    }
}

async fn play(session: &Session<'_>, show: &Show, keep: bool) -> Result<bool, Error> {
    let mut stage = Stage::build(session.app).await?;
    let complete = script::play(&mut stage, show).await?;
    if keep {
        show.keeping(&stage);
        tokio::signal::ctrl_c().await?;
    }
    stage.tear_down().await;
    Ok(complete)
}

/// Waits until `done`, at most `limit`; says whether it was.
async fn until(limit: Duration, done: impl Fn() -> bool) -> bool {
    let deadline = tokio::time::Instant::now() + limit;
    while !done() {
        if tokio::time::Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    true
}
