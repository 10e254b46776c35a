//! Reads the times of Wazuh: `2026-01-01T00:00:00.123+0000`, the manager's local time with its offset
//! (Wazuh 4.x, `json_extended.c`, `W_JSON_AddTimestamp`).

use chrono::DateTime;

/// What the times of one minute have in common: `2026-01-01T00:00:`.
const MINUTE: usize = 17;

/// The whole, from `2026` to `+0000`.
const WHOLE: usize = 28;

/// Reads times. Neighbours in a file are mostly of one minute, so that minute is read once and only
/// seconds after it.
#[derive(Debug, Clone, Default)]
pub struct Stamps {
    minute: [u8; MINUTE],
    offset: [u8; 5],
    /// When that minute began, in milliseconds since 1970.
    began: i64,
}

impl Stamps {
    /// Milliseconds since 1970, UTC.
    pub fn read(&mut self, text: &[u8]) -> Option<i64> {
        if let Some(millis) = self.within_the_minute(text) {
            return Some(millis);
        }
        let at = parse(std::str::from_utf8(text).ok()?)?;
        self.remember(text, at);
        Some(at)
    }

    fn within_the_minute(&self, text: &[u8]) -> Option<i64> {
        if text.len() != WHOLE || text[..MINUTE] != self.minute || text[23..] != self.offset {
            return None;
        }
        let seconds = number(&text[17..19])?;
        let millis = number(&text[20..23])?;
        (seconds < 60 && text[19] == b'.').then_some(self.began + seconds * 1000 + millis)
    }

    fn remember(&mut self, text: &[u8], at: i64) {
        let is_leap = text.get(17..19) == Some(b"60");
        if text.len() == WHOLE && !is_leap {
            self.minute.copy_from_slice(&text[..MINUTE]);
            self.offset.copy_from_slice(&text[23..]);
            // Offsets of a time zone are whole minutes.
            self.began = at - at.rem_euclid(60_000);
        }
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let value = |value: i64, digit: &u8| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'));
    digits.iter().try_fold(0, value)
}

/// The same without a memory; `Z` and `+00:00` are offsets, too, and the fraction may be absent.
fn parse(text: &str) -> Option<i64> {
    let read = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")
        .or_else(|_| DateTime::parse_from_rfc3339(text));
    read.ok().map(|time| time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_with_their_offset() {
        let mut stamps = Stamps::default();
        for (text, expected) in [
            ("2026-01-01T00:00:00.123+0000", Some(1_767_225_600_123)),
            ("2026-01-01T00:00:59.999+0000", Some(1_767_225_659_999)),
            ("2026-01-01T01:00:00.123+0100", Some(1_767_225_600_123)),
            ("2025-12-31T18:30:00.123-0530", Some(1_767_225_600_123)),
            ("2026-01-01T00:00:00Z", Some(1_767_225_600_000)),
            ("2026-01-01T00:00:00.5+00:00", Some(1_767_225_600_500)),
            ("2026-01-01T00:00:0x.123+0000", None),
            ("2026-01-01T00:00:61.123+0000", None),
            ("2026-02-30T00:00:00.123+0000", None),
            ("", None),
        ] {
            assert_eq!(stamps.read(text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_memory_changes_no_time(texts in prop::collection::vec(
            "2026-0[12]-0[12]T0[01]:0[01]:[0-6][0-9][.,][0-9]{3}[+-]0[01][03]0", 1..20)) {
            let mut stamps = Stamps::default();
            for text in texts {
                prop_assert_eq!(stamps.read(text.as_bytes()), parse(&text), "{}", text);
            }
        }
    }
}
