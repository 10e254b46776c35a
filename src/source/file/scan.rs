//! Finds a few values in a line of JSON without reading the rest of it closely.
//!
//! The scanner walks the whole object and knows at each key where it is, so text inside of a string
//! or in another object is never taken for a value that is looked for. Whatever it is not sure of (a
//! wanted key that comes twice, a key with an escape, deep nesting, blanks, broken structure) it
//! leaves to the full parser. What it skips, it checks for structure only: a wrong escape or number
//! in there does not matter.

use memchr::memchr;

/// How many values can be looked for at once: the bits of [`Mask`].
pub const MOST: usize = 8;

/// Deeper lines are left to the full parser, which stops at 128.
const DEEPEST: usize = 64;

/// The raw text of each wanted value, quotes included.
pub type Found<'a> = [Option<&'a [u8]>; MOST];

/// Some of the wanted values.
type Mask = u8;

/// Where the wanted values are: each a path of keys from the top.
#[derive(Debug, Clone)]
pub struct Scanner {
    paths: Vec<Vec<Box<[u8]>>>,
}

impl Scanner {
    /// Looks for the values at these dotted paths.
    ///
    /// # Panics
    /// With more than [`MOST`] paths.
    #[must_use]
    pub fn new(paths: &[&str]) -> Self {
        assert!(paths.len() <= MOST, "too many paths");
        let keys = |path: &&str| path.split('.').map(|key| key.as_bytes().into()).collect();
        Self { paths: paths.iter().map(keys).collect() }
    }

    /// The wanted values of an object, or `None` where the full parser has to decide.
    #[must_use]
    pub fn scan<'a>(&self, line: &'a [u8]) -> Option<Found<'a>> {
        let mut walk = Walk { line, at: 0, paths: &self.paths, found: [None; MOST] };
        let all = Mask::MAX >> (MOST - self.paths.len());
        walk.object(all, 0)?;
        (walk.at == line.len()).then_some(walk.found)
    }
}

struct Walk<'a, 'p> {
    line: &'a [u8],
    at: usize,
    paths: &'p [Vec<Box<[u8]>>],
    found: Found<'a>,
}

impl<'a> Walk<'a, '_> {
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// The next byte, if it is this one.
    fn take(&mut self, byte: u8) -> Option<()> {
        let taken = self.peek()? == byte;
        self.at += usize::from(taken);
        taken.then_some(())
    }

    /// An object in which the `wanted` values may be, at that depth.
    fn object(&mut self, wanted: Mask, depth: usize) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        let mut met: Mask = 0;
        loop {
            let key = self.string()?;
            self.take(b':')?;
            let next = if wanted == 0 { 0 } else { self.beneath(key, wanted, depth)? };
            // A key that comes twice: which of them holds is for the full parser to say.
            if next & met != 0 {
                return None;
            }
            met |= next;
            self.value(next, depth + 1)?;
            match self.more(b'}')? {
                true => {}
                false => return Some(()),
            }
        }
    }

    /// Those of the `wanted` values that are at or below this key.
    fn beneath(&self, key: &[u8], wanted: Mask, depth: usize) -> Option<Mask> {
        if key.contains(&b'\\') {
            return None;
        }
        let is_on = |path: &Vec<Box<[u8]>>| path.get(depth).is_some_and(|part| **part == *key);
        let on = |(at, path)| Mask::from(is_on(path)) << at;
        Some(self.paths.iter().enumerate().map(on).fold(0, |mask, bit| mask | bit) & wanted)
    }

    /// Any value. `wanted` are at or below it.
    fn value(&mut self, wanted: Mask, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        let start = self.at;
        match self.peek()? {
            b'"' => drop(self.string()?),
            b'{' => self.object(wanted, depth)?,
            b'[' => self.array(depth)?,
            _ => self.scalar()?,
        }
        if wanted != 0 {
            self.note(wanted, depth, start);
        }
        Some(())
    }

    /// Keeps the value that began at `start` for those who want it rather than something in it.
    fn note(&mut self, wanted: Mask, depth: usize, start: usize) {
        for (at, path) in self.paths.iter().enumerate() {
            if wanted & (1 << at) != 0 && path.len() == depth {
                self.found[at] = Some(&self.line[start..self.at]);
            }
        }
    }

    /// No path leads into an array.
    fn array(&mut self, depth: usize) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(0, depth + 1)?;
            match self.more(b']')? {
                true => {}
                false => return Some(()),
            }
        }
    }

    /// Whether a comma follows; else it must be the `end`.
    fn more(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            _ => (byte == end).then_some(false),
        }
    }

    /// The text between two quotes, escapes as they are.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            let quote = self.at + memchr(b'"', &self.line[self.at..])?;
            self.at = quote + 1;
            // Behind an odd number of backslashes it is a part of the text.
            let escapes = self.line[start..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
            if escapes % 2 == 0 {
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
