//! A notification as one text, for vendors that take no more.

use super::Notification;
use crate::text::{fitting, one_line};

/// How a vendor takes a text.
///
/// ```
/// use log_monitor_channels::text::escape_markdown;
/// use log_monitor_channels::{Medium, conformance};
///
/// let chat = Medium { safe: escape_markdown, strong: "**", length: str::len, max: 2000 };
/// let text = conformance::oversize().in_one(&chat);
/// assert!(text.starts_with("**🔴 long long") && text.len() <= 2000);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Medium {
    /// Makes of a text one in which the vendor finds nothing to act on.
    pub safe: fn(&str) -> String,
    /// What stands before and behind a title that is to be seen first.
    pub strong: &'static str,
    /// The length of a text as the vendor counts.
    pub length: fn(&str) -> usize,
    /// The most of it that the vendor takes.
    pub max: usize,
}

/// The most characters of a title.
const MAX_TITLE: usize = 300;

impl Notification {
    /// The whole as one text within the limits of `medium`: title, body and links, who says it. In the
    /// short form the title alone.
    #[must_use]
    pub fn in_one(&self, medium: &Medium) -> String {
        let Medium { safe, strong, length, max } = *medium;
        let title = safe(&self.marked_title(MAX_TITLE));
        let title = format!("{strong}{title}{strong}");
        if self.short {
            return title;
        }
        let footer = safe(&self.footer());
        let whole = |most| format!("{title}\n\n{}\n\n{footer}", self.text_with(most, safe));
        fitting(max, whole, |text| length(text) <= max)
    }

    /// [`text`](Self::text) with all but the addresses made safe, which would lead elsewhere then.
    pub(super) fn text_with(&self, max: usize, safe: impl Fn(&str) -> String) -> String {
        let mut links = String::new();
        for link in &self.links {
            let line = format!("\n{}: {}", safe(&one_line(&link.title, 80)), link.url);
            if links.chars().count() + line.chars().count() <= max / 2 {
                links += &line;
            }
        }
        safe(&self.body_within(max - links.chars().count())) + &links
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{oversize, sample};
    use crate::text::escape_markdown;
    use crate::{Link, Notification};

    #[test]
    fn as_much_of_the_body_is_kept_as_fits_and_addresses_stay_as_they_are() {
        let url = "https://wazuh.example/?agent_id=007".to_owned();
        let link = Link { title: "Dash_board".to_owned(), url };
        let medium = Medium { safe: escape_markdown, strong: "**", length: str::len, max: 500 };
        let text = Notification { title: "a_b".to_owned(), links: vec![link], ..oversize() }.in_one(&medium);
        assert!((480..=500).contains(&text.len()), "{text}");
        assert!(text.starts_with("**🔴 a\\_b**\n\na line of text\n"), "{text}");
        assert!(
            text.contains("…\nDash\\_board: https://wazuh.example/?agent_id=007\n\nlog-monitor on"),
            "{text}"
        );
        let short = Notification { short: true, ..sample() }.in_one(&medium);
        assert_eq!(short, "**🔴 Silent: 007 db-03, no logs for 16 min**");
    }
}
