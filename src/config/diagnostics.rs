//! What is wrong with a configuration, collected instead of thrown, and shown the way rustc shows
//! it. No secret is ever in the rendered text: lines are masked before they are printed.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin as Position, Renderer, Snippet};
use log_monitor_channels::Secret;

use super::hiding;
use super::source_map::{Form, Line, Origin, Place, SourceMap};

/// A line of more bytes than this is not shown: it would fill the screen.
const WIDEST: usize = 500;

/// Where a [`Diagnostic`] points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// In the source map.
    Place(Place),
    /// In a file that is not kept, such as an agent file, or at a file as a whole.
    Line(String, Option<usize>),
    /// At a line and column, counted from 1, of a file that is not kept.
    Column(String, usize, usize),
    /// Nowhere in particular.
    Nowhere,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// It works, but somebody should know.
    pub warning: bool,
    /// What is wrong, in lower case.
    pub message: String,
    /// Where.
    pub at: At,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// The same with advice.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// The same with advice, if there is any.
    pub fn maybe_help(&mut self, help: Option<String>) -> &mut Self {
        self.help = help;
        self
    }
}

/// Diagnostics while they are being found.
#[derive(Debug, Default)]
pub struct Findings {
    items: Vec<Diagnostic>,
    masks: Vec<Place>,
    /// What stands at each of the masks.
    secrets: Vec<Secret>,
}

impl Findings {
    /// Records an error.
    pub fn error(&mut self, at: At, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Diagnostic { warning: false, message: message.into(), at, help: None })
    }

    /// Records a warning.
    pub fn warning(&mut self, at: At, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Diagnostic { warning: true, message: message.into(), at, help: None })
    }

    fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.items.push(diagnostic);
        let last = self.items.len() - 1;
        &mut self.items[last]
    }

    /// Never shows the text at `place`, nor `text` by itself in any other.
    pub fn mask(&mut self, place: Place, text: &str) {
        self.masks.push(place);
        self.secrets.push(Secret::new(text));
    }

    /// What is masked so far.
    #[must_use]
    pub fn masks(&self) -> &[Place] {
        &self.masks
    }

    /// How many errors there are so far.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.items.iter().filter(|item| !item.warning).count()
    }

    /// Whether something in a place is wrong: where that was taken out, nothing may be left.
    #[must_use]
    pub fn has_error_in(&self, place: &Place) -> bool {
        let within = |at: &At| matches!(at, At::Place(at) if place.start < at.start && at.end < place.end);
        self.items.iter().any(|item| !item.warning && within(&item.at))
    }

    /// The same, hiding what the other one hides; what the other found is dropped.
    #[must_use]
    pub fn hiding_what(mut self, other: Self) -> Self {
        self.masks.extend(other.masks);
        self.secrets.extend(other.secrets);
        self
    }

    /// Ends the search.
    #[must_use]
    pub fn finish(mut self, map: SourceMap) -> Diagnostics {
        for at in 0..self.items.len() {
            let item = &self.items[at];
            let message = self.redacted(&item.at, &item.message);
            let help = item.help.as_ref().map(|help| self.redacted(&item.at, help));
            (self.items[at].message, self.items[at].help) = (message, help);
        }
        self.items.sort_by_key(|item| match &item.at {
            At::Place(place) => place.start,
            At::Line(..) | At::Column(..) => usize::MAX - 1,
            At::Nowhere => usize::MAX,
        });
        self.items.dedup();
        // A line shows texts as they are written, with their escapes.
        let written = |mask| map.written(mask).filter(|written| written.contains('\\'));
        let escaped = self.masks.iter().filter_map(written).map(|text| text.trim_matches(['"', '\'']));
        self.secrets.extend(escaped.map(Secret::new));
        Diagnostics { items: self.items, masks: self.masks, secrets: self.secrets, map }
    }

    /// What is said of a place, without the secrets: of one that stands there even what is short.
    fn redacted(&self, at: &At, text: &str) -> String {
        let own = |mask: &Place| matches!(at, At::Place(at) if at.start < mask.end && mask.start < at.end);
        self.masks.iter().zip(&self.secrets).fold(text.to_owned(), |text, (mask, secret)| match own(mask) {
            true => hiding::hidden_in_its_own(&text, secret),
            false => hiding::hidden(&text, secret),
        })
    }
}

/// All that is wrong, in the order of the texts.
#[derive(Debug, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    masks: Vec<Place>,
    secrets: Vec<Secret>,
    map: SourceMap,
}

impl Diagnostics {
    /// Every one.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// Adds a warning that only the running program can give.
    pub fn warn(&mut self, at: At, message: String) {
        self.items.push(Diagnostic { warning: true, message, at, help: None });
    }

    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.items.iter().filter(|item| !item.warning).count()
    }

    /// How many warnings there are.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.items.len() - self.errors()
    }

    /// A text of the configuration without the secrets that are known by their places.
    #[must_use]
    pub fn hidden(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| hiding::hidden(&text, secret))
    }

    /// Where it is, as people read it; `None` when it is nowhere in particular.
    #[must_use]
    pub fn origin(&self, diagnostic: &Diagnostic) -> Option<Origin> {
        match &diagnostic.at {
            At::Place(place) => self.map.origin(place),
            At::Line(name, line) => Some(Origin { name: name.clone(), line: *line, column: None }),
            At::Column(name, line, column) => {
                Some(Origin { name: name.clone(), line: Some(*line), column: Some(*column) })
            }
            At::Nowhere => None,
        }
    }

    /// One line for each, for a log: `config/log-monitor.toml:12:1: unknown key `intervall``.
    pub fn lines(&self) -> impl Iterator<Item = (bool, String)> {
        self.items.iter().map(|item| {
            let origin = self.origin(item).map(|origin| format!("{origin}: ")).unwrap_or_default();
            let help = item.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            (item.warning, format!("{origin}{}{help}", item.message))
        })
    }

    /// All of them as rustc would show them, with a count at the end; empty when there is nothing.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut out = String::new();
        for item in &self.items {
            out.push_str(&self.render_one(&renderer, item));
            out.push_str("\n\n");
        }
        if let Some(summary) = self.summary() {
            out.push_str(&summary);
            out.push('\n');
        }
        out
    }

    /// `2 errors, 1 warning`; `None` when there is nothing.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let count = |number: usize, word: &str| match number {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{number} {word}s")),
        };
        let parts = [count(self.errors(), "error"), count(self.warnings(), "warning")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// For programs: severity, message, help, file, line and column of each.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let one = |item: &Diagnostic| {
            let origin = self.origin(item);
            serde_json::json!({
                "severity": if item.warning { "warning" } else { "error" },
                "message": item.message,
                "help": item.help,
                "origin": origin.as_ref().map(ToString::to_string),
                "file": origin.as_ref().map(|origin| &origin.name),
                "line": origin.as_ref().and_then(|origin| origin.line),
                "column": origin.as_ref().and_then(|origin| origin.column),
            })
        };
        self.items.iter().map(one).collect()
    }

    fn render_one(&self, renderer: &Renderer, item: &Diagnostic) -> String {
        let level = if item.warning { Level::WARNING } else { Level::ERROR };
        let mut group = Group::with_title(level.primary_title(item.message.as_str()));
        let origin = self.origin(item);
        let name = origin.as_ref().map(|origin| origin.name.clone()).unwrap_or_default();
        match (&item.at, self.source_line(item)) {
            (At::Place(place), Some(line)) => {
                let (text, span) = masked(&line, place, (&self.masks, &self.secrets));
                let snippet = Snippet::source(text).line_start(line.number).path(name);
                group = group.element(snippet.annotation(AnnotationKind::Primary.span(span)));
            }
            _ if origin.is_some() => {
                group = group.element(Position::path(origin.map_or(name, |origin| origin.to_string())));
            }
            _ => {}
        }
        if let Some(help) = &item.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }

    /// The line to show. Lines of `.env` and agent files say nothing that the message does not.
    fn source_line(&self, item: &Diagnostic) -> Option<Line<'_>> {
        let At::Place(place) = &item.at else { return None };
        let toml = self.map.form(place) == Some(Form::Toml);
        self.map.line(place).filter(|line| toml && line.text.len() <= WIDEST)
    }
}

/// Where the words of a comment begin, if they are not empty: what is commented out may be a secret.
fn comment_in(line: &str) -> Option<usize> {
    let (mut open, mut escaped) = (None, false);
    let start = line.char_indices().find_map(|(at, c)| {
        match (open, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(quote), c) if quote == c => open = None,
            (None, '"' | '\'') => open = Some(c),
            (None, '#') => return Some(at + 1),
            _ => {}
        }
        None
    });
    start.filter(|start| !line[*start..].trim().is_empty())
}

/// The line with every masked part, and every secret of another place that is repeated here, shown as `****`, and
/// where `place` then is in it.
fn masked(line: &Line<'_>, place: &Place, (masks, secrets): (&[Place], &[Secret])) -> (String, Place) {
    let end = line.start + line.text.len();
    let mut hidden: Vec<Place> = masks
        .iter()
        .filter(|mask| mask.start < end && mask.end > line.start)
        .map(|mask| mask.start.max(line.start) - line.start..mask.end.min(end) - line.start)
        .collect();
    hidden.extend(secrets.iter().flat_map(|secret| hiding::places(secret, line.text)));
    hidden.extend(comment_in(line.text).map(|start| start..line.text.len()));
    let (text, moved) = hiding::covered(line.text, hidden);
    let shift = |at: usize| {
        let at = at.clamp(line.start, end) - line.start;
        let known = moved.iter().rev().find(|(from, _)| *from <= at);
        known.map_or(at, |(from, to)| to + (at - from)).min(text.len())
    };
    let span = shift(place.start)..shift(place.end).max(shift(place.start));
    (text, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_commented_out_is_not_shown() {
        let shown = |line: &str| comment_in(line).map(|start| line[..start].to_owned());
        assert_eq!(shown("kind = 5#token = 'xoxb'"), Some("kind = 5#".to_owned()));
        assert_eq!(shown(r##"a = "\"" # b"##), Some(r##"a = "\"" #"##.to_owned()));
        assert_eq!(shown("channel = '#soc'"), None);
        assert_eq!(shown(r##"channel = "\"#soc" #"##), None);
    }

    #[test]
    fn it_reads_as_rustc_does_and_hides_what_is_masked() {
        let mut map = SourceMap::default();
        let text = "[channels.soc]\nc = { token = \"xoxb-12345\", chanel = \"#soc\" }\n";
        let id = map.add("config/log-monitor.toml", Form::Toml, text);
        let env = map.add("env-files/slack.env", Form::Lines, "SLACK_TOKN=xoxb-777777");
        let place = |needle: &str| {
            let start = map.base(id) + text.find(needle).unwrap();
            start..start + needle.len()
        };
        let mut findings = Findings::default();
        findings.error(At::Place(place("chanel")), "unknown key `chanel`").help("did you mean `channel`?");
        findings.warning(At::Place(map.content(env)), "unknown key `SLACK_TOKN`");
        findings.mask(place("\"xoxb-12345\""), "xoxb-12345");
        let diagnostics = findings.finish(map);
        let shown = diagnostics.render(false);
        assert_eq!(
            shown,
            "error: unknown key `chanel`\n \
             --> config/log-monitor.toml:2:21\n  \
             |\n\
             2 | c = { token = ****, chanel = \"#soc\" }\n  \
             |                     ^^^^^^\n  \
             |\n  \
             = help: did you mean `channel`?\n\n\
             warning: unknown key `SLACK_TOKN`\n\
             --> env-files/slack.env:1:1\n\n\
             1 error, 1 warning\n"
        );
    }

    #[test]
    fn a_secret_that_is_repeated_where_none_belongs_is_hidden_there_too() {
        let mut map = SourceMap::default();
        let text = r#"
token = "xoxb-\"12345"
soc = { command = "echo xoxb-\"12345 xoxb-\"12345", exec = 1 }
"#;
        let id = map.add("m.toml", Form::Toml, text);
        let place = |needle: &str| {
            let start = map.base(id) + text.find(needle).unwrap();
            start..start + needle.len()
        };
        let (secret, command, key) =
            (place(r#""xoxb-\"12345""#), place(r#""echo xoxb-\"12345 xoxb-\"12345""#), place("exec"));
        let mut findings = Findings::default();
        findings.mask(secret, "xoxb-\"12345");
        findings.error(At::Place(command), "no list: echo xoxb-\"12345");
        findings.error(At::Place(key), "unknown key `exec`");
        let shown = findings.finish(map).render(false);
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        assert_eq!(lines[0], "error: no list: echo ****");
        assert_eq!(
            lines[3..5],
            [
                r#"3 | soc = { command = "echo **** ****", exec = 1 }"#,
                r"  |                   ^^^^^^^^^^^^^^^^",
            ]
        );
        assert_eq!(lines[10], r"  |                                     ^^^^");
        assert!(!shown.contains("12345"), "{shown}");
    }
}
