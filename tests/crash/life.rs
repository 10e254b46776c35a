//! One silence of one agent, from its first message to its end, in which the program dies once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::endpoint::{Endpoint, First};
use crate::support::{Daemon, World};

/// About how long such a life is, in milliseconds.
pub const USUAL: u64 = 3_000;

/// How the program dies.
#[derive(Debug, Clone, Copy)]
pub enum Death {
    /// At this named place, the given time that it gets there.
    At(&'static str, usize),
    /// Killed from outside after so long.
    After(Duration),
}

/// Plays all of them, some at once; whether each program died.
pub async fn all(lives: Vec<(Death, First)>, at_once: usize) -> Vec<bool> {
    let room = Arc::new(Semaphore::new(at_once));
    let play = |(death, first)| {
        let room = room.clone();
        tokio::spawn(async move {
            let _place = room.acquire_owned().await.unwrap();
            play(death, first).await
        })
    };
    let tasks: Vec<_> = lives.into_iter().map(play).collect();
    let mut died = Vec::new();
    for task in tasks {
        died.push(task.await.unwrap());
    }
    died
}

async fn play(death: Death, first: First) -> bool {
    let ends = [Endpoint::start(first).await, Endpoint::start(First::Accepts).await];
    let mut life = Life::begin(death, first, &ends).await;
    let story = format!("{death:?} with {first:?}");
    let hears = |end: &Endpoint| end.has("firing");
    life.until(&story, "whoever is to hear of it does", |_| match first {
        // The second is told although the first accepted.
        First::Accepts => ends.iter().all(hears),
        First::IsGone | First::HangsUpOnce => ends.iter().any(hears),
    })
    .await;
    life.world.log(&["001", "002"]);
    life.until(&story, "whoever heard of it hears of its end", |world| {
        is_settled(world) && ends.iter().all(|end| !end.has("firing") || end.has("resolved"))
    })
    .await;
    ends.iter().for_each(|end| end.judge(&story));
    life.died
}

struct Life {
    world: World,
    daemon: Option<Daemon>,
    /// When it is killed from outside.
    dies: Option<Instant>,
    died: bool,
}

impl Life {
    async fn begin(death: Death, kind: First, [first, second]: &[Endpoint; 2]) -> Self {
        let world = World::new().await;
        world.write("config/log-monitor.toml", &settings(kind, &first.url(), &second.url()));
        world.log(&["001"]);
        let order = match death {
            Death::At(point, time) => format!("{point}:{time}"),
            Death::After(_) => String::new(),
        };
        let daemon = Some(world.daemon_with(&[("LOG_MONITOR_CRASH_AT", &order)]));
        let dies = match death {
            Death::At(..) => None,
            Death::After(after) => Some(Instant::now() + after),
        };
        Self { world, daemon, dies, died: false }
    }

    /// Waits until `holds`; whoever dies meanwhile is started again, and lives.
    async fn until(&mut self, story: &str, what: &str, holds: impl Fn(&World) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds(&self.world) {
            if self.dies.is_some_and(|dies| dies <= Instant::now()) {
                self.dies = None;
                self.daemon.take().unwrap().kill_9();
                self.revive();
            } else if self.daemon.as_mut().unwrap().is_dead() {
                assert!(!self.died, "{story}: died twice: {}", self.world.read("stderr"));
                self.revive();
            }
            assert!(Instant::now() < deadline, "{story}: never came: {what}: {}", self.world.read("stderr"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn revive(&mut self) {
        self.died = true;
        self.daemon = Some(self.world.daemon());
    }
}

/// A second goes by between a step and the next, which is an escalation where the first channel accepts, else the
/// fallback.
fn settings(kind: First, first: &str, second: &str) -> String {
    let (fallback, escalation) = match kind {
        First::Accepts => ("", ", after = \"1s\""),
        First::IsGone | First::HangsUpOnce => (", fallback_after = \"1s\"", ""),
    };
    format!(
        "schema = 1\n[channels.first]\nkind = \"webhook\"\nurl = \"{first}\"\n\
         [channels.second]\nkind = \"webhook\"\nurl = \"{second}\"\n\
         [catch_all]\nsteps = [{{ to = [\"first\"]{fallback} }}, {{ to = [\"second\"]{escalation} }}]\n"
    )
}

/// Whether nothing is open or owed any more, but the end that a channel refuses, which waits for it.
fn is_settled(world: &World) -> bool {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(journal) = rusqlite::Connection::open_with_flags(world.path("state/log-monitor.db"), flags) else {
        return false;
    };
    let owed = "SELECT (SELECT COUNT(*) FROM incident WHERE closed IS NULL AND key = '002')
                     + (SELECT COUNT(*) FROM delivery JOIN message ON message.id = delivery.message
                        WHERE state IN ('pending', 'sending', 'waiting')
                        AND NOT (state = 'waiting' AND kind = 'resolved' AND channel IN
                                 (SELECT name FROM channel WHERE quarantined IS NOT NULL)))";
    journal.query_row(owed, [], |row| row.get(0)).is_ok_and(|owed: i64| owed == 0)
}
