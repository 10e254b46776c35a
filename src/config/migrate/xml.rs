//! As much of XML as an `ossec.conf` needs: the blocks of one name, and what is directly in them.
//! Positions are byte offsets in the text.

use std::ops::Range;

/// Something that is wrong, and where.
pub type Mistake = (usize, String);

/// `<integration> … </integration>`.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins.
    pub at: usize,
    /// What is in it, in order.
    pub elements: Vec<Element>,
}

/// `<level>10</level>`.
#[derive(Debug, PartialEq, Eq)]
pub struct Element {
    /// Where it begins.
    pub at: usize,
    /// `level`.
    pub name: String,
    /// `10`, without white space around it.
    pub value: String,
    /// Where that is.
    pub value_at: Range<usize>,
}

impl Block {
    /// The first element of that name which is not empty.
    pub fn get(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.name == name && !element.value.is_empty())
    }
}

/// Every block of that name, wherever it stands: the file has several roots. What is wrong with one
/// is no reason not to read the others.
pub fn blocks(text: &str, tag: &str) -> (Vec<Block>, Vec<Mistake>) {
    let (mut blocks, mut mistakes) = (Vec::new(), Vec::new());
    let text = without_comments(text, &mut mistakes);
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut from = 0;
    while let Some(at) = text[from..].find(&open).map(|found| from + found) {
        let body = at + open.len();
        let next = text[body..].find(&open).map_or(text.len(), |next| body + next);
        let Some(end) = text[body..next].find(&close).map(|found| body + found) else {
            mistakes.push((at, format!("`{open}` is never closed")));
            from = next;
            continue;
        };
        match elements(&text, body..end) {
            Ok(elements) => blocks.push(Block { at, elements }),
            Err(mistake) => mistakes.push(mistake),
        }
        from = end + close.len();
    }
    (blocks, mistakes)
}

/// The same text with spaces for comments, so that every position stays.
fn without_comments(text: &str, mistakes: &mut Vec<Mistake>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<!--") {
        out.push_str(&rest[..start]);
        let end = rest[start..].find("-->").map(|end| start + end + 3).unwrap_or_else(|| {
            mistakes.push((out.len(), "this comment is never closed".to_owned()));
            rest.len()
        });
        out.extend(rest[start..end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        rest = &rest[end..];
    }
    out + rest
}

/// A value goes on to the end tag of its name, whatever is in it: keys hold `<` and `&`.
fn elements(text: &str, body: Range<usize>) -> Result<Vec<Element>, Mistake> {
    let mut elements = Vec::new();
    let mut at = body.start;
    loop {
        at += text[at..body.end].len() - text[at..body.end].trim_start().len();
        if at == body.end {
            return Ok(elements);
        }
        let rest = &text[at..body.end];
        let tag = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).map(|(tag, _)| tag);
        let alone = tag.and_then(|tag| Some((tag, tag.strip_suffix('/')?.trim_end())));
        if let Some((tag, name)) = alone.filter(|(_, name)| is_name(name)) {
            let end = at + tag.len() + 2;
            elements.push(element(text, at, name, end..end));
            at = end;
            continue;
        }
        let name = tag.filter(|tag| is_name(tag));
        let (Some(name), Some(tag)) = (name, tag) else {
            return Err((at, "expected an element, such as <name>".to_owned()));
        };
        let start = at + tag.len() + 2;
        let close = format!("</{name}>");
        let length = text[start..body.end].find(&close);
        let length = length.ok_or_else(|| (at, format!("`<{name}>` is never closed")))?;
        elements.push(element(text, at, name, start..start + length));
        at = start + length + close.len();
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

fn element(text: &str, at: usize, name: &str, inner: Range<usize>) -> Element {
    let value = text[inner.clone()].trim();
    let start = inner.start + (text[inner.clone()].len() - text[inner].trim_start().len());
    Element { at, name: name.to_owned(), value: value.to_owned(), value_at: start..start + value.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_are_found_in_several_roots_and_not_in_comments() {
        let text = "<ossec_config><integration>\n <name> slack </name><!-- <level>1</level> -->\n<api_key><A&B></api_key>\
                    </integration></ossec_config>\n<!--\u{e9}<integration></integration>-->\n<ossec_config>\
                    <integration></integration></ossec_config>";
        let (found, mistakes) = blocks(text, "integration");
        assert_eq!((found.len(), mistakes.len()), (2, 0), "{mistakes:?}");
        let values: Vec<_> =
            found[0].elements.iter().map(|e| (e.name.as_str(), &text[e.value_at.clone()])).collect();
        assert_eq!(values, [("name", "slack"), ("api_key", "<A&B>")]);
        assert_eq!(&text[found[1].at..found[1].at + 13], "<integration>");
        let (alone, mistakes) = blocks("<b><do_not_delay /><n>x</n><do_not_group/></b>", "b");
        let names: Vec<_> =
            alone[0].elements.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        assert_eq!(names, [("do_not_delay", ""), ("n", "x"), ("do_not_group", "")], "{mistakes:?}");
    }

    #[test]
    fn what_is_not_closed_is_told_where_it_begins() {
        let told = |text: &str| {
            let mistakes = blocks(text, "b").1;
            mistakes.iter().map(|(at, why)| format!("{at} {why}")).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(told("<b><b></b>"), "0 `<b>` is never closed");
        assert_eq!(told("<b><n>x</b>"), "3 `<n>` is never closed");
        assert_eq!(told("<b>x</b>"), "3 expected an element, such as <name>");
        assert_eq!(told("\u{e9}<!-- <b>"), "2 this comment is never closed");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<b>|</b>|<n>|</n>|<!--|-->|[<>é \n!/-]){0,40}") {
            let (blocks, mistakes) = blocks(&text, "b");
            for element in blocks.iter().flat_map(|block| &block.elements) {
                prop_assert!(text.get(element.value_at.clone()).is_some());
            }
            prop_assert!(mistakes.iter().all(|(at, _)| text.is_char_boundary(*at)));
        }
    }
}
