//! Agents of one name, where who logs is all that is known.

use super::discovery;
use super::*;
use crate::source::Listed;

/// Lists who logs: 003 and 009 are both `web-03`.
struct WhoLogs(Arc<Index>);

#[async_trait::async_trait]
impl Source for WhoLogs {
    async fn inventory(&self, query: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        let name = |key: &str| if key == "009" { "web-03".to_owned() } else { format!("web-{}", &key[1..]) };
        let listed = |key: String| Listed { name: name(&key).into(), key: key.into(), ..Listed::default() };
        Ok(self.0.within(query).into_keys().map(listed).collect())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

async fn setup(world: &World) -> Setup {
    let lister: Arc<dyn Source> = Arc::new(WhoLogs(world.index.clone()));
    let mut setup = discovery::setup(world, &Arc::default());
    setup.lister = Some(("wazuh".to_owned(), lister));
    setup
}

/// 001 and 003 have logged for a while.
async fn world() -> World {
    let mut world = World::new(&[]).await;
    let setup = setup(&world).await;
    ["001", "003"].iter().for_each(|key| world.index.log(key, world.now()));
    world.monitor.replace(setup).await.unwrap();
    world.minutes(70, &["001", "003"]).await;
    world
}

async fn restarted(world: World) -> World {
    let setup = setup(&world).await;
    let World { index, clock, recorder, .. } = world;
    let monitor = Monitor::new(setup, recorder.clone(), Arc::default()).await.unwrap();
    World { index, clock, recorder, monitor }
}

#[tokio::test(start_paused = true)]
async fn whoever_logs_under_a_new_id_is_not_silent_under_its_old_one() {
    for pause in [1, 8, 15] {
        let mut world = world().await;
        world.minutes(pause, &["001"]).await;
        world.minutes(150, &["001", "009"]).await;
        let mut world = restarted(world).await;
        world.minutes(30, &["001", "009"]).await;
        let story = world.story().await;
        assert!(story.iter().all(|told| told == "inventory_changed default"), "{pause}: {story:?}");
        let last = world.events().await.pop().unwrap().detail;
        assert!(last.contains("009 web-03 (was 003)"), "{last}");
        world.minutes(80, &["001"]).await;
        assert_eq!(world.story().await.last().unwrap(), "agent_silent 009", "{pause}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silence_is_over_when_its_agent_logs_under_a_new_id() {
    let mut world = world().await;
    world.minutes(25, &["001"]).await;
    world.minutes(25, &["001", "009"]).await;
    let told = ["agent_silent 003", "inventory_changed default", "agent_recovered 009"];
    assert_eq!(world.story().await, told);
    let events = world.events().await;
    assert_eq!(events[0].incident, events[2].incident);
}

#[tokio::test(start_paused = true)]
async fn of_two_that_have_logged_side_by_side_each_has_its_own_silence() {
    let mut world = world().await;
    world.minutes(5, &["001", "003", "009"]).await;
    world.minutes(180, &["001", "009"]).await;
    assert_eq!(world.story().await, ["inventory_changed default", "agent_silent 003"]);
}

#[tokio::test(start_paused = true)]
async fn an_old_id_that_logs_again_is_watched_again() {
    let mut world = world().await;
    world.minutes(5, &["001"]).await;
    world.minutes(20, &["001", "009"]).await;
    world.minutes(90, &["001", "003", "009"]).await;
    assert!(world.story().await.iter().all(|told| told == "inventory_changed default"));
    assert_eq!(world.monitor.fleet.entities().len(), 3);
    world.minutes(20, &["001", "009"]).await;
    assert_eq!(world.story().await.last().unwrap(), "agent_silent 003");
}
