//! The `<integration>` blocks of a manager's `ossec.conf` (Wazuh 3.x and 4.x; 5.0 has none) as channels
//! and routes.

use std::fmt::Write as _;
use std::path::Path;

use log_monitor_channels::Severity;

use super::block::{self, Place};
use super::email::{self, Mail};
use super::target::{Target, target};
use super::xml::{self, Block};
use crate::config::diagnostics::{At, Diagnostics, Findings};
use crate::config::layers::read_file;
use crate::config::source_map::{Form, SourceMap, TextId};
use crate::config::toml_text::quoted;

/// What an integration came to, when nothing is wrong with it.
enum Part {
    Channel { target: Target, least: Option<Severity>, name: String },
    Nothing(&'static str),
}

/// The tables, unless something is wrong. `originals` are channels that are told of everything today.
pub fn part(file: &Path, originals: &[String]) -> (Option<String>, Diagnostics) {
    let (mut map, mut findings) = (SourceMap::default(), Findings::default());
    let id = read_file(file, Form::Lines, true, &mut map, &mut findings);
    let toml = id.and_then(|id| tables(&map, id, file, originals, &mut findings));
    (toml.filter(|_| findings.errors() == 0), findings.finish(map))
}

fn tables(
    map: &SourceMap,
    id: TextId,
    file: &Path,
    originals: &[String],
    findings: &mut Findings,
) -> Option<String> {
    let (blocks, mut mistakes) = xml::blocks(map.text(id), "integration");
    let mut wrong = |at: usize, why: String| {
        findings.error(At::Place(map.base(id) + at..map.base(id) + at), why);
    };
    let file = file.display().to_string();
    let line = |at: usize| map.line(&(map.base(id) + at..map.base(id) + at)).map_or(0, |line| line.number);
    let place = Place { file: &file, line: &line };
    let mut names = Vec::new();
    let (mails, others) = email::mails(map.text(id), &place, |name| own_name(name, &mut names));
    // A comment that is never closed is found by each.
    mistakes.extend(others);
    mistakes.sort();
    mistakes.dedup();
    mistakes.into_iter().for_each(|(at, why)| wrong(at, why));
    let parts: Vec<_> =
        blocks.iter().filter_map(|block| Some((block, read(block, &mut names, &mut wrong)?))).collect();
    if blocks.is_empty() && mails.is_empty() && findings.errors() == 0 {
        findings.warning(At::Place(map.whole(id)), "there is no <integration> and no mail in this file");
    }
    Some(text(&parts, &mails, originals, &place))
}

/// What one block is; what is wrong with it is told at its element.
fn read(block: &Block, names: &mut Vec<String>, wrong: &mut impl FnMut(usize, String)) -> Option<Part> {
    let Some(name) = block.get("name") else {
        wrong(block.at, "this <integration> has no <name>".to_owned());
        return None;
    };
    let level = block.get("level").map(|level| block::severity(level).map_err(|why| (level.at, why)));
    let hook_url = block.get("hook_url").map(|url| url.value.as_str());
    let found = target(&name.value, hook_url, block.get("api_key").is_some())
        .map_err(|(element, why)| (block.get(element).map_or(name.at, |element| element.at), why));
    match (found, level.transpose()) {
        (Ok(Ok(target)), Ok(least)) => {
            Some(Part::Channel { target, least, name: own_name(&name.value, names) })
        }
        (Ok(Err(why)), Ok(_)) => Some(Part::Nothing(why)),
        (found, level) => {
            let both = [found.err(), level.err()];
            both.into_iter().flatten().for_each(|(at, why)| wrong(at, why));
            None
        }
    }
}

/// `custom-discord.py` is `wazuh_discord`, and the second of that name `wazuh_discord_2`. Letters, digits
/// and `_` only, so that names of variables differ where these do.
fn own_name(integration: &str, names: &mut Vec<String>) -> String {
    let short = integration.strip_prefix("custom-").unwrap_or(integration);
    let short = short.strip_suffix(".py").unwrap_or(short).chars().take(40);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let base = format!("wazuh_{}", short.map(plain).collect::<String>());
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    let free = std::iter::once(base.clone()).chain(numbered).find(|name| !names.contains(name));
    names.extend(free.clone());
    free.unwrap_or(base)
}

fn text(parts: &[(&Block, Part)], mails: &[Mail], originals: &[String], place: &Place<'_>) -> String {
    let mut out = String::new();
    let mut active = Vec::new();
    let mut tables = String::new();
    for (block, part) in parts {
        match part {
            Part::Nothing(why) => {
                tables.push_str(&block::head(block, None, place));
                let _ = writeln!(tables, "# Not imported: {why}.");
            }
            Part::Channel { target, least, name } => {
                tables.push_str(&block::head(block, Some(*target), place));
                tables.push_str(&block::tables(block, name, *target, *least, place));
                if block::lacks(block, *target).is_none() {
                    active.push(name.clone());
                }
            }
        }
    }
    for mail in mails {
        tables.push_str(&mail.toml);
        active.extend(mail.channel.clone());
    }
    if !active.is_empty() && !originals.is_empty() {
        out.push_str("\n# As before: everything that the .env files' channels were told.\n[[routes]]\nname = \"original\"\n");
        let _ = writeln!(out, "{}", steps(originals));
    }
    out.push_str(&tables);
    match (active.as_slice(), originals) {
        ([], _) => {}
        (_, []) => out.push_str(&catch_all(&active)),
        (_, originals) => out.push_str(&catch_all(originals)),
    }
    out
}

fn catch_all(channels: &[String]) -> String {
    format!("\n# What no route took: nothing is told to nobody.\n[catch_all]\n{}\n", steps(channels))
}

/// Each is the fallback of the one before.
fn steps(channels: &[String]) -> String {
    let steps: Vec<String> = channels.iter().map(|name| format!("{{ to = [{}] }}", quoted(name))).collect();
    format!("steps = [{}]", steps.join(", "))
}
