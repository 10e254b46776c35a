//! Templates: minijinja that can read the facts of one message and nothing else, with as much work as
//! a message is worth, and no undefined value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use chrono::DateTime;
use chrono_tz::Tz;
use log_monitor_channels::Written;
use log_monitor_channels::text::one_line;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Template, UndefinedBehavior, Value};

use super::form::Form;
use crate::config::duration::human;

/// What one text may cost: about so many steps, or 64 bytes of text for each. A list of a hundred agents
/// takes some thousands.
const FUEL: u64 = 50_000;

/// The most characters of a title.
const MAX_TITLE: usize = 300;

/// The texts of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// One line.
    Title,
    /// The rest.
    Body,
    /// All that is sent, in place of what the kind of the channel makes of a message.
    Payload,
}

impl Part {
    /// Its key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Body => "body",
            Self::Payload => "payload",
        }
    }
}

/// Every template, compiled.
#[derive(Debug, Clone)]
pub struct Templates {
    environment: Environment<'static>,
    names: Vec<String>,
    payloads: BTreeMap<String, Payload>,
}

/// The payload of one, compiled by itself: its values are escaped as its content type wants it.
#[derive(Debug, Clone)]
struct Payload {
    content_type: String,
    environment: Environment<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        Self { environment: environment(Form::Plain), names: Vec::new(), payloads: BTreeMap::new() }
    }
}

impl Templates {
    /// Adds a text of a template.
    ///
    /// # Errors
    /// When it is none.
    pub fn add(&mut self, name: &str, part: Part, text: &str) -> Result<(), Error> {
        self.environment.add_template_owned(key(name, part), text.to_owned())?;
        self.know(name);
        Ok(())
    }

    /// Adds the payload of a template, which is of this content type.
    ///
    /// # Errors
    /// When it is none.
    pub fn add_payload(&mut self, name: &str, content_type: &str, text: &str) -> Result<(), Error> {
        let mut environment = environment(Form::of(content_type));
        environment.add_template_owned(key(name, Part::Payload), text.to_owned())?;
        self.payloads.insert(name.to_owned(), Payload { content_type: content_type.to_owned(), environment });
        self.know(name);
        Ok(())
    }

    fn know(&mut self, name: &str) {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    /// Their names, in the order of the configuration.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a template has that text of its own.
    #[must_use]
    pub fn has(&self, name: &str, part: Part) -> bool {
        self.text(name, part).is_some()
    }

    fn text(&self, name: &str, part: Part) -> Option<Template<'_, '_>> {
        let environment = match part {
            Part::Payload => &self.payloads.get(name)?.environment,
            Part::Title | Part::Body => &self.environment,
        };
        environment.get_template(&key(name, part)).ok()
    }

    /// What it says of what the kind of its channel adds: the names below `channel.`.
    #[must_use]
    pub fn says_of_channel(&self, name: &str) -> BTreeSet<String> {
        let texts = [Part::Title, Part::Body, Part::Payload].map(|part| self.text(name, part));
        let said = texts.into_iter().flatten().flat_map(|text| text.undeclared_variables(true));
        said.filter_map(|name| name.strip_prefix("channel.").map(str::to_owned)).collect()
    }

    /// A text of a template for a message; `None` where the template has none of its own. It is plain
    /// text: escaping it for the vendor is the channel's job, as of any other text.
    ///
    /// # Errors
    /// What failed, on one line.
    pub fn render(&self, name: &str, part: Part, variables: &Value) -> Result<Option<String>, String> {
        let Some(template) = self.text(name, part) else { return Ok(None) };
        let text = template.render(variables.clone()).map_err(|error| failure(part, &error))?;
        match part {
            _ if text.trim().is_empty() => Err(format!("its {} came out empty", part.name())),
            Part::Title => Ok(Some(one_line(&text, MAX_TITLE))),
            Part::Body | Part::Payload => Ok(Some(text)),
        }
    }

    /// The payload of a template for a message; `None` where the template has none.
    ///
    /// # Errors
    /// What failed, on one line; also where what comes out is not of its content type.
    pub fn payload(&self, name: &str, variables: &Value) -> Result<Option<Written>, String> {
        let Some(text) = self.render(name, Part::Payload, variables)? else { return Ok(None) };
        let content_type =
            self.payloads.get(name).map(|payload| payload.content_type.clone()).unwrap_or_default();
        match Form::of(&content_type).problem(&text) {
            Some(problem) => Err(format!("its payload: {problem}")),
            None => Ok(Some(Written { content_type, text })),
        }
    }
}

fn key(name: &str, part: Part) -> String {
    format!("{name}/{}", part.name())
}

fn failure(part: Part, error: &Error) -> String {
    let line = error.line().map_or_else(String::new, |line| format!(", line {line}"));
    format!("its {}{line}: {}", part.name(), said(error))
}

/// What went wrong, without where.
#[must_use]
pub fn said(error: &Error) -> String {
    let kind = error.kind().to_string();
    one_line(error.detail().unwrap_or(&kind), 200)
}

/// What every text of a form is compiled and rendered in.
#[must_use]
pub fn environment(form: Form) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| form.escapes());
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    // A block on a line of its own leaves no empty line behind.
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.add_filter("time", time);
    environment.add_filter("duration", duration);
    environment
}

fn time(value: &Value, zone: Option<&str>, format: Option<&str>) -> Result<String, Error> {
    let wrong = |what: String| Error::new(ErrorKind::InvalidOperation, what);
    if value.is_none() {
        return Ok(String::new());
    }
    let text = value.as_str().ok_or_else(|| wrong("`time` takes a time such as event.since".to_owned()))?;
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| wrong(format!("not a time: {text}")))?;
    let zone = zone.unwrap_or("UTC");
    let zone: Tz = zone.parse().map_err(|_| wrong(format!("unknown time zone `{zone}`")))?;
    let format = format.unwrap_or("%Y-%m-%d %H:%M:%S %Z");
    let mut written = String::new();
    write!(written, "{}", time.with_timezone(&zone).format(format))
        .map_err(|_| wrong(format!("not a format of times: `{format}`")))?;
    Ok(written)
}

fn duration(value: &Value) -> Result<String, Error> {
    if value.is_none() {
        return Ok(String::new());
    }
    let seconds = u64::try_from(value.clone()).map_err(|_| {
        Error::new(ErrorKind::InvalidOperation, "`duration` takes seconds such as event.seconds")
    })?;
    Ok(human(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    fn rendered(body: &str) -> Result<String, String> {
        let mut templates = Templates::default();
        templates.add("mine", Part::Body, body).map_err(|error| said(&error))?;
        let variables = context!(since => "2026-06-30T22:30:00Z", seconds => 960, never => ());
        templates.render("mine", Part::Body, &variables).map(Option::unwrap_or_default)
    }

    #[test]
    fn times_are_of_a_zone_and_durations_as_people_say_them() {
        assert_eq!(rendered("{{ since | time }}").unwrap(), "2026-06-30 22:30:00 UTC");
        assert_eq!(rendered("{{ since | time('Europe/Rome', '%d.%m. %H:%M') }}").unwrap(), "01.07. 00:30");
        assert_eq!(
            rendered("{{ seconds | duration }}/{{ never | duration }}{{ never | time }}").unwrap(),
            "16 min/"
        );
        for (wrong, why) in [
            ("{{ since | time('Rome') }}", "its body, line 1: unknown time zone `Rome`"),
            ("{{ since | time('UTC', '%!') }}", "its body, line 1: not a format of times: `%!`"),
            ("\n{{ since | duration }}", "its body, line 2: `duration` takes seconds such as event.seconds"),
            ("{{ seconds | time }}", "its body, line 1: `time` takes a time such as event.since"),
            (" {# nothing #} ", "its body came out empty"),
        ] {
            assert_eq!(rendered(wrong).unwrap_err(), why);
        }
    }

    #[test]
    fn a_template_cannot_work_forever_grow_without_end_or_read_files() {
        for body in [
            "{% for a in range(1000) %}{% for b in range(1000) %}{{ b }}{% endfor %}{% endfor %}",
            "{{ 'x' * 1000000000 }}",
        ] {
            assert!(rendered(body).unwrap_err().contains("fuel"), "{body}");
        }
        assert!(rendered("{% include '/etc/passwd' %}").is_err());
    }

    #[test]
    fn a_payload_is_escaped_as_its_content_type_wants_it() {
        let payload = |content_type: &str, text: &str| {
            let mut templates = Templates::default();
            templates.add_payload("mine", content_type, text).map_err(|error| said(&error))?;
            let name = "a\", \"severity\": \"<low>\\";
            let written = templates.payload("mine", &context!(who => name, since => (), count => 2))?;
            Ok::<_, String>(written.map(|written| written.text).unwrap_or_default())
        };
        let json = payload(
            "application/x+JSON; charset=utf-8",
            "{\"a\": {{ who }}, \"b\": [{{ since }}, {{ count }}]}",
        );
        let json: serde_json::Value = serde_json::from_str(&json.unwrap()).unwrap();
        assert_eq!(json, serde_json::json!({ "a": "a\", \"severity\": \"<low>\\", "b": [null, 2] }));
        assert_eq!(payload("text/plain", "{{ who }}").unwrap(), "a\", \"severity\": \"<low>\\");
        assert!(payload("text/xml", "<a>{{ who }}</a>").unwrap().contains("&lt;low&gt;"));
        let broken = payload("application/json", "{\"a\": \"{{ who }}\"}").unwrap_err();
        assert!(broken.starts_with("its payload: no JSON comes out (expected "), "{broken}");
    }

    #[test]
    fn a_title_is_one_line_and_no_markup_is_made_or_taken_away() {
        let mut templates = Templates::default();
        templates.add("mine", Part::Title, "<b>{{ who }}</b>\n second").unwrap();
        let title = templates.render("mine", Part::Title, &context!(who => "a & <i>")).unwrap();
        assert_eq!(title.unwrap(), "<b>a & <i></b> second");
        assert_eq!(templates.render("mine", Part::Body, &context!()), Ok(None), "it has none");
    }
}
