//! Reads whole lines, in pieces of bounded size.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

/// How much is read at once, in bytes: so little that it stays in the cache of the processor.
const PIECE: usize = 128 * 1024;

/// The longest line that is read, in bytes; Wazuh's own are at most 64 KiB (`OS_MAXSTR`, Wazuh 4.x).
pub const LONGEST: usize = 1024 * 1024;

/// What follows the last newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// A line that is still being written.
    Waits,
    /// The file will not grow any more: a line like any other.
    Counts,
}

/// One thing that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line without its newline.
    Line(&'a [u8]),
    /// A line that is too long: what follows of it is passed over.
    TooLong,
    /// So many bytes are done with: a good place to go on from.
    Done(u64),
    /// The beginning of a line that is still being written, or all of it but its newline.
    Unended(&'a [u8]),
}

/// Hands all lines to `each`, until it returns an error. While `skipping`, what comes is the rest of
/// a line that nobody wants.
///
/// # Errors
/// Of reading, and those of `each`.
pub fn read(
    mut from: impl Read,
    rest: Rest,
    skipping: &mut bool,
    mut each: impl FnMut(Piece<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut filled = 0;
    loop {
        let end = filled + read_some(&mut from, &mut buffer[filled..])?;
        if end == filled {
            break;
        }
        // What was there before holds no newline.
        let whole = memrchr(b'\n', &buffer[filled..end]).map_or(0, |newline| filled + newline + 1);
        filled = end;
        if whole > 0 {
            hand_out(&buffer[..whole], skipping, &mut each)?;
            buffer.copy_within(whole..filled, 0);
            filled -= whole;
            each(Piece::Done(whole as u64))?;
        }
        if filled >= LONGEST || (*skipping && filled > 0) {
            if !std::mem::replace(skipping, true) {
                each(Piece::TooLong)?;
            }
            each(Piece::Done(filled as u64))?;
            filled = 0;
        }
        if filled == buffer.len() {
            buffer.resize(LONGEST, 0);
        }
    }
    match rest {
        _ if filled == 0 => Ok(()),
        Rest::Counts => each(Piece::Line(&buffer[..filled])),
        Rest::Waits => each(Piece::Unended(&buffer[..filled])),
    }
}

fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// The lines of a text that ends with a newline, but for the first while `skipping`.
fn hand_out(
    mut text: &[u8],
    skipping: &mut bool,
    each: &mut impl FnMut(Piece<'_>) -> io::Result<()>,
) -> io::Result<()> {
    while let Some(newline) = memchr(b'\n', text) {
        let line = &text[..newline];
        if !std::mem::take(skipping) && !line.is_empty() {
            each(Piece::Line(line))?;
        }
        text = &text[newline + 1..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], rest: Rest) -> (Vec<usize>, u64) {
        let (mut lengths, mut done) = (Vec::new(), 0);
        let each = |piece: Piece<'_>| {
            match piece {
                Piece::Line(line) => lengths.push(line.len()),
                Piece::TooLong => lengths.push(0),
                Piece::Done(bytes) => done += bytes,
                Piece::Unended(_) => {}
            }
            Ok(())
        };
        read(text, rest, &mut false, each).unwrap();
        (lengths, done)
    }

    #[test]
    fn the_last_line_waits_for_its_newline_while_the_file_grows() {
        assert_eq!(lines(b"one\n\nthree\nfo", Rest::Waits), (vec![3, 5], 11));
        assert_eq!(lines(b"one\n\nthree\nfo", Rest::Counts), (vec![3, 5, 2], 11));
    }

    #[test]
    fn a_line_of_absurd_length_is_passed_over_and_the_next_one_is_read() {
        let mut text = vec![b'x'; LONGEST - 1];
        text.extend_from_slice(b"\n");
        assert_eq!(lines(&text, Rest::Waits), (vec![LONGEST - 1], LONGEST as u64));
        let mut text = vec![b'x'; 5 * LONGEST];
        text.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&text, Rest::Waits), (vec![0, 4], text.len() as u64));
    }
}
