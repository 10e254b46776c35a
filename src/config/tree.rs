//! Work on parsed TOML that keeps every position: moving, merging, finding and taking out.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::source_map::Place;

/// A value with its place.
pub type Node<'t> = Spanned<DeValue<'t>>;

/// A table with its place.
pub type Table<'t> = Spanned<DeTable<'t>>;

/// The same value with every position moved by `by`.
pub fn moved(value: Node<'_>, by: usize) -> Node<'_> {
    let place = value.span().start + by..value.span().end + by;
    let value = match value.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| moved(item, by)).collect()),
        DeValue::Table(table) => DeValue::Table(moved_table(table, by)),
        other => other,
    };
    Spanned::new(place, value)
}

/// The same table with every position moved by `by`.
pub fn moved_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let mut out = DeTable::new();
    for (key, value) in table {
        let place = key.span().start + by..key.span().end + by;
        out.insert(Spanned::new(place, key.into_inner()), moved(value, by));
    }
    out
}

/// Lays `over` on `base`: tables merge key by key, anything else is replaced, and so are a secret's
/// reference and a named table whose `kind` is another one.
pub fn merge<'t>(base: &mut DeTable<'t>, over: DeTable<'t>) {
    merge_at(1, base, over);
}

fn merge_at<'t>(depth: usize, base: &mut DeTable<'t>, over: DeTable<'t>) {
    for (key, value) in over {
        let merged = match (base.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.get_ref()) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) if merges(depth, below, above) => {
                let mut below = std::mem::take(below);
                let place = value.span();
                if let DeValue::Table(above) = value.into_inner() {
                    merge_at(depth + 1, &mut below, above);
                }
                Spanned::new(place, DeValue::Table(below))
            }
            _ => value,
        };
        replace(base, key, merged);
    }
}

/// `depth` counts keys from the top: a reference stands at `channels.soc.password` or deeper, while
/// `log.file` and the `file` of a source are keys like any other.
fn merges(depth: usize, below: &DeTable<'_>, above: &DeTable<'_>) -> bool {
    let kinds = (string(below, "kind"), string(above, "kind"));
    let other_kind = matches!(kinds, (Some((below, _)), Some((above, _))) if below != above);
    let named = ["env", "file", "credential"].iter().any(|key| string(above, key).is_some());
    let refers = depth >= 3 && above.len() == 1 && named;
    !other_kind && !refers
}

/// Puts a value in with the position of its own key, where the key stood before.
fn replace<'t>(table: &mut DeTable<'t>, key: Spanned<DeString<'t>>, value: Node<'t>) {
    if !table.contains_key(key.get_ref().as_ref()) {
        table.insert(key, value);
        return;
    }
    // A map keeps the key it has, and with it the position in the lower layer; hence the rebuild.
    let mut new = Some((key, value));
    for (old, below) in std::mem::take(table) {
        match new.take_if(|(key, _)| key.get_ref() == old.get_ref()) {
            Some((key, value)) => table.insert(key, value),
            None => table.insert(old, below),
        };
    }
}

/// Puts a value at a path, with tables on the way that stand where the value stands.
pub fn put<'t>(table: &mut DeTable<'t>, path: &[String], key_place: &Place, value: Node<'t>) {
    let mut value = value;
    for part in path.iter().skip(1).rev() {
        let mut around = DeTable::new();
        around.insert(Spanned::new(key_place.clone(), Cow::Owned(part.clone())), value);
        value = Spanned::new(key_place.clone(), DeValue::Table(around));
    }
    let mut outer = DeTable::new();
    if let Some(first) = path.first() {
        outer.insert(Spanned::new(key_place.clone(), Cow::Owned(first.clone())), value);
    }
    merge(table, outer);
}

/// What is at a path.
pub fn get<'a, 't>(table: &'a DeTable<'t>, path: &[&str]) -> Option<&'a Node<'t>> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    match (rest, value.get_ref()) {
        ([], _) => Some(value),
        (rest, DeValue::Table(inner)) => get(inner, rest),
        _ => None,
    }
}

/// The text at a key, and where it stands.
pub fn string<'a>(table: &'a DeTable<'_>, key: &str) -> Option<(&'a str, Place)> {
    let value = table.get(key)?;
    Some((value.get_ref().as_str()?, value.span()))
}

/// What was taken out of a table.
pub struct Removed {
    /// Keys from the table down, list positions as numbers from 0.
    pub path: Vec<String>,
    /// Where the value stood.
    pub place: Place,
}

/// Takes out the deepest entry that encloses `place`.
pub fn remove_at(table: &mut DeTable<'_>, place: &Place) -> Option<Removed> {
    let mut hit = None;
    for (key, value) in table.iter_mut() {
        let name = key.get_ref().to_string();
        if let Some(mut removed) = remove_inside(value.get_mut(), place) {
            removed.path.insert(0, name);
            return Some(removed);
        }
        if encloses(&value.span(), place) || encloses(&key.span(), place) {
            hit = Some((name, value.span()));
            break;
        }
    }
    let (name, place) = hit?;
    table.remove(name.as_str());
    Some(Removed { path: vec![name], place })
}

fn remove_inside(value: &mut DeValue<'_>, place: &Place) -> Option<Removed> {
    match value {
        DeValue::Table(table) => remove_at(table, place),
        DeValue::Array(items) => remove_item(items, place),
        _ => None,
    }
}

fn remove_item(items: &mut toml::de::DeArray<'_>, place: &Place) -> Option<Removed> {
    for (at, item) in items.iter_mut().enumerate() {
        if let Some(mut removed) = remove_inside(item.get_mut(), place) {
            removed.path.insert(0, at.to_string());
            return Some(removed);
        }
    }
    let at = items.iter().position(|item| encloses(&item.span(), place))?;
    let place = items[at].span();
    let old = std::mem::replace(items, toml::de::DeArray::new());
    *items = old.into_iter().enumerate().filter(|(n, _)| *n != at).map(|(_, item)| item).collect();
    Some(Removed { path: vec![at.to_string()], place })
}

fn encloses(outer: &Place, inner: &Place) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> DeTable<'_> {
        DeTable::parse(text).unwrap().into_inner()
    }

    #[test]
    fn a_later_layer_wins_key_by_key_and_brings_its_position() {
        let mut base = table("[a]\nx = 1\ny = 2\n[b.c]\npassword = { env = \"P\" }\nkind = \"k\"\n");
        let over = moved_table(table("[a]\ny = 3\n[b.c]\npassword = { file = \"f\" }\n"), 1000);
        merge(&mut base, over);
        let y = get(&base, &["a", "y"]).unwrap();
        assert!(y.span().start > 1000);
        assert_eq!(y.get_ref().as_integer().unwrap().as_str(), "3");
        assert_eq!(get(&base, &["a", "x"]).unwrap().get_ref().as_integer().unwrap().as_str(), "1");
        assert!(get(&base, &["b", "c", "password", "env"]).is_none(), "a reference replaces another");
        assert!(get(&base, &["b", "c", "kind"]).is_some());
        merge(&mut base, table("[b.c]\nkind = \"other\"\n"));
        assert!(get(&base, &["b", "c", "password"]).is_none(), "keys of another kind mean nothing");
    }

    #[test]
    fn the_deepest_entry_around_a_position_is_taken_out() {
        let text = "steps = [{ to = [\"a\", 5], need = \"any\" }]\nx = 1\n";
        let mut parsed = table(text);
        let at = text.find('5').unwrap();
        assert_eq!(remove_at(&mut parsed, &(at..at + 1)).unwrap().path, ["steps", "0", "to", "1"]);
        assert!(remove_at(&mut parsed, &(900..901)).is_none());
        assert_eq!(parsed.len(), 2);
    }
}
