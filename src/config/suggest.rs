//! "Did you mean": the nearest right word.

use std::collections::BTreeSet;

use super::model::Watch;

/// The word that was most probably meant; `None` when nothing is near.
pub fn nearest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long garbage would cost quadratic time and has no near word anyway.
    if wrong.len() > 100 {
        return None;
    }
    let wrong = wrong.to_lowercase();
    right
        .into_iter()
        .map(|word| (likeness(&wrong, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness >= 0.6)
        // Of equals the first.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, word)| word)
}

/// The word that was probably meant where any other could be meant as well: it is a letter off, a long one two. None
/// where it is right.
#[must_use]
pub fn misspelt<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = |word: &&str| strsim::osa_distance(wrong, word);
    let near = right.into_iter().filter(|word| far(word) <= 1 + usize::from(word.len() > 6)).min_by_key(far);
    near.filter(|word| *word != wrong)
}

/// Swapped and missing letters count little; so does a word that is only begun.
fn likeness(wrong: &str, word: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(wrong, word);
    let begun = wrong.len() >= 3 && word.starts_with(wrong) || word.len() >= 3 && wrong.starts_with(word);
    if begun { edits.max(0.7) + 0.01 } else { edits }
}

/// `did you mean `word`?`, or the words there are when none is near.
pub fn help<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let right: Vec<&str> = right.into_iter().collect();
    match nearest(wrong, right.iter().copied()) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None if right.is_empty() => None,
        None => Some(format!("there is {}", list(right))),
    }
}

/// `` `a`, `b` and `c` ``.
pub fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}

/// What events can be matched by: what each has, and the labels that classes give.
pub fn keys_of_events(watches: &[Watch]) -> BTreeSet<&str> {
    let own = ["event", "severity", "cause", "watch", "source", "channel", "id", "agent", "name", "label"];
    let classes = watches.iter().flat_map(|watch| &watch.classes);
    let labels = classes.flat_map(|class| class.labels.keys().map(String::as_str));
    own.into_iter().chain(["group", "node"]).chain(labels).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_find_their_word_and_strangers_do_not() {
        let words = ["interval", "intervals", "grace", "agent_file"];
        assert_eq!(nearest("intervall", words), Some("interval"));
        assert_eq!(nearest("agnet_file", words), Some("agent_file"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(help("x", ["a", "b"]).unwrap(), "there is `a` and `b`");
    }
}
