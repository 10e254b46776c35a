//! What the kinds make of a notification: its parts as people read them, and what it answers or edits.

use serde_json::Value;

use super::{MessageKind, Notification, OnResolve};
use crate::event::Severity;
use crate::text::{one_line, plain, shorten};

/// How a notification should look at first sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It is over: green.
    Over,
    /// High or critical: red.
    Alarm,
    /// Medium: orange.
    Warning,
    /// Low, or for the record: blue.
    Calm,
}

impl Tone {
    /// As a colour of HTML.
    #[must_use]
    pub const fn color(self) -> &'static str {
        match self {
            Self::Over => "#2e7d32",
            Self::Alarm => "#c62828",
            Self::Warning => "#ef6c00",
            Self::Calm => "#1565c0",
        }
    }
}

/// In so few characters nothing is kept below.
const LEAST: usize = 8;

/// Between the two.
const GAP: &str = "\n\n";

impl Notification {
    /// Green for what is over, else by severity.
    #[must_use]
    pub const fn tone(&self) -> Tone {
        match (self.kind, self.severity) {
            (MessageKind::Resolved, _) => Tone::Over,
            (_, Severity::Critical | Severity::High) => Tone::Alarm,
            (_, Severity::Medium) => Tone::Warning,
            (_, Severity::Low | Severity::Info) => Tone::Calm,
        }
    }

    /// Body and links, at most `max` characters: what is too long is cut in the body, and what is
    /// [below](Self::below) and the links stay as far as there is room for them.
    #[must_use]
    pub fn text(&self, max: usize) -> String {
        self.text_with(max, str::to_owned)
    }

    /// The body alone, without what no screen should get, at most `max` characters. What is
    /// [below](Self::below) is cut last: it keeps half of it all, and more where the rest leaves that.
    #[must_use]
    pub fn body_within(&self, max: usize) -> String {
        let (told, below) = self.parts_within(max);
        told + &below
    }

    /// The same with a body of at most `max` characters.
    #[must_use]
    pub fn with_body_within(&self, max: usize) -> Self {
        let (told, below) = self.parts_within(max);
        Self { body: told + &below, below, ..self.clone() }
    }

    /// Such a body: what comes before what is below, with the empty line between them, and that.
    fn parts_within(&self, max: usize) -> (String, String) {
        let (body, below) = (plain(self.body.trim()), plain(self.below.trim()));
        match body.strip_suffix(&below).filter(|_| max >= LEAST && !below.is_empty()) {
            Some(told) if body.chars().count() > max => {
                let told = told.trim_end();
                let left = max.saturating_sub(told.chars().count() + GAP.len());
                let below = shorten(&below, left.max(max / 2));
                let room = max - GAP.len() - below.chars().count();
                (shorten(told, room) + GAP, below)
            }
            Some(told) => (told.to_owned(), below),
            None => (shorten(&body, max), String::new()),
        }
    }

    /// The title on one line of at most `max` characters, behind the mark of what it tells.
    #[must_use]
    pub fn marked_title(&self, max: usize) -> String {
        let mark = match self.kind {
            MessageKind::Firing => "🔴",
            MessageKind::Reminder => "🟠",
            MessageKind::Resolved => "🟢",
            MessageKind::Notice => "🔵",
        };
        format!("{mark} {}", one_line(&self.title, max))
    }

    /// Who says it and when, and which try it is after the first, on one line.
    #[must_use]
    pub fn footer(&self) -> String {
        let time = self.created_at.format("%Y-%m-%d %H:%M:%S UTC");
        let attempt = if self.attempt > 1 { format!(", try {}", self.attempt) } else { String::new() };
        one_line(&format!("log-monitor on {}, {time}{attempt}", self.installation), 200)
    }

    /// Whether it goes on with a firing that this same channel was told of.
    #[must_use]
    pub const fn follows(&self) -> bool {
        self.in_reply_to.is_some() || self.answers.is_some()
    }

    /// The key by which the vendor knows the firing that this one goes on with: what its receipt has under
    /// `name`, else what the firing was sent with; its own where it goes on with none.
    #[must_use]
    pub fn key_of_firing(&self, name: &str) -> &str {
        let told = self.in_reply_to.as_ref().and_then(|firing| firing.reference[name].as_str());
        told.or(self.answers.as_deref()).unwrap_or(&self.idempotency_key)
    }

    /// The vendor's reference of the firing that this one answers. None in the short form: it may be
    /// what the vendor did not take.
    #[must_use]
    pub fn to_answer(&self) -> Option<&Value> {
        self.in_reply_to.as_ref().filter(|_| !self.short).map(|receipt| &receipt.reference)
    }

    /// The same where the firing is to be edited, because all of it is over.
    #[must_use]
    pub fn to_edit(&self, on_resolve: OnResolve) -> Option<&Value> {
        self.to_answer().filter(|_| self.all_over && on_resolve == OnResolve::Edit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::sample;
    use crate::notification::{Link, Receipt};

    #[test]
    fn what_is_too_long_is_cut_before_the_link() {
        let link = Link { title: "Dashboard".to_owned(), url: "https://wazuh.example/?agent=007".to_owned() };
        let notification = Notification { body: "word ".repeat(100), links: vec![link], ..sample() };
        let text = notification.text(120);
        assert!(text.chars().count() <= 120 && text.starts_with("word word"), "{text}");
        assert!(text.ends_with("…\nDashboard: https://wazuh.example/?agent=007"), "{text}");
        assert!(!notification.text(40).contains("http"), "half a link is none");
    }

    #[test]
    fn what_is_too_long_is_cut_before_why_it_came_this_way() {
        let below = "Sent this way because soc failed.\n\nStill silent (1):\n- 002 web".to_owned();
        let body = format!("{}\n\n{below}", "word ".repeat(100));
        let cut = Notification { body, below: below.clone(), ..sample() };
        let text = cut.body_within(200);
        assert!(text.starts_with("word word") && text.ends_with(&format!("…\n\n{below}")), "{text}");
        let text = cut.body_within(80);
        assert!(text.contains("…\n\nSent this way because soc failed.") && text.ends_with('…'), "{text}");
        let once = cut.with_body_within(200);
        assert_eq!(once.body_within(150), cut.body_within(150));
        for max in 0..300 {
            assert!(cut.body_within(max).chars().count() <= max.max(1), "{max}");
        }
        let of_one = Notification { body: format!("one line\n\n{below}"), ..cut.clone() };
        let text = of_one.body_within(70);
        assert_eq!(text, format!("one line\n\n{}", shorten(&below, 60)), "a short beginning leaves its room");
        assert_eq!(of_one.with_body_within(70).below, shorten(&below, 60));
        let of_another = Notification { body: "word ".repeat(100), ..cut };
        assert!(!of_another.body_within(200).contains("soc"), "what the body does not end with is not in it");
    }

    #[test]
    fn a_firing_is_known_by_what_its_receipt_says_else_by_what_it_was_sent_with() {
        let own = sample();
        let lost = Notification { answers: Some("firing-1".to_owned()), ..own.clone() };
        let reference = serde_json::json!({ "alias": "vendor-1" });
        let told =
            Notification { in_reply_to: Some(Receipt { reference, ..Receipt::default() }), ..lost.clone() };
        let keys = [&own, &lost, &told].map(|notification| notification.key_of_firing("alias"));
        assert_eq!(keys, ["0123456789abcdef-1", "firing-1", "vendor-1"]);
    }

    #[test]
    fn a_firing_is_edited_only_when_all_of_it_is_over_and_never_in_short() {
        let some = Notification { in_reply_to: Some(Receipt::line("ok")), ..sample() };
        let all = Notification { all_over: true, ..some.clone() };
        let short = Notification { short: true, ..all.clone() };
        assert!(all.to_edit(OnResolve::Edit).is_some());
        assert!(all.to_edit(OnResolve::Reply).is_none() && some.to_edit(OnResolve::Edit).is_none());
        assert!(some.to_answer().is_some() && short.to_answer().is_none());
    }
}
