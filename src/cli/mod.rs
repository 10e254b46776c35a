//! The command line: what it says, and which file does it. Data goes to standard output,
//! everything else to standard error.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;

use crate::app::App;
use crate::config::{self, Flag, Inputs, Loaded};
use crate::logging::{self, Log, Screen};

pub mod ack;
pub mod agents;
pub mod backtest;
pub mod channels;
pub mod check;
pub mod check_config;
pub mod deliveries;
pub mod exit;
pub mod explain;
pub mod incidents;
mod learning;
pub mod migrate;
pub mod report;
pub mod route;
pub mod run;
pub mod schema;
pub mod silence;
pub mod suggest;
pub mod table;
pub mod templates;
mod watched;
mod who;

use exit::Exit;

/// Notices within minutes when a Wazuh agent stops logging, and tells the right people.
#[derive(Debug, Parser)]
#[command(name = "log-monitor", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The configuration file [default: config/log-monitor.toml if it is there]
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory with the .env files
    #[arg(long, global = true, value_name = "DIR", default_value = "env-files")]
    env_dir: PathBuf,
    /// The journal's file [default: what the configuration says, else state/log-monitor.db]
    #[arg(long, global = true, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The form of log lines on standard error
    #[arg(long, global = true, value_enum, default_value_t)]
    log_format: LogFormat,
    /// Colours: when standard error (or output) is a terminal, always or never
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Color,
    /// Say less: only warnings and errors; twice: only errors
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    quiet: u8,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch and notify until stopped
    Run(run::Args),
    /// Look once and print how every agent stands, sending nothing (also a Nagios plugin)
    Check(check::Args),
    /// Check the configuration and print every problem, then what it resolves to
    CheckConfig(check_config::Args),
    /// See the whole product at work on a simulated Wazuh: no configuration, under a minute
    Demo(crate::demo::Args),
    /// List kinds of channel and configured channels, or send a test message
    #[command(subcommand)]
    Channels(channels::Command),
    /// List templates, what they can say, and how messages read with them
    #[command(subcommand)]
    Templates(templates::Command),
    /// List the watched agents and how they stand
    Agents(agents::Args),
    /// Explain one agent: what holds for it and why, who is told, and how soon at worst
    Explain(explain::Args),
    /// Show which routes an event takes, who is told, and when
    Route(route::Args),
    /// List incidents
    Incidents(incidents::Args),
    /// Take care of an incident, so that nobody is reminded of it for a while
    Ack(ack::Args),
    /// Hold back the news of some agents, hosts or events for a while
    #[command(subcommand)]
    Silence(silence::Command),
    /// List what was sent, to whom, and each try
    Deliveries(deliveries::Args),
    /// Report how well agents were covered in a month, for a ticket or a spreadsheet
    Report(report::Args),
    /// Replay the last days: what would have been told with this configuration, sending nothing
    Backtest(backtest::Args),
    /// Suggest intervals from how agents really logged, as TOML to paste; changes nothing
    Suggest(suggest::Args),
    /// Print the original .env files, and a Wazuh manager's integrations and mails, as TOML that does the same
    Migrate(migrate::Args),
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
}

/// What a command works with.
pub struct Session<'a> {
    /// The program.
    pub app: &'a App,
    /// Its log.
    pub log: Log,
    global: Global,
}

impl Session<'_> {
    /// Reads the configuration.
    #[must_use]
    pub fn load(&self) -> Loaded {
        config::load(&self.inputs(), self.app.channels(), self.app.sources())
    }

    /// Where the configuration is looked for.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        let state = self.global.state.as_ref().map(|path| Flag {
            name: "--state".to_owned(),
            path: "journal.path".to_owned(),
            value: path.display().to_string(),
        });
        Inputs::of_process(self.global.config.clone(), self.global.env_dir.clone(), Vec::from_iter(state))
    }

    /// Reads the configuration. Warnings are for `run` and `check-config`; here they would only
    /// stand in the way of what was asked for.
    ///
    /// # Errors
    /// When it is refused; then its problems are printed.
    pub fn settings(&self) -> Result<config::Settings, Exit> {
        let loaded = self.load();
        loaded.settings.ok_or_else(|| {
            eprint!("{}", loaded.diagnostics.render(self.color_on_stderr()));
            Exit::Config
        })
    }

    /// Whether standard error may be coloured.
    #[must_use]
    pub fn color_on_stderr(&self) -> bool {
        self.color(std::io::stderr().is_terminal())
    }

    /// Whether standard output may be coloured.
    #[must_use]
    pub fn color_on_stdout(&self) -> bool {
        self.color(std::io::stdout().is_terminal())
    }

    fn color(&self, terminal: bool) -> bool {
        match self.global.color {
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            Color::Always => true,
            Color::Never => false,
        }
    }
}

impl Global {
    fn level(&self, command: &Command) -> LevelFilter {
        // The daemon narrates, the demo has a narrator, other commands answer and warn.
        let usual: i8 = match command {
            Command::Run(_) => 3,
            Command::Demo(_) => 0,
            _ => 2,
        };
        match usual - self.quiet.min(9) as i8 + self.verbose.min(9) as i8 {
            ..=0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            _ => LevelFilter::DEBUG,
        }
    }
}

/// Does what the command line says.
pub fn main(app: &App, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli =
        match Cli::command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches)) {
            Ok(cli) => cli,
            Err(error) => {
                // Prints help to standard output and mistakes to standard error.
                let _ = error.print();
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
        };
    log_monitor_channels::http::install_tls_provider();
    let mut session = Session { app, log: Log::default(), global: cli.global };
    session.log = logging::start(Screen {
        json: session.global.log_format == LogFormat::Json,
        colour: session.color_on_stderr(),
        level: session.global.level(&cli.command),
    });
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(dispatch(&session, cli.command));
    // What still runs is of no use to anybody: do not wait for it.
    runtime.shutdown_background();
    exit.into()
}

async fn dispatch(session: &Session<'_>, command: Command) -> Exit {
    match command {
        Command::Run(args) => run::run(session, &args).await,
        Command::Check(args) => check::run(session, &args).await,
        Command::CheckConfig(args) => {
            let color = session.color_on_stderr();
            let (out, err) = (&mut std::io::stdout(), &mut std::io::stderr());
            check_config::run(args, session.load(), color, out, err).await
        }
        Command::Demo(args) => crate::demo::run(session, &args).await,
        Command::Channels(command) => channels::run(session, command).await,
        Command::Templates(command) => templates::run(session, command),
        Command::Agents(args) => agents::run(session, &args),
        Command::Explain(args) => explain::run(session, &args),
        Command::Route(args) => route::run(session, &args),
        Command::Incidents(args) => incidents::run(session, &args),
        Command::Ack(args) => ack::run(session, &args),
        Command::Silence(command) => silence::run(session, command),
        Command::Deliveries(args) => deliveries::run(session, &args),
        Command::Report(args) => report::run(session, &args),
        Command::Backtest(args) => backtest::run(session, &args).await,
        Command::Suggest(args) => suggest::run(session, &args).await,
        Command::Migrate(args) => migrate::run(session, &args),
        Command::Schema => schema::run(session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
