//! Finds the end of an object or a list without looking at what is in it, 64 bytes at a time.
//!
//! Of each block one number says which bytes are quotes, another which are brackets; a bracket counts
//! where the number of quotes before it is even. (Langdale and Lemire, "Parsing gigabytes of JSON per
//! second", 2019.)

/// How many bytes are looked at at once: the bits of a number.
const BLOCK: usize = 64;

/// The bits of even places.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// How long the object or list is with which `text` begins. It ends where as many brackets were closed
/// as were opened; of which sort they are is not looked at.
#[must_use]
pub fn nested(text: &[u8]) -> Option<usize> {
    let mut state = State::default();
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        if let Some(end) = state.end_in(block) {
            return Some(number * BLOCK + end);
        }
    }
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    Some(blocks.len() * BLOCK + state.end_in(&last)?)
}

/// What one block leaves to the next.
#[derive(Default)]
struct State {
    depth: u32,
    /// All ones within a string.
    in_string: u64,
    /// 1 if the first byte is behind a backslash.
    escaped: u64,
}

impl State {
    /// Where, in this block, the last bracket is closed; behind it.
    fn end_in(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        let quotes = which(block, |byte| byte == b'"') & !self.escaped_in(block);
        let in_string = parity(quotes) ^ self.in_string;
        self.in_string = if in_string >> 63 == 1 { u64::MAX } else { 0 };
        let mut brackets = which(block, is_bracket) & !in_string;
        while brackets != 0 {
            let at = brackets.trailing_zeros() as usize;
            self.depth = if is_opening(block[at]) { self.depth + 1 } else { self.depth.checked_sub(1)? };
            if self.depth == 0 {
                return Some(at + 1);
            }
            brackets &= brackets - 1;
        }
        None
    }

    /// Which bytes are behind a backslash that is not behind one itself.
    fn escaped_in(&mut self, block: &[u8; BLOCK]) -> u64 {
        if self.escaped == 0 && !has_slash(block) {
            return 0;
        }
        let slashes = which(block, |byte| byte == b'\\') & !self.escaped;
        let behind = slashes << 1 | self.escaped;
        // Of a row of slashes every second one is escaped, from the second on. Adding a row to its first bit
        // carries to the bit behind it: rows that begin at odd places are told from the others so.
        let odd_starts = slashes & !EVEN & !behind;
        let (carried, overflow) = odd_starts.overflowing_add(slashes);
        self.escaped = u64::from(overflow);
        (EVEN ^ (carried << 1)) & behind
    }
}

/// Nearly always not.
fn has_slash(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(false, |any, byte| any | (*byte == b'\\'))
}

/// Each bit says whether the number of ones up to it is odd.
fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// One of `{}[]`. They differ in two bits only; a `match` would be compared one byte at a time.
const fn is_bracket(byte: u8) -> bool {
    (byte | 0x20).wrapping_sub(b'{') & !2 == 0
}

/// Of a bracket.
const fn is_opening(byte: u8) -> bool {
    byte & 2 != 0
}

/// Which bytes are such. Written so that the compiler compares many at once.
#[inline]
fn which(block: &[u8; BLOCK], is_such: impl Fn(u8) -> bool) -> u64 {
    /// Moves the lowest bits of eight bytes into the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let same = block.map(|byte| u8::from(is_such(byte)));
    let (eights, _) = same.as_chunks::<8>();
    let gathered = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(GATHER) & (0xff << 56);
    let each = eights.iter().zip((0..8).rev()).map(|(eight, bytes)| gathered(eight) >> (8 * bytes));
    each.fold(0, |bits, byte| bits | byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte.
    fn plainly(text: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'"' if !escaped => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth = depth.checked_sub(1)?,
                _ => {}
            }
            escaped = *byte == b'\\' && !escaped;
            if depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }

    proptest! {
        #[test]
        fn the_end_is_where_it_is_byte_by_byte(text in "[\\[{][\"\\\\{}\\[\\]a]{0,300}") {
            prop_assert_eq!(nested(text.as_bytes()), plainly(text.as_bytes()));
        }

        #[test]
        fn however_long_it_is(text in "[\\[{](\"[{}\\[\\]a]{0,40}(\\\\\\\\|\\\\\")*\"|[{\\[]|[{\\[][}\\]]){0,60}[}\\]]{0,40}") {
            prop_assert_eq!(nested(text.as_bytes()), plainly(text.as_bytes()));
        }
    }
}
