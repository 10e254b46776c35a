//! The `[links]`: what is wrong is told at its own place in the address.

use super::Place;
use crate::dispatch::fixtures::agent_silent;

const WATCH: &str = "[sources.wazuh]\nkind = \"indexer\"\nurl = \"https://indexer:9200\"\n\
                     [watches.default]\nagent_file = \"@/agents.csv\"\n\
                     [channels.oncall]\nkind = \"email\"\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\n\
                     to = [\"b@example.org\"]\n";

fn place(links: &str) -> Place {
    Place::new().toml(&format!("[links]\n{links}\n{WATCH}"))
}

#[test]
fn links_come_in_the_order_in_which_they_are_written() {
    let place =
        place("Wazuh = \"https://wazuh.example/{id}\"\nGrafana = 'https://grafana.example/?from={since_ms}'");
    let loaded = place.load();
    let settings = loaded.settings.as_ref().unwrap_or_else(|| panic!("{}", place.shown(&loaded)));
    let links = settings.wording.links(&[agent_silent("001", "web-01")], "soc");
    let shown: Vec<String> = links.into_iter().map(|link| format!("{}: {}", link.title, link.url)).collect();
    assert_eq!(
        shown,
        ["Wazuh: https://wazuh.example/001", "Grafana: https://grafana.example/?from=1767225600000"]
    );
}

#[test]
fn every_mistake_is_told_where_it_stands() {
    let place = place(
        "a = \"https://wazuh.example/{idd}/{x}\"\nb = \"\"\"\nftp://a.example\"\"\"\nc = 5\n\" \" = \"https://a.example\"",
    );
    let names = "`id`, `name`, `watch`, `event`, `severity`, `cause`, `incident`, `installation`, `since`, `since_ms`, \
                 `at`, `at_ms` and `labels.NAME`";
    assert_eq!(
        place.lines(&place.load()),
        [
            "error: m.toml:2:28: unknown placeholder `{idd}` (did you mean `id`?)".to_owned(),
            format!("error: m.toml:2:34: unknown placeholder `{{x}}` (there is {names})"),
            "error: m.toml:4:1: only https and http lead anywhere in a message".to_owned(),
            "error: m.toml:5:5: `c`: expected a string, found integer `5`".to_owned(),
            "error: m.toml:6:1: a link is shown as a word of 1 to 40 characters without control characters"
                .to_owned(),
        ]
    );
}
