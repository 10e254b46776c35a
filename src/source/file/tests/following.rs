//! Anything may happen to a log, in any order: no line is lost and none is counted twice.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::rotation::compress;
use super::*;

/// What happens next. All but the last two are the doing of the manager, logrotate or an administrator.
#[derive(Debug, Clone, Copy)]
enum Happens {
    /// So many whole lines are written.
    Append(usize),
    /// Of a line this share, in percent, so far; the rest is written before anything else is.
    Torn(u8),
    /// A line that is no JSON, and one that is.
    Junk,
    /// Renamed, as by logrotate; a new log is there at once, or later, when something is written.
    Rename { at_once: bool },
    /// As long as nothing is written to the new log, a line still goes to the one that was renamed.
    Late,
    /// Copied and cut off, as by logrotate's `copytruncate`.
    CopyTruncate,
    /// The last log that was rotated away and is not packed yet is.
    Gzip,
    /// The log has Wazuh's daily name, too.
    Link,
    /// log-monitor starts anew: of this source nothing is kept.
    Restart,
    /// log-monitor looks.
    Poll,
}

fn happens() -> impl Strategy<Value = Happens> {
    use Happens::{Append, CopyTruncate, Gzip, Junk, Late, Link, Poll, Rename, Restart, Torn};
    prop_oneof![
        4 => (1_usize..4).prop_map(Append),
        2 => (0_u8..=100).prop_map(Torn),
        1 => Just(Junk),
        2 => any::<bool>().prop_map(|at_once| Rename { at_once }),
        1 => Just(Late),
        2 => Just(CopyTruncate),
        1 => Just(Gzip),
        1 => Just(Link),
        1 => Just(Restart),
        4 => Just(Poll),
    ]
}

/// The logs, and by its own count what is in them.
struct World {
    place: Place,
    now: i64,
    /// How many lines were begun.
    begun: i64,
    /// Of each agent, when it logged.
    truth: BTreeMap<&'static str, Vec<i64>>,
    /// A line that is not whole yet: what is missing, whose it is, and from when.
    torn: Option<(String, &'static str, i64)>,
    /// The rotated logs, the newest first, by what they are called but for their number.
    rotated: Vec<&'static str>,
    linked: usize,
    /// Whether the manager still has the renamed log open.
    is_late: bool,
}

impl World {
    fn new() -> Self {
        let (place, truth, rotated) = (Place::new(), BTreeMap::new(), Vec::new());
        let (torn, linked, is_late) = (None, 0, false);
        let mut this = Self { place, now: NOW, begun: 0, truth, torn, rotated, linked, is_late };
        this.write_lines(1);
        this
    }

    /// A line of its own time.
    fn line(&mut self) -> (String, &'static str, i64) {
        self.begun += 1;
        let agent = ["001", "002", "003"][self.begun as usize % 3];
        let text = line(agent, 0).replace("\"id\":\"0\"", &format!("\"id\":\"{}\"", self.begun));
        let at = DateTime::from_timestamp_millis(self.now).unwrap().format("%Y-%m-%dT%H:%M:%S%.3f%z");
        (text.replace("2026-01-07T10:00:00.000+0000", &at.to_string()), agent, self.now)
    }

    fn write(&mut self, text: &str) {
        self.is_late &= text.is_empty();
        self.place.append(text);
        self.touch("alerts.json");
    }

    fn write_late(&mut self) {
        let (text, agent, at) = self.line();
        let mut log = OpenOptions::new().append(true).open(self.place.path("alerts.json.1")).unwrap();
        log.write_all(text.as_bytes()).unwrap();
        self.touch("alerts.json.1");
        self.truth.entry(agent).or_default().push(at);
    }

    /// As if it had been written to now.
    fn touch(&self, name: &str) {
        let at = UNIX_EPOCH + Duration::from_millis(self.now as u64);
        File::options().append(true).open(self.place.path(name)).unwrap().set_modified(at).unwrap();
    }

    fn write_lines(&mut self, count: usize) {
        if let Some((rest, agent, at)) = self.torn.take() {
            self.write(&rest);
            // Without its newline it was whole already.
            if rest != "\n" {
                self.truth.entry(agent).or_default().push(at);
            }
        }
        for _ in 0..count {
            let (text, agent, at) = self.line();
            self.write(&text);
            self.truth.entry(agent).or_default().push(at);
        }
    }

    fn tear(&mut self, percent: u8) {
        self.write_lines(0);
        let (text, agent, at) = self.line();
        let cut = (text.len() - 1) * usize::from(percent) / 100;
        self.write(&text[..cut]);
        if &text[cut..] == "\n" {
            self.truth.entry(agent).or_default().push(at);
        }
        self.torn = Some((text[cut..].to_owned(), agent, at));
    }

    /// `alerts.json.1` becomes `alerts.json.2`, and so on.
    fn make_room(&mut self) {
        for (number, packed) in self.rotated.iter().enumerate().rev() {
            let name = |number: usize| self.place.path(&format!("alerts.json.{number}{packed}"));
            fs::rename(name(number + 1), name(number + 2)).unwrap();
        }
        self.rotated.insert(0, "");
    }

    fn is_there(&self) -> bool {
        self.place.log().exists()
    }

    /// Nobody writes the rest of a line into a log that was rotated away.
    fn rename(&mut self, at_once: bool) {
        self.torn = None;
        self.make_room();
        let end = fs::read(self.place.log()).unwrap().last().copied();
        fs::rename(self.place.log(), self.place.path("alerts.json.1")).unwrap();
        self.is_late = end.is_none_or(|byte| byte == b'\n');
        if at_once {
            self.write("");
        }
    }

    fn copy_truncate(&mut self) {
        self.is_late = false;
        self.torn = None;
        self.make_room();
        fs::copy(self.place.log(), self.place.path("alerts.json.1")).unwrap();
        self.touch("alerts.json.1");
        File::options().write(true).truncate(true).open(self.place.log()).unwrap();
        self.touch("alerts.json");
    }

    fn gzip(&mut self) {
        self.is_late = false;
        if let Some(number) = self.rotated.iter().position(|packed| packed.is_empty()) {
            compress(&self.place.path(&format!("alerts.json.{}", number + 1)));
            self.rotated[number] = ".gz";
            self.touch(&format!("alerts.json.{}.gz", number + 1));
        }
    }

    fn link(&mut self) {
        self.linked += 1;
        let daily = self.place.daily(7).with_file_name(format!("ossec-alerts-07-{:03}.json", self.linked));
        fs::hard_link(self.place.log(), daily).unwrap();
    }

    fn happen(&mut self, what: Happens) {
        self.now += 97_001;
        match what {
            Happens::Append(count) => self.write_lines(count),
            Happens::Torn(percent) => self.tear(percent),
            Happens::Junk => {
                self.write_lines(0);
                self.write("{\"timestamp\": it was cut here\n");
                self.write_lines(1);
            }
            Happens::Rename { at_once } if self.is_there() => self.rename(at_once),
            Happens::Late if self.is_late => self.write_late(),
            Happens::CopyTruncate if self.is_there() => self.copy_truncate(),
            Happens::Gzip => self.gzip(),
            Happens::Link if self.is_there() => self.link(),
            Happens::Restart => self.place.source.followed = Arc::default(),
            Happens::Poll => self.compare(),
            Happens::Rename { .. } | Happens::Late | Happens::CopyTruncate | Happens::Link => {}
        }
    }

    /// All whole lines since a full minute about an hour ago, and the newest of each agent.
    fn compare(&self) {
        let from = (self.now - HOUR).div_euclid(60_000) * 60_000;
        let wanted = wanted(from, self.now);
        let asked = self.place.ask(self.now, |work| {
            let ledger = work.followed(from)?;
            Ok((answers::newest(ledger, &wanted), answers::volumes(ledger, &wanted)))
        });
        let (newest, volumes) = match asked {
            Err(error) if !self.is_there() => return assert_eq!(error.reason, SourceReason::NoIndex),
            asked => asked.unwrap(),
        };
        let counted: BTreeMap<_, _> =
            volumes.iter().map(|volume| (volume.key.to_string(), volume.count)).collect();
        let seen: BTreeMap<_, _> =
            newest.newest.iter().map(|seen| (seen.key.to_string(), seen.last_seen)).collect();
        let within = |times: &&Vec<i64>| times.iter().filter(|at| **at >= from).count() as u64;
        let truth = self.truth.iter().filter(|(_, times)| within(times) > 0);
        let expected: BTreeMap<_, _> =
            truth.clone().map(|(agent, times)| ((*agent).to_owned(), within(&times))).collect();
        assert_eq!(counted, expected);
        let last = |times: &Vec<i64>| times.last().copied().unwrap();
        let expected: BTreeMap<_, _> =
            truth.map(|(agent, times)| ((*agent).to_owned(), last(times))).collect();
        assert_eq!(seen, expected);
    }
}

/// How a line was lost or counted twice once, or nearly.
#[test]
fn what_is_rare_loses_nothing_either() {
    use Happens::{Append, CopyTruncate, Gzip, Junk, Late, Link, Poll, Rename, Restart, Torn};
    let (now, later) = (Rename { at_once: true }, Rename { at_once: false });
    for story in [
        &[Poll, Torn(0), later, later, Poll][..],
        &[Poll, CopyTruncate, Junk, later, Poll],
        &[Poll, CopyTruncate, later, Poll, Append(1), CopyTruncate, Poll],
        &[later, Torn(1), Poll, Append(1), later, Gzip, Poll],
        &[Poll, CopyTruncate, Poll, later, Late, Gzip, Poll],
        &[Poll, CopyTruncate, later, Junk, later, Poll, Late, Poll],
        &[now, Link, Poll, Late, Poll],
        &[Torn(0), later, Gzip, now, Poll, Late, Poll],
        &[Torn(100), Poll, now, Poll, Append(1), Poll],
        &[Poll, Torn(100), now, Restart, Poll, Append(1), Poll],
        &[CopyTruncate, Torn(100), Poll, CopyTruncate, Append(3), Poll],
    ] {
        let mut world = World::new();
        story.iter().for_each(|what| world.happen(*what));
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_counted_twice(story in prop::collection::vec(happens(), 1..40)) {
        let mut world = World::new();
        story.into_iter().for_each(|what| world.happen(what));
        world.write_lines(1);
        world.compare();
    }
}
