//! Agents that a source lists.

use super::*;
use crate::config::Discover;
use crate::source::Listed;

/// A source that lists agents, and may be told to fail.
#[derive(Default)]
pub struct Lists {
    agents: Mutex<Vec<(String, String)>>,
    pub broken: Mutex<bool>,
}

impl Lists {
    pub fn set(&self, agents: &[(&str, &str)]) {
        let owned = agents.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned()));
        *self.agents.lock().unwrap() = owned.collect();
    }
}

#[async_trait::async_trait]
impl Source for Lists {
    async fn inventory(&self, _: &Query<'_>) -> Result<Vec<Listed>, SourceError> {
        if *self.broken.lock().unwrap() {
            return Err(SourceError::new(SourceReason::Network, "cannot be reached."));
        }
        let listed = |(id, name): &(String, String)| Listed {
            key: id.into(),
            name: name.into(),
            groups: vec!["default".into()],
            ..Listed::default()
        };
        Ok(self.agents.lock().unwrap().iter().map(listed).collect())
    }

    fn lists_all(&self) -> bool {
        true
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

async fn world(list: &Arc<Lists>) -> World {
    let mut world = World::new(&[]).await;
    world.monitor.replace(setup(&world, list)).await.unwrap();
    world
}

pub fn setup(world: &World, list: &Arc<Lists>) -> Setup {
    let discover = Discover {
        source: "api".to_owned(),
        include: Vec::new(),
        exclude: Vec::new(),
        every: Duration::from_secs(600),
        probation: Duration::from_secs(3600),
        forget_after: Duration::from_secs(30 * 86_400),
    };
    let watch = Watch { discover: Some(discover), ..default_watch(&[]) };
    let lister: Arc<dyn Source> = list.clone();
    Setup { watch, source: world.index.clone(), beside: Vec::new(), lister: Some(("api".to_owned(), lister)) }
}

#[tokio::test(start_paused = true)]
async fn whoever_a_source_lists_is_watched_and_newcomers_have_time_to_begin() {
    let list = Arc::new(Lists::default());
    list.set(&[("000", "manager"), ("001", "web-01"), ("002", "web-02")]);
    let mut world = world(&list).await;
    world.minutes(30, &["001", "002"]).await;
    world.minutes(20, &["001"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"], "and not the manager");
    list.set(&[("001", "web-01"), ("002", "web-02"), ("003", "new-01"), ("004", "new-02")]);
    world.minutes(50, &["001", "003"]).await;
    assert_eq!(world.story().await, ["agent_silent 002"], "004 has an hour to begin");
    world.minutes(30, &["001", "003"]).await;
    assert_eq!(world.story().await, ["agent_silent 002", "agent_silent 004"]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_told_once_and_an_agent_that_is_enrolled_anew_goes_on() {
    let list = Arc::new(Lists::default());
    list.set(&[("001", "web-01"), ("002", "web-02"), ("003", "web-03")]);
    let mut world = world(&list).await;
    world.minutes(30, &["001", "002", "003"]).await;
    world.minutes(20, &["001", "002"]).await;
    list.set(&[("001", "web-01"), ("009", "web-03")]);
    world.minutes(40, &["001"]).await;
    let story = world.story().await;
    let told = ["agent_silent 003", "inventory_changed default", "inventory_changed default"];
    assert_eq!(story, told, "003 is 009 now, 002 is gone and not silent");
    let detail: Vec<String> = world.events().await.into_iter().map(|event| event.detail).collect();
    assert!(detail[1].contains("009 web-03 (was 003)"), "{}", detail[1]);
    assert!(detail[2].contains("not watched any more, is 002 web-02"), "{}", detail[2]);
    world.minutes(2, &["001", "009"]).await;
    let back = world.events().await.pop().unwrap();
    assert_eq!((back.kind, back.entity.unwrap().id.as_str()), (EventKind::AgentRecovered, "009"));
    assert_eq!(back.incident, world.events().await[0].incident, "one silence, one incident");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_changes_nothing_and_a_restart_remembers_it() {
    let list = Arc::new(Lists::default());
    let agents: Vec<(String, String)> = (1..=10).map(|n| (format!("{n:03}"), format!("h{n}"))).collect();
    let named: Vec<(&str, &str)> = agents.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    let ids: Vec<&str> = named.iter().map(|(id, _)| *id).collect();
    list.set(&named);
    let mut world = world(&list).await;
    world.minutes(20, &ids).await;
    *list.broken.lock().unwrap() = true;
    let mut again = world.restarted(&[]).await;
    again.monitor.replace(setup(&again, &list)).await.unwrap();
    again.minutes(20, &ids[1..]).await;
    assert_eq!(again.story().await, ["source_down api", "agent_silent 001"]);
    *list.broken.lock().unwrap() = false;
    again.minutes(20, &ids[1..]).await;
    list.set(&named[..5]);
    again.minutes(60, &ids[1..]).await;
    let told = ["source_down api", "agent_silent 001", "source_up api", "source_down api"];
    assert_eq!(again.story().await, told);
    let last = again.events().await.pop().unwrap();
    assert!(last.cause == "rights" && last.detail.contains("lacks 5 of 10"), "{last:?}");
}
