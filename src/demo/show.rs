//! How the demo is told on a terminal: what happens, and each message as a person receives it.

use std::time::Instant;

use anstyle::{AnsiColor, Style};
use log_monitor_channels::testing::Mail;

use super::stage::Stage;
use crate::cli::table::say;

/// As `println!`, to an audience that may leave early.
macro_rules! tell {
    ($($what:tt)*) => { say(format_args!($($what)*)) };
}

/// The narrator.
pub struct Show {
    started: Instant,
    color: bool,
}

impl Show {
    /// A narrator, whose clock starts now.
    pub fn new(color: bool) -> Self {
        Self { started: Instant::now(), color }
    }

    /// What the audience sees.
    pub fn intro(&self, agents: usize) {
        tell!(
            "{}\n\nA simulated Wazuh indexer with {agents} agents, an endpoint that answers like Slack, and a small \
             mail server\nare running on this machine. log-monitor watches them with a threshold of 4 seconds. Its \
             route is:\nSlack first, email when Slack has not accepted within 5 s, the log as the last resort.",
            self.paint(Style::new().bold(), "log-monitor demo")
        );
    }

    /// Begins an act.
    pub fn act(&self, number: u32, what: &str) {
        let head = format!("Act {number}.");
        tell!("\n{} {} {what}", self.time(), self.paint(Style::new().bold(), &head));
    }

    /// Says whether something came as it should; returns that.
    pub fn checked(&self, what: &str, so: bool) -> bool {
        let mark = match so {
            true => self.paint(AnsiColor::Green.on_default(), "ok"),
            false => self.paint(AnsiColor::Red.on_default(), "MISSING"),
        };
        tell!("{} {mark}: {what}", self.time());
        so
    }

    /// The messages on Slack after the first `seen`.
    pub fn slack_since(&self, stage: &Stage, seen: usize) {
        for message in stage.slack_messages().iter().skip(seen) {
            self.message("Slack, #soc", slack_text(message).lines());
        }
    }

    /// The mails after the first `seen`.
    pub fn mails_since(&self, stage: &Stage, seen: usize) {
        for mail in stage.mails().iter().skip(seen) {
            self.message(&format!("Mail to {}", mail.to.join(", ")), mail_text(mail).lines());
        }
    }

    fn message<'a>(&self, place: &str, lines: impl Iterator<Item = &'a str>) {
        let bar = self.paint(AnsiColor::Cyan.on_default(), "|");
        tell!("{} {}", self.time(), self.paint(AnsiColor::Cyan.on_default(), place));
        lines.for_each(|line| tell!("         {bar} {line}"));
    }

    /// What came of it all.
    pub fn summary(&self, stage: &Stage, complete: bool) {
        tell!(
            "\n{} {}: {} messages on Slack ({} tries), {} mails, {} questions to the indexer.",
            self.time(),
            self.paint(Style::new().bold(), "Summary"),
            stage.slack_messages().len(),
            stage.slack_tries(),
            stage.mails().len(),
            stage.indexer.searches(),
        );
        tell!(
            "{}",
            if complete {
                "Every message came that should have, and no other.\n\nNext: put your own .env files or a \
                 config/log-monitor.toml in place, run `log-monitor check-config`, then `log-monitor run`."
            } else {
                "Something is missing: see above."
            }
        );
    }

    /// Where to look while everything keeps running.
    pub fn keeping(&self, stage: &Stage) {
        let folder = stage.folder().display();
        tell!(
            "\nEverything keeps running until Ctrl-C. In another terminal:\n  log-monitor -c {folder}/log-monitor.toml \
             agents\n  log-monitor -c {folder}/log-monitor.toml incidents --all\n  log-monitor -c \
             {folder}/log-monitor.toml deliveries --attempts"
        );
    }

    fn time(&self) -> String {
        format!("[{:>3} s]", self.started.elapsed().as_secs())
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// What a person sees of blocks: the texts in them, in order.
fn slack_text(message: &serde_json::Value) -> String {
    let mut texts = Vec::new();
    collect_texts(&message["blocks"], &mut texts);
    let joined = if texts.is_empty() {
        message["text"].as_str().unwrap_or_default().to_owned()
    } else {
        texts.join("\n")
    };
    joined.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn collect_texts(value: &serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        serde_json::Value::Object(fields) => match fields.get("text") {
            Some(serde_json::Value::String(text)) => texts.push(text.clone()),
            _ => fields.values().for_each(|field| collect_texts(field, texts)),
        },
        _ => {}
    }
}

fn mail_text(mail: &Mail) -> String {
    let header = |name: &str| mail.header(name).map(|value| format!("{name}: {value}"));
    let head =
        ["From", "Subject", "In-Reply-To"].into_iter().filter_map(header).collect::<Vec<_>>().join("\n");
    format!("{head}\n\n{}", mail.text().unwrap_or_default().trim_end())
}
