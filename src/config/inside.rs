//! Where a part of a text stands in the TOML that holds the text.

use std::ops::Range;

use super::source_map::{Form, Place, SourceMap};

/// The place of the bytes `part` of a string whose value, quotes included, stands at `place`. A string
/// of a variable or flag has no lines: it is the whole of it.
pub fn inside(map: &SourceMap, place: &Place, part: &Range<usize>) -> Place {
    let Some(raw) = map.written(place).filter(|_| map.form(place) == Some(Form::Toml)) else {
        return place.clone();
    };
    let at = |byte| place.start + offset(raw, byte);
    let start = at(part.start);
    start..at(part.end).max(start)
}

/// Where the byte `at` of what a TOML string means is written in it; its end if it is shorter.
fn offset(raw: &str, at: usize) -> usize {
    let quote = raw.chars().next().unwrap_or('"');
    let (mut written, several) = match raw.starts_with(&quote.to_string().repeat(3)) {
        true => (3, true),
        false => (1, false),
    };
    // The line end right behind the opening quotes does not belong to the text.
    if several {
        written += raw[written..]
            .find('\n')
            .filter(|n| raw[written..written + n].trim().is_empty())
            .map_or(0, |n| n + 1);
    }
    let mut meant = 0;
    while let Some(rest) = raw.get(written..).filter(|rest| !rest.is_empty()) {
        let (length, stands_for) = piece(rest, quote == '"');
        if stands_for > 0 && meant + stands_for > at {
            break;
        }
        written += length;
        meant += stands_for;
    }
    written
}

/// The first piece of a string: how many bytes it is written with, and how many it stands for.
fn piece(rest: &str, escapes: bool) -> (usize, usize) {
    let mut chars = rest.chars();
    let first = chars.next().map_or(0, char::len_utf8);
    match chars.next().filter(|_| escapes && rest.starts_with('\\')) {
        None => (first, first),
        Some('x') => unicode(rest, 2),
        Some('u') => unicode(rest, 4),
        Some('U') => unicode(rest, 8),
        Some(space) if space.is_whitespace() => {
            (1 + rest[1..].find(|c: char| !c.is_whitespace()).unwrap_or(rest.len() - 1), 0)
        }
        Some(other) => (1 + other.len_utf8(), 1),
    }
}

fn unicode(rest: &str, digits: usize) -> (usize, usize) {
    let code = rest.get(2..2 + digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is written where each `!` of the string's meaning stands.
    #[test]
    fn a_byte_of_a_string_is_found_however_it_is_written() {
        for text in [
            "a = \"x!y\"",
            "a = 'x\\u!y'",
            "a = \"\\u00e9\\n\\t\\\"!y\"",
            "a = \"\"\"\nfirst\n  second!\n\"\"\"",
            "a = \"\"\"\\\n   joined \\\n   é!\"\"\"",
            "a = '''\nraw \\ \"!'''",
            "a = \"\"\"one\r\ntwo!\"\"\"",
        ] {
            let mut map = SourceMap::default();
            let id = map.add("a.toml", Form::Toml, text);
            let parsed = toml::de::DeTable::parse(text).unwrap().into_inner();
            let value = &parsed["a"];
            let meant = value.get_ref().as_str().unwrap().find('!').unwrap();
            let place = map.base(id) + value.span().start..map.base(id) + value.span().end;
            let found = inside(&map, &place, &(meant..meant + 1)).start - map.base(id);
            assert_eq!(found, text.find('!').unwrap(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_letter_of_a_text_as_toml_writes_it_is_found(text in "[a-z\\\\\"'é\n\r\t \u{1}]{0,40}") {
            let toml = format!("a = {}", toml::Value::from(format!("{text}!")));
            let mut map = SourceMap::default();
            let id = map.add("a.toml", Form::Toml, &*toml);
            let parsed = toml::de::DeTable::parse(&toml).unwrap().into_inner();
            let place = parsed["a"].span();
            let place = map.base(id) + place.start..map.base(id) + place.end;
            let at = parsed["a"].get_ref().as_str().unwrap().find('!').unwrap();
            prop_assert_eq!(inside(&map, &place, &(at..at + 1)).start - map.base(id), toml.rfind('!').unwrap());
        }
    }
}
