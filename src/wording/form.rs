//! What a text is written in: how the values in it are escaped, and whether what comes out is of that form.

use minijinja::AutoEscape;

/// What a text is written in, which says how a value in it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Values stand in it as they are.
    Plain,
    /// Each value is one of JSON, with its quotes: no name of an agent can be more than a string.
    Json,
    /// What would be markup in a value is none.
    Xml,
}

impl Form {
    /// By the content type, such as `application/cloudevents+json; charset=utf-8`.
    #[must_use]
    pub fn of(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.rsplit(['/', '+']).next() {
            Some("json") => Self::Json,
            Some("xml" | "html") => Self::Xml,
            _ => Self::Plain,
        }
    }

    /// How minijinja escapes a value in it.
    #[must_use]
    pub const fn escapes(self) -> AutoEscape {
        match self {
            Self::Plain => AutoEscape::None,
            Self::Json => AutoEscape::Json,
            Self::Xml => AutoEscape::Html,
        }
    }

    /// Why a text that is to be of this form is not.
    #[must_use]
    pub fn problem(self, text: &str) -> Option<String> {
        let json = (self == Self::Json).then(|| serde_json::from_str::<serde::de::IgnoredAny>(text))?;
        let error = json.err()?.to_string();
        // A position in what comes out is none in the template.
        Some(format!("no JSON comes out ({})", error.split(" at line ").next().unwrap_or_default()))
    }
}
