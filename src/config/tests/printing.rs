//! What `check-config` prints, and how it ends.

use super::Place;
use crate::cli::check_config::{Args, run};
use crate::cli::exit::Exit;

const TOML: &str = r#"[sources.wazuh]
kind = "indexer"
url = "https://indexer:9200"
password = { file = "@/secret" }

[watches.default]
agent_file = "@/agents.csv"
classes = [{ match = { name = "web-*" }, interval = "5m" }]

[channels.soc]
kind = "log"
[channels.log]
kind = "log"
budget = ["20 per 10m"]

[[routes]]
name = "quick"
match = { event = "agent_silent" }
steps = [{ to = ["soc", "log"], need = "all", fallback_after = "3m" }, { to = ["log"] }]
stop = true
active = [{ days = ["mon-fri"], from = "08:00", to = "18:00" }]
time_zone = "Europe/Rome"

[catch_all]
steps = [{ to = ["log"] }]
quiet = { windows = [{ from = "22:00", to = "06:00" }], time_zone = "Europe/Rome", below = "high" }
group = { by = ["site"], wait = "30s" }
"#;

async fn check(place: &Place, args: Args) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(args, place.load(), false, &mut out, &mut err).await;
    let root = format!("{}/", place.dir.path().display());
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&root, "");
    (exit, text(out), text(err))
}

fn place() -> Place {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new().with("secret", "hunter22").toml(TOML);
    let secret = place.dir.path().join("secret");
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    place
}

#[tokio::test]
async fn values_with_origins_then_what_is_watched_then_where_messages_go() {
    let (exit, out, err) = check(&place(), Args { probe: true, ..Args::default() }).await;
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
    // The paths are longer than shown, and with them the columns.
    let squeezed: Vec<String> =
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for wanted in [
        "sources.wazuh.url \"https://indexer:9200\" m.toml:3:1",
        "sources.wazuh.password **** from { file = \"secret\" } m.toml:4:1",
        "watches.default.interval \"15m\" default",
        "channels.soc.max_in_flight 4 default",
        "routes[1].stop true m.toml:20:1",
        "default wazuh 2 5m to 15m + 1m 1m 0 1",
        "quick event=agent_silent, mon-fri 08:00-18:00 Europe/Rome all of soc (log) + log (20 per 10m); after 3m: \
         log (20 per 10m) over 5 per 1m after 1h, x2 up to 1d stops",
        "catch_all what no route took, by site log (20 per 10m) below high in mon-sun 22:00-06:00 Europe/Rome; 30s for \
         others; over 5 per 1m of one group, 10 in all after 1h, x2 up to 1d",
        "source wazuh (indexer): ok",
        "channel soc (log): ok",
    ] {
        assert!(squeezed.iter().any(|line| line == wanted), "{wanted}\n{out}");
    }
    assert!(!out.contains("hunter22"));
}

#[tokio::test]
async fn a_probe_fails_where_a_watch_wants_nobody_of_its_list() {
    let probed = async |name: &str| {
        let discover = format!("discover = {{ include = [{{ name = {name:?} }}] }}");
        let place = place().with("m.toml", TOML.replace("agent_file = \"@/agents.csv\"", &discover));
        check(&place, Args { probe: true, ..Args::default() }).await
    };
    let (exit, out, _) = probed("wbe-*").await;
    let said = "source wazuh (indexer): FAILED: watch default: `include` and `exclude` want none of those on the list, 1 in all";
    assert!(exit == Exit::Failed && out.contains(said), "{out}");
    let (exit, out, _) = probed("web-*").await;
    assert!(exit == Exit::Ok && out.contains("source wazuh (indexer): ok"), "{out}");
}

#[tokio::test]
async fn a_refusal_is_78_and_strict_refuses_warnings() {
    let bad = place().with("m.toml", TOML.replace("stop =", "stopp ="));
    let (exit, _, err) = check(&bad, Args::default()).await;
    assert_eq!(exit, Exit::Config);
    assert!(err.contains(" --> m.toml:20:1\n") && err.ends_with("1 error\n"), "{err}");
    let warned = place().with("m.toml", TOML.replace("{ file = \"@/secret\" }", "\"hunter22\""));
    assert_eq!(check(&warned, Args::default()).await.0, Exit::Ok);
    let (exit, out, err) = check(&warned, Args { strict: true, ..Args::default() }).await;
    assert_eq!(exit, Exit::Config);
    assert!(!out.contains("hunter22") && !err.contains("hunter22"), "{err}");
}

#[tokio::test]
async fn json_has_the_same_and_nothing_else_is_on_stdout() {
    let (exit, out, err) = check(&place(), Args { json: true, probe: true, strict: false }).await;
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["valid"], true);
    assert_eq!(json["watches"][0]["agents"], 2);
    assert_eq!(json["routes"][0]["steps"][0]["to"][1], "log");
    assert_eq!(json["routes"][0]["active"], "mon-fri 08:00-18:00 Europe/Rome");
    assert_eq!(json["routes"][1]["quiet"]["below"], "high");
    assert_eq!(json["routes"][1]["group"]["wait_seconds"], 30.0);
    assert_eq!(json["probes"][0]["ok"], true);
    let bad = place().with("m.toml", "[journal]\npaht = 1\n");
    let (exit, out, _) = check(&bad, Args { json: true, ..Args::default() }).await;
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &json["valid"]), (Exit::Config, &false.into()));
    assert_eq!(json["problems"][0]["origin"], "m.toml:2:1");
    assert_eq!((&json["problems"][0]["line"], &json["problems"][0]["column"]), (&2.into(), &1.into()));
}
