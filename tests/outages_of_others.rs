//! The tests that `README.md` names beside the outages of others are there.

use std::path::Path;

/// All code below a folder.
fn code(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| match path.is_dir() {
        true => code(&path),
        false => std::fs::read_to_string(path).unwrap_or_default(),
    };
    entries.map(text).collect()
}

#[test]
fn each_outage_of_others_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("tests/README.md")).unwrap();
    let table = readme.split("## What happened to others").nth(1).unwrap();
    let named: Vec<&str> = table.split('|').filter(|cell| cell.starts_with(" `")).collect();
    let code = ["src", "tests", "channels"].map(|folder| code(&root.join(folder))).concat();
    for name in named.iter().flat_map(|cell| cell.split(',')).map(|name| name.trim().trim_matches('`')) {
        assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
    }
    assert!(named.len() > 20, "{named:?}");
}
