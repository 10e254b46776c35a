//! One position space for every text that is read, as compilers have it: a position alone tells
//! its file, line and column, so that spans survive the merging of layers.

use std::fmt;
use std::ops::Range;

/// Where something stands in the position space of a [`SourceMap`].
pub type Place = Range<usize>;

/// How a position in a text is written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `FILE:LINE:COLUMN`.
    Toml,
    /// `FILE:LINE`.
    Lines,
    /// The name alone: a variable of the process, a flag.
    Named,
}

/// A text in a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextId(usize);

#[derive(Debug)]
struct Text {
    name: String,
    form: Form,
    text: String,
    /// The position that stands for the text as a whole; its first byte has the next one.
    head: usize,
}

/// Every text that was read, with its name as the user gave it.
#[derive(Debug, Default)]
pub struct SourceMap {
    texts: Vec<Text>,
}

/// A position as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file as the user gave it, or the name of a variable or flag.
    pub name: String,
    /// Counted from 1.
    pub line: Option<usize>,
    /// In characters, counted from 1.
    pub column: Option<usize>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// The line a position is in.
#[derive(Debug)]
pub struct Line<'a> {
    /// Counted from 1.
    pub number: usize,
    /// Without its line end.
    pub text: &'a str,
    /// Position of its first byte.
    pub start: usize,
}

impl SourceMap {
    /// Takes a text in.
    pub fn add(&mut self, name: impl Into<String>, form: Form, text: impl Into<String>) -> TextId {
        let head = self.texts.last().map_or(1, |last| last.head + last.text.len() + 2);
        self.texts.push(Text { name: name.into(), form, text: text.into(), head });
        TextId(self.texts.len() - 1)
    }

    /// The text itself.
    #[must_use]
    pub fn text(&self, id: TextId) -> &str {
        &self.texts[id.0].text
    }

    /// The position of the text's first byte.
    #[must_use]
    pub fn base(&self, id: TextId) -> usize {
        self.texts[id.0].head + 1
    }

    /// The place that names the text and no line of it.
    #[must_use]
    pub fn whole(&self, id: TextId) -> Place {
        self.texts[id.0].head..self.texts[id.0].head
    }

    /// The place of a text's whole content.
    #[must_use]
    pub fn content(&self, id: TextId) -> Place {
        self.base(id)..self.base(id) + self.text(id).len()
    }

    /// How positions around `place` are written, if it lies in any text.
    #[must_use]
    pub fn form(&self, place: &Place) -> Option<Form> {
        self.find(place).map(|text| text.form)
    }

    /// What is written at `place`.
    #[must_use]
    pub fn written(&self, place: &Place) -> Option<&str> {
        let text = self.find(place)?;
        let from = text.head + 1;
        text.text.get(place.start.checked_sub(from)?..place.end.checked_sub(from)?)
    }

    /// Whether a text of that name was read.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.texts.iter().any(|text| text.name == name)
    }

    /// The line that `place` begins in; `None` for a text as a whole.
    #[must_use]
    pub fn line(&self, place: &Place) -> Option<Line<'_>> {
        let text = self.find(place)?;
        let at = place.start.checked_sub(text.head + 1)?.min(text.text.len());
        let before = &text.text.as_bytes()[..at];
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let number = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let line = text.text[start..].split('\n').next().unwrap_or_default();
        Some(Line { number, text: line.trim_end_matches('\r'), start: text.head + 1 + start })
    }

    /// The place as people read it.
    #[must_use]
    pub fn origin(&self, place: &Place) -> Option<Origin> {
        let text = self.find(place)?;
        let line = self.line(place).filter(|_| text.form != Form::Named);
        let column = line.as_ref().map(|line| {
            let upto = (place.start - line.start).min(line.text.len());
            String::from_utf8_lossy(&line.text.as_bytes()[..upto]).chars().count() + 1
        });
        Some(Origin { name: text.name.clone(), line: line.map(|line| line.number), column })
    }

    fn find(&self, place: &Place) -> Option<&Text> {
        let after = self.texts.partition_point(|text| text.head <= place.start);
        let text = &self.texts[after.checked_sub(1)?];
        (place.start <= text.head + 1 + text.text.len()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_tells_its_file_line_and_column() {
        let mut map = SourceMap::default();
        let env = map.add("env-files/slack.env", Form::Lines, "A=1\r\nB=2");
        let toml = map.add("a.toml", Form::Toml, "x = 1\n\u{e9}\u{e9} = 2\n");
        let flag = map.add("--state", Form::Named, "s.db");
        let at = |id, offset| {
            let start = map.base(id) + offset;
            map.origin(&(start..start + 1)).unwrap().to_string()
        };
        assert_eq!(at(env, 5), "env-files/slack.env:2:1");
        assert_eq!(at(toml, 0), "a.toml:1:1");
        assert_eq!(at(toml, 6 + 4 + 3), "a.toml:2:6");
        assert_eq!(at(flag, 2), "--state");
        assert_eq!(map.origin(&map.whole(toml)).unwrap().to_string(), "a.toml");
        assert_eq!(map.origin(&(0..0)), None);
        assert_eq!(map.line(&(map.base(env) + 1..map.base(env) + 2)).unwrap().text, "A=1");
    }
}
