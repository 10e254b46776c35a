//! Reading a message back: unfolded headers, encoded words, MIME parts.

/// A message as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope that were accepted.
    pub to: Vec<String>,
    /// Headers and body with CRLF line ends, replacement characters where they were not UTF-8.
    pub data: String,
}

/// How deep parts may nest before the rest is left unread.
const MAX_DEPTH: usize = 8;

impl Mail {
    /// The first header of that name, unfolded, its encoded words (RFC 2047) decoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        Some(decode_words(&header(split(&self.data).0, name)?))
    }

    /// The first `text/plain` part, decoded, with `\n` line ends.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        part(&self.data, "text/plain", 0)
    }

    /// The first `text/html` part, decoded, with `\n` line ends.
    #[must_use]
    pub fn html(&self) -> Option<String> {
        part(&self.data, "text/html", 0)
    }
}

/// The headers and the body of a message or part.
fn split(data: &str) -> (&str, &str) {
    match data.strip_prefix("\r\n") {
        Some(body) => ("", body),
        None => data.split_once("\r\n\r\n").unwrap_or((data, "")),
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.split("\r\n");
    let first = lines.find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim_start().to_owned())
    })?;
    let folded = lines.take_while(|line| line.starts_with([' ', '\t']));
    Some(folded.fold(first, |value, line| value + line))
}

fn part(data: &str, wanted: &str, depth: usize) -> Option<String> {
    let (head, body) = split(data);
    let kind = header(head, "content-type").unwrap_or_else(|| "text/plain".to_owned());
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media.starts_with("multipart/") && depth < MAX_DEPTH {
        let boundary = format!("\r\n--{}", parameter(&kind, "boundary")?);
        let whole = format!("\r\n{body}");
        let mut parts = whole.split(&boundary).skip(1);
        return parts.find_map(|inner| part(inner.strip_prefix("\r\n")?, wanted, depth + 1));
    }
    (media == wanted)
        .then(|| decode_body(body, &header(head, "content-transfer-encoding").unwrap_or_default()))
}

/// A parameter of a header such as `multipart/mixed; boundary="x"`.
fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn decode_body(body: &str, encoding: &str) -> String {
    let bytes = match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => base64(body),
        "quoted-printable" => quoted_printable(body, false),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
}

/// Decodes RFC 2047's encoded words in UTF-8; white space between two of them vanishes (§6.2).
fn decode_words(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let gap = &rest[..start];
        match encoded_word(&rest[start..]) {
            Some((bytes, length)) => {
                if !(after_word && gap.trim().is_empty()) {
                    out.extend_from_slice(gap.as_bytes());
                }
                out.extend(bytes);
                rest = &rest[start + length..];
                after_word = true;
            }
            None => {
                out.extend_from_slice(&rest.as_bytes()[..start + 2]);
                rest = &rest[start + 2..];
                after_word = false;
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

/// The bytes of the encoded word that `text` begins with, and its length.
fn encoded_word(text: &str) -> Option<(Vec<u8>, usize)> {
    let mut fields = text.strip_prefix("=?")?.splitn(3, '?');
    let (charset, encoding, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let payload = &rest[..rest.find("?=")?];
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => base64(payload),
        "Q" | "q" => quoted_printable(payload, true),
        _ => return None,
    };
    Some((bytes, charset.len() + encoding.len() + payload.len() + "=????=".len()))
}

/// RFC 2045 §6.8; whatever is not in the alphabet is skipped.
fn base64(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for value in text.bytes().take_while(|byte| *byte != b'=').filter_map(sextet) {
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    out
}

const fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// RFC 2045 §6.7, or its form for headers (RFC 2047 §4.2), where `_` is a space.
fn quoted_printable(text: &str, in_header: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'=', [b'\r', b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            (b'_', _) if in_header => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out
}

/// The value of a digit that was checked to be one.
fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_encoded_and_nested_messages_read_back() {
        let data = "Subject: =?utf-8?B?w6Q=?=\r\n =?UTF-8?Q?_b=C3=B6?= c =?x\r\n\
            Content-Type: multipart/mixed; boundary=\"o\"\r\n\r\n--o\r\n\
            Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nplain\r\n.\r\n--i\r\n\
            Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            <b>=C3=A4=\r\n</b>\r\n--i--\r\n--o--\r\n";
        let mail = Mail { from: String::new(), to: Vec::new(), data: data.to_owned() };
        assert_eq!(mail.header("subject").unwrap(), "ä bö c =?x");
        assert_eq!(mail.text().unwrap(), "plain\n.");
        assert_eq!(mail.html().unwrap(), "<b>ä</b>");
        assert_eq!(mail.header("bcc"), None);
    }
}
