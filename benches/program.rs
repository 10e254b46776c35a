//! The program as a process: its size, how soon it asks its first question, what it holds when idle.
//!
//! Measures the release build, which it makes first, or what `LOG_MONITOR_BIN` names.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use log_monitor::simulation::SimulatedIndexer;

const WANTED_START: f64 = 100.0;
const WANTED_MB: f64 = 16.0;
const WANTED_IDLE_MIB: f64 = 25.0;

fn main() {
    let program = std::env::var_os("LOG_MONITOR_BIN").map_or_else(release_build, PathBuf::from);
    let program = program.canonicalize().unwrap();
    let megabytes = std::fs::metadata(&program).unwrap().len() as f64 / 1e6;
    println!("binary          {megabytes:>6.1} MB   {:.2} of {WANTED_MB:.0} MB", megabytes / WANTED_MB);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (mut starts, idle): (Vec<f64>, Vec<f64>) = (0..9).map(|_| runtime.block_on(start(&program))).unzip();
    starts.sort_by(f64::total_cmp);
    println!(
        "first question  {:>6.1} ms   {:.2} of {WANTED_START:.0} ms (median of 9)",
        starts[4],
        starts[4] / WANTED_START
    );
    let idle = idle.into_iter().fold(0.0, f64::max);
    println!("idle            {idle:>6.1} MiB  {:.2} of {WANTED_IDLE_MIB:.0} MiB", idle / WANTED_IDLE_MIB);
}

/// The program as it is released: what `cargo bench` itself has put there is built in another way.
fn release_build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "--locked"]).status().unwrap();
    assert!(built.success(), "no release build");
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("log-monitor")
}

/// Milliseconds to the first search, and MiB after three more rounds.
async fn start(program: &Path) -> (f64, f64) {
    let indexer = SimulatedIndexer::start(&[("monitor", "secret")]).await.unwrap();
    indexer.log("001", chrono::Utc::now());
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("env-files")).unwrap();
    std::fs::write(folder.path().join("agents.csv"), "001,web\n").unwrap();
    let env = format!(
        "WAZUH_URL={}/wazuh-alerts*/_count\nUSERNAME=monitor\nPASSWORD=secret\nAGENT_LIST_FILE=agents.csv\n",
        indexer.url()
    );
    std::fs::write(folder.path().join("env-files/log_counter.env"), env).unwrap();
    let started = Instant::now();
    let mut daemon = Command::new(program)
        .arg("run")
        .current_dir(folder.path())
        .env("LOG_MONITOR__WATCHES__DEFAULT__POLL", "1s")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    searches(&indexer, 1).await;
    let first = started.elapsed().as_secs_f64() * 1000.0;
    searches(&indexer, 4).await;
    let resident = resident_mib(&daemon);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    (first, resident)
}

async fn searches(indexer: &SimulatedIndexer, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while indexer.searches() < count {
        assert!(Instant::now() < deadline, "it does not ask");
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}

fn resident_mib(process: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
