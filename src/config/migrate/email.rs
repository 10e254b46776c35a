//! The mails of a manager's `ossec.conf` as channels and routes: those of `<global>`, and those of each
//! `<email_alerts>` (Wazuh 4.x, reference of `ossec.conf`: global, alerts and email_alerts). Wazuh hands them to
//! a server on port 25, without a login.

use std::fmt::Write as _;

use log_monitor_channels::text::one_line;

use super::block::{self, Place};
use super::target::Target;
use super::xml::{self, Block, Element, Mistake};
use crate::config::reading::shown_name;
use crate::config::toml_text::quoted;

const EMAIL: Target =
    Target { kind: "email", secret: ("", "email_to"), insecure: false, note: None, lacks: None };

/// Keys of `<global>` that are about mail and carried over.
const USED: [&str; 5] = ["email_notification", "smtp_server", "email_from", "email_to", "email_maxperhour"];

/// The most of an hour that a budget takes, as Wazuh's `email_maxperhour` does.
const MOST_PER_HOUR: u32 = 10_000;

/// What became of one of them.
pub struct Mail {
    /// Its tables, or why there are none.
    pub toml: String,
    /// Its channel, if that works as it is.
    pub channel: Option<String>,
}

/// What is said once for all mails.
struct Global {
    blocks: Vec<Block>,
    alerts: Vec<Block>,
}

impl Global {
    /// The last one holds.
    fn get(&self, name: &str) -> Option<&Element> {
        self.blocks.iter().rev().find_map(|block| block.get(name))
    }

    /// The lowest level that is mailed.
    fn level(&self) -> Option<&Element> {
        self.alerts.iter().rev().find_map(|block| block.get("email_alert_level"))
    }

    /// Why nothing can be mailed as before.
    fn lacks(&self) -> Option<String> {
        let no_mail = self.get("email_notification").is_none_or(|on| on.value != "yes");
        match (self.get("smtp_server"), self.get("email_from")) {
            _ if no_mail => Some("<email_notification> of <global> is not yes, so Wazuh sent none".to_owned()),
            (None, _) => Some("<global> has no <smtp_server>".to_owned()),
            (Some(server), _) if server.value.starts_with('/') => Some(
                "<smtp_server> is a program; kind = \"exec\" runs one, or give `host` of kind = \"email\" a server"
                    .to_owned(),
            ),
            (_, None) => Some("<global> has no <email_from>".to_owned()),
            (Some(_), Some(_)) => None,
        }
    }
}

/// Every mail of a text, its channel by a name that is free; what is wrong with a block is a mistake.
pub fn mails(
    text: &str,
    place: &Place<'_>,
    mut name: impl FnMut(&str) -> String,
) -> (Vec<Mail>, Vec<Mistake>) {
    let [(blocks, first), (alerts, second), (own, third)] =
        ["global", "alerts", "email_alerts"].map(|tag| xml::blocks(text, tag));
    let mut mistakes: Vec<Mistake> = first.into_iter().chain(second).chain(third).collect();
    let global = Global { blocks, alerts };
    let first = global.blocks.iter().find(|block| block.get("email_to").is_some());
    let of_global = first.and_then(|first| of_global(&global, first, &name("email"), place, &mut mistakes));
    let mut mails: Vec<Mail> = of_global.into_iter().collect();
    for block in &own {
        mails.extend(of_block(&global, block, &name("mail"), place, &mut mistakes));
    }
    (mails, mistakes)
}

/// What everybody is mailed whom `<global>` names, `first` of all.
fn of_global(
    global: &Global,
    first: &Block,
    name: &str,
    place: &Place<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Mail> {
    let mut head = format!("\n# <global>, {}\n", place.of(first.at));
    let elements = || global.blocks.iter().flat_map(|block| &block.elements);
    for left in elements().filter(|one| one.name.starts_with("email_") && !USED.contains(&one.name.as_str()))
    {
        head.push_str(&block::no_counterpart(left, &one_line(&left.value, 120), place));
    }
    let least = match global.level().map(|level| block::severity(level).map_err(|why| (level.at, why))) {
        Some(Err(mistake)) => {
            mistakes.push(mistake);
            return None;
        }
        level => level.and_then(Result::ok),
    };
    let to: Vec<&Element> = elements().filter(|one| one.name == "email_to").collect();
    let route = match (least, global.level()) {
        (Some(least), Some(level)) => {
            format!(
                "match = {{ {} }}  # <email_alert_level>, {}\n",
                block::severities(least),
                place.of(level.at)
            )
        }
        _ => String::new(),
    };
    Some(mail(global, head, name, &to, &route, None, place))
}

/// What one `<email_alerts>` mails.
fn of_block(
    global: &Global,
    block: &Block,
    name: &str,
    place: &Place<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Mail> {
    let least = block.get("level").map(|level| block::severity(level).map_err(|why| (level.at, why)));
    let Some(to) = block.get("email_to") else {
        mistakes.push((block.at, "this <email_alerts> has no <email_to>".to_owned()));
        return None;
    };
    let least = least.transpose().map_err(|mistake| mistakes.push(mistake)).ok()?;
    let mut head = format!("\n# <email_alerts>, {}\n", place.of(block.at));
    for left in block::left_out(block, Some(EMAIL)) {
        head.push_str(&block::no_counterpart(left, &one_line(&left.value, 120), place));
    }
    let route = block::matches(block, least, place);
    Some(mail(global, head, name, &[to], &route, block::lacks(block, EMAIL), place))
}

/// The channel and its route below `head`; in comments where it lacks something.
fn mail(
    global: &Global,
    mut head: String,
    name: &str,
    to: &[&Element],
    route: &str,
    lacks: Option<String>,
    place: &Place<'_>,
) -> Mail {
    if let Some(why) = global.lacks() {
        let _ = writeln!(head, "# Not imported: {why}.");
        return Mail { toml: head, channel: None };
    }
    let from = |key: &str, name: &str| {
        let element = global.get(name);
        let value = element.map_or("", |element| element.value.as_str());
        let at =
            element.map_or_else(String::new, |element| format!("  # <{name}>, {}", place.of(element.at)));
        format!("{key} = {}{at}\n", quoted(value))
    };
    let addresses = to.iter().flat_map(|element| element.value.split(',')).map(str::trim);
    let addresses: Vec<String> = addresses.filter(|one| !one.is_empty()).map(quoted).collect();
    let lines: Vec<String> = to.iter().map(|element| place.of(element.at)).collect();
    let mut out =
        format!("[channels.{}]\nkind = \"email\"\n{}", shown_name(name), from("host", "smtp_server"));
    out.push_str("# Wazuh gave it no login. A server on another machine has to offer STARTTLS, or it takes `insecure = true`.\nport = 25\n");
    out.push_str(&from("from", "email_from"));
    let _ = writeln!(out, "to = [{}]  # <email_to>, {}", addresses.join(", "), lines.join("; "));
    out.push_str(&budget(global, place));
    let _ = writeln!(out, "\n[[routes]]\nname = {0}\n{route}steps = [{{ to = [{0}] }}]", quoted(name));
    match lacks {
        None => Mail { toml: head + &out, channel: Some(name.to_owned()) },
        Some(why) => {
            let _ = writeln!(head, "# {why}");
            Mail { toml: head + &block::commented(&out), channel: None }
        }
    }
}

fn budget(global: &Global, place: &Place<'_>) -> String {
    let most =
        global.get("email_maxperhour").and_then(|most| Some((most.value.parse::<u32>().ok()?, most.at)));
    most.filter(|(most, _)| (1..=MOST_PER_HOUR).contains(most)).map_or_else(String::new, |(most, at)| {
        format!("budget = [\"{most} per 1h\"]  # <email_maxperhour>, {}\n", place.of(at))
    })
}
