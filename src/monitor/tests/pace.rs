//! How often the source is asked.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_fleet_that_logs_is_asked_about_once_in_a_poll() {
    let ids: Vec<String> = (0..60).map(|n| format!("{n:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let World { monitor, index, clock, .. } = World::new(&ids).await;
    let (_setup, setups) = watch::channel(monitor.setup.clone());
    let (_stop, stopped) = watch::channel(false);
    ids.iter().for_each(|id| index.log(id, clock.now()));
    tokio::spawn(monitor.run(setups, stopped));
    // One of them each second, so that each second would be a deadline had nobody logged since.
    for second in 0..3600 {
        index.log(ids[second % ids.len()], clock.now());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let rounds = index.asked.lock().unwrap().len();
    assert!((58..=62).contains(&rounds), "{rounds} rounds in an hour");
}
