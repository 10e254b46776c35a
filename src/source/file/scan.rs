//! Finds a few values in a line of JSON without reading the rest of it closely.
//!
//! The scanner walks the whole object and knows at each key where it is, so text inside of a string
//! or in another object is never taken for a value that is looked for. Whatever it is not sure of (a
//! wanted key that comes twice, a key with an escape, blanks, broken structure) it leaves to the full
//! parser. Of an object or list that it skips it knows only that it is closed: a wrong escape, number
//! or comma in there does not matter.

use memchr::memchr;

use super::skip;
use crate::source::entity_field;

/// How many values can be looked for at once: those of an entity and five others.
pub const MOST: usize = entity_field::MOST + 5;

/// The raw text of each wanted value, quotes included.
pub type Found<'a> = [Option<&'a [u8]>; MOST];

/// Where the wanted values are.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    /// What is wanted in an object here, by key.
    within: Vec<(Box<[u8]>, Scanner)>,
    /// The places of what is wanted here itself.
    places: Vec<usize>,
}

impl Scanner {
    /// Looks for the values at these dotted paths.
    ///
    /// # Panics
    /// With more than [`MOST`] paths.
    #[must_use]
    pub fn new(paths: &[&str]) -> Self {
        assert!(paths.len() <= MOST, "too many paths");
        let mut top = Self::default();
        for (place, path) in paths.iter().enumerate() {
            path.split('.').fold(&mut top, |at, key| at.below(key.as_bytes())).places.push(place);
        }
        top
    }

    fn below(&mut self, key: &[u8]) -> &mut Self {
        let known = self.within.iter().position(|(known, _)| **known == *key);
        let at = known.unwrap_or_else(|| {
            self.within.push((key.into(), Self::default()));
            self.within.len() - 1
        });
        &mut self.within[at].1
    }

    /// The wanted values of an object, or `None` where the full parser has to decide.
    #[must_use]
    pub fn scan<'a>(&self, line: &'a [u8]) -> Option<Found<'a>> {
        let mut walk = Walk { line, at: 0, found: [None; MOST] };
        walk.object(self)?;
        (walk.at == line.len()).then_some(walk.found)
    }
}

struct Walk<'a> {
    line: &'a [u8],
    at: usize,
    found: Found<'a>,
}

impl<'a> Walk<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// The next byte, if it is this one.
    fn take(&mut self, byte: u8) -> Option<()> {
        let taken = self.peek()? == byte;
        self.at += usize::from(taken);
        taken.then_some(())
    }

    /// An object in which something is wanted.
    fn object(&mut self, wanted: &Scanner) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        let mut met = 0_u32;
        loop {
            let key = self.string()?;
            self.take(b':')?;
            match wanted.within.iter().position(|(wanted, _)| **wanted == *key) {
                // A key that comes twice: which of them holds is for the full parser to say.
                Some(next) if met & (1 << next) != 0 => return None,
                Some(next) => {
                    met |= 1 << next;
                    self.value(&wanted.within[next].1)?;
                }
                // With an escape it may be one that is wanted.
                None if key.contains(&b'\\') => return None,
                None => self.skip()?,
            }
            if !self.another()? {
                return Some(());
            }
        }
    }

    /// A value that is wanted or has something wanted in it. No path leads into an array.
    fn value(&mut self, wanted: &Scanner) -> Option<()> {
        let start = self.at;
        match self.peek()? {
            b'{' if !wanted.within.is_empty() => self.object(wanted)?,
            _ => self.skip()?,
        }
        for place in &wanted.places {
            self.found[*place] = Some(&self.line[start..self.at]);
        }
        Some(())
    }

    fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => drop(self.string()?),
            b'{' | b'[' => self.at += skip::nested(&self.line[self.at..])?,
            _ => self.scalar()?,
        }
        Some(())
    }

    /// Whether a comma follows; else it must be the end of the object.
    fn another(&mut self) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            _ => (byte == b'}').then_some(false),
        }
    }

    /// The text between two quotes, escapes as they are.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            let quote = self.at + quote_in(&self.line[self.at..])?;
            self.at = quote + 1;
            if self.line[quote - 1] != b'\\' || !is_escaped(&self.line[start..quote]) {
                return Some(&self.line[start..quote]);
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<()> {
        let rest = &self.line[self.at..];
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let length = rest.iter().take_while(is_part).count();
        self.at += length;
        (length > 0).then_some(())
    }
}

/// Where the next quote is. Nearly all strings are short, for which a call of memchr costs more than
/// looking.
#[inline]
fn quote_in(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    for (number, eight) in text.chunks_exact(8).take(4).enumerate() {
        let differs = u64::from_le_bytes(eight.try_into().ok()?) ^ (ONES * b'"' as u64);
        // The lowest of these bits is the first byte that is zero, a quote (Hacker's Delight, 6-1).
        let zeroes = differs.wrapping_sub(ONES) & !differs & HIGHS;
        if zeroes != 0 {
            return Some(number * 8 + zeroes.trailing_zeros() as usize / 8);
        }
    }
    let rest = text.len().min(32) / 8 * 8;
    memchr(b'"', &text[rest..]).map(|found| rest + found)
}

/// Whether what follows is a part of the text: behind an odd number of backslashes.
fn is_escaped(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}
