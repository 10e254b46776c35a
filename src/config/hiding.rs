//! Where a secret stands in a text that is not its own place: whole and by itself. To hide more would garble what is
//! no secret, and give the secret away: `"****istration"` says what the password is.

use std::ops::Range;

use log_monitor_channels::Secret;

/// What is shorter, in bytes, is a word that others may use.
const SHORTEST: usize = 8;

/// What is shorter, in bytes, is found in too many texts by chance even where the text is about the secret.
const SHORTEST_OF_ITS_OWN: usize = 4;

/// Where the secret stands in any text, in bytes. Places may overlap.
pub fn places(secret: &Secret, text: &str) -> Vec<Range<usize>> {
    places_of(secret, text, SHORTEST)
}

/// The text without the secret.
pub fn hidden(text: &str, secret: &Secret) -> String {
    without(text, places(secret, text))
}

/// A text that is about what stands at the secret's place, without it.
pub fn hidden_in_its_own(text: &str, secret: &Secret) -> String {
    without(text, places_of(secret, text, SHORTEST_OF_ITS_OWN))
}

fn places_of(secret: &Secret, text: &str, shortest: usize) -> Vec<Range<usize>> {
    let found = |needle| text.match_indices(needle).map(|(at, found): (usize, &str)| at..at + found.len());
    let needles = needles(secret.expose().trim()).into_iter().filter(|needle| needle.len() >= shortest);
    needles.flat_map(found).filter(|place| is_by_itself(text, place)).collect()
}

/// The whole, and of an address what makes it secret: ordinary words of a path, such as `services`, have no digit.
fn needles(whole: &str) -> Vec<&str> {
    let mut needles = vec![whole];
    let rest = whole.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("", |slash| &rest[slash..]);
    if path.len() > 1 {
        needles.push(rest);
        let pieces = path.split(['/', '?', '&', '=', '%']);
        let random = |piece: &&str| piece.contains(|c: char| c.is_ascii_digit());
        needles.extend(std::iter::once(path).chain(pieces).filter(random));
    }
    needles
}

/// Whether no word goes on over its beginning or end.
fn is_by_itself(text: &str, place: &Range<usize>) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let goes_on = |at: usize| is_word(text[..at].chars().next_back()) && is_word(text[at..].chars().next());
    !goes_on(place.start) && !goes_on(place.end)
}

fn without(text: &str, places: Vec<Range<usize>>) -> String {
    covered(text, places).0
}

/// A text with these parts of it shown as `****`; and from where to where it is moved by that, each time until the
/// next, in bytes.
pub fn covered(text: &str, mut parts: Vec<Range<usize>>) -> (String, Vec<(usize, usize)>) {
    parts.sort_by_key(|part| (part.start, part.end));
    let (mut out, mut done, mut moved) = (String::new(), 0, Vec::new());
    for part in parts {
        if part.end > done {
            out.push_str(text.get(done..part.start).unwrap_or_default());
            moved.push((part.start.max(done), out.len()));
            out.push_str("****");
            done = part.end;
            moved.push((done, out.len()));
        }
    }
    moved.push((done, out.len()));
    out.push_str(text.get(done..).unwrap_or_default());
    (out, moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_whole_and_by_itself_and_no_word_that_holds_it() {
        let shown = |secret: &str, text: &str| hidden(text, &Secret::new(secret));
        assert_eq!(shown("S3CRETSECRET", "echo S3CRETSECRET, S3CRETSECRETS"), "echo ****, S3CRETSECRETS");
        assert_eq!(shown("elasticsearch", "elasticsearch_new"), "elasticsearch_new");
        assert_eq!(shown("admin", "administration by admin"), "administration by admin");
        assert_eq!(
            hidden_in_its_own("administration by admin", &Secret::new("admin")),
            "administration by ****"
        );
        assert_eq!(shown("s3cret/key=", "a=s3cret/key=b"), "a=****b");
    }

    #[test]
    fn of_an_address_its_rest_is_hidden_and_no_ordinary_word_of_its_path() {
        let hook = Secret::new("https://hooks.example/services/T000/B0000000/abcdefghij1");
        let shown = |text: &str| hidden(text, &hook);
        assert_eq!(shown("POST /services/T000/B0000000/abcdefghij1 (abcdefghij1)"), "POST **** (****)");
        assert_eq!(shown("hooks.example/services/T000/B0000000/abcdefghij1"), "****");
        assert_eq!(shown("hooks.example has services"), "hooks.example has services");
        let short = Secret::new("https://h.example/webhook");
        assert_eq!(hidden("/tmp/webhook/j.db", &short), "/tmp/webhook/j.db");
        assert_eq!(hidden("at https://h.example/webhook", &short), "at ****");
    }
}
