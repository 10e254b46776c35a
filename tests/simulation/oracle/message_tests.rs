//! What the oracle of messages must refuse: runs that it finds right, in which one try on a channel is changed.

use std::sync::Arc;

use log_monitor_channels::{EventKind, MessageKind};

use super::messages::LIMIT;
use super::truth::Truth;
use crate::scenario::post::{LAST, Silenced};
use crate::scenario::{MINUTE, Pace, Scenario};
use crate::spans::Spans;
use crate::vendors::{Answer, Letter};
use crate::world::{self, Played};

/// A run, and what was so.
struct Run {
    scenario: Arc<Scenario>,
    truth: Truth,
    played: Played,
}

impl Run {
    fn new(seed: u64) -> Self {
        let scenario = Arc::new(Scenario::new(seed, Pace::Told));
        let played = world::play(&scenario);
        Self { truth: Truth::of(&scenario, &played.failed), scenario, played }
    }

    fn letters(&self) -> &[Letter] {
        &self.played.letters
    }

    /// What the oracle says if these were the tries.
    fn judged(&self, mut letters: Vec<Letter>) -> Result<(), String> {
        letters.sort_by_key(|letter| letter.at);
        let post = self.scenario.post.as_ref().expect("channels");
        let told = &self.played.told;
        super::messages::check(&self.scenario, &self.truth, post, told, &letters).map_err(|wrong| wrong.what)
    }

    fn without(&self, is_gone: impl Fn(&Letter) -> bool) -> Vec<Letter> {
        self.letters().iter().filter(|letter| !is_gone(letter)).cloned().collect()
    }

    fn with(&self, more: Letter) -> Vec<Letter> {
        self.letters().iter().cloned().chain([more]).collect()
    }

    /// Whether nothing stands between a channel and what it should get, for long enough after a time.
    fn is_calm(&self, channel: &str, from: i64) -> bool {
        let to = from + 3 * LIMIT;
        let post = self.scenario.post.as_ref().expect("channels");
        let of = post.channels.iter().filter(|known| known.name == channel);
        let troubles = Spans::of(of.flat_map(|of| &of.troubles).map(|trouble| (trouble.from, trouble.to)));
        self.truth.up.end_of(from) > Some(to) && !troubles.touches(from, to)
    }

    /// When the incidents of a message were all over.
    fn end(&self, letter: &Letter) -> Option<i64> {
        let end = |incident| {
            let over = |told: &&world::Told| told.event.kind.closes() && told.event.incident == incident;
            self.played.told.iter().find(over).map(|told| told.at)
        };
        letter.notification.events.iter().map(|event| end(event.incident)).max().flatten()
    }
}

fn is(letter: &Letter, kind: MessageKind) -> bool {
    letter.notification.kind == kind && matches!(letter.answer, Answer::Accepted(_))
}

/// The same under another key.
fn another(letter: &Letter) -> Letter {
    let mut another = letter.clone();
    another.notification.idempotency_key.push_str("-again");
    another
}

type Mutation = fn(&Run, &Letter) -> Option<Vec<Letter>>;

/// Each changes something about a try if it can.
const MUTATIONS: [(&str, Mutation); 9] = [
    ("a beginning reaches nobody", |run, letter| {
        let event = letter.notification.events.first().filter(|_| is(letter, MessageKind::Firing))?;
        let told = event.kind == EventKind::AgentSilent && run.is_calm(LAST, letter.at);
        let lasts = run.end(letter).is_none_or(|end| end > letter.at + 3 * LIMIT);
        let same = |one: &Letter| one.notification.events.iter().any(|other| other.id == event.id);
        (told && lasts).then(|| run.without(same))
    }),
    ("an end does not follow", |run, letter| {
        let key = &letter.notification.idempotency_key;
        let due = is(letter, MessageKind::Resolved) && run.is_calm(letter.channel, letter.at);
        due.then(|| run.without(|one| one.notification.idempotency_key == *key))
    }),
    ("an end that was refused does not follow", |run, letter| {
        let key = &letter.notification.idempotency_key;
        let mut letters = run.letters().to_vec();
        let same = letters.iter_mut().filter(|one| one.notification.idempotency_key == *key);
        same.for_each(|one| one.answer = Answer::Refused);
        (is(letter, MessageKind::Resolved) && run.is_calm(letter.channel, letter.at)).then_some(letters)
    }),
    ("what was accepted is sent again", |run, letter| {
        let mut again = letter.clone();
        again.at += MINUTE;
        again.notification.possible_duplicate = true;
        (matches!(letter.answer, Answer::Accepted(_)) && run.is_calm(LAST, letter.at))
            .then(|| run.with(again))
    }),
    ("the same is told by two messages", |run, letter| {
        let once = run.scenario.post.as_ref()?.routes_to(letter.channel) == 1;
        (once && matches!(letter.answer, Answer::Accepted(_))).then(|| run.with(another(letter)))
    }),
    ("the wrong tries say that they may be duplicates", |run, letter| {
        let mut other = letter.clone();
        other.notification.possible_duplicate = !letter.notification.possible_duplicate;
        let calm = run.is_calm(LAST, letter.at - 2 * LIMIT);
        let is_it = |one: &Letter| one.at == letter.at && one.notification == letter.notification;
        calm.then(|| run.without(is_it).into_iter().chain([other]).collect())
    }),
    ("a channel that has just refused is tried", |run, letter| {
        let refused = Letter { at: letter.at - MINUTE / 2, answer: Answer::Refused, ..another(letter) };
        let since =
            |one: &&Letter| one.channel == letter.channel && (refused.at..letter.at).contains(&one.at);
        let calm = run.is_calm(letter.channel, refused.at) && !run.letters().iter().any(|one| since(&one));
        (is(letter, MessageKind::Firing) && calm).then(|| run.with(refused))
    }),
    ("a beginning is told after its end", |run, letter| {
        let end = run.end(letter)?;
        is(letter, MessageKind::Firing).then(|| run.with(Letter { at: end + MINUTE, ..another(letter) }))
    }),
    ("an end is told to whoever does not know the beginning", |run, letter| {
        let channel = ["pager", "chat", "desk", LAST].into_iter().find(|channel| {
            let incidents: Vec<_> = letter.notification.events.iter().map(|event| event.incident).collect();
            let about =
                |one: &&Letter| one.notification.events.iter().any(|e| incidents.contains(&e.incident));
            !run.letters().iter().filter(about).any(|one| one.channel == *channel)
        })?;
        is(letter, MessageKind::Resolved).then(|| run.with(Letter { channel, ..another(letter) }))
    }),
];

#[test]
fn right_messages_of_which_one_is_changed_are_refused() {
    let run = Run::new(0);
    assert_eq!(run.judged(run.letters().to_vec()), Ok(()));
    for (name, mutation) in MUTATIONS {
        let count = run.letters().len();
        // From here and there in the run.
        let letters = (0..count).map(|n| &run.letters()[n * 37 % count]);
        let changed: Vec<_> = letters.filter_map(|one| Some((one, mutation(&run, one)?))).take(10).collect();
        assert!(changed.len() >= 5, "{name}: only {} times", changed.len());
        for (letter, letters) in changed {
            assert!(run.judged(letters).is_err(), "{name}: {letter:?}");
        }
    }
}

/// What was told would have been unwanted, if there had been such silences.
#[test]
fn what_is_told_while_nobody_wants_to_be_told_is_refused() {
    let run = Run::new(0);
    let judged = |silence: Silenced| {
        let mut scenario = Scenario::new(0, Pace::Told);
        let post = scenario.post.as_mut().expect("channels");
        post.silences = vec![silence];
        let post = scenario.post.as_ref().expect("channels");
        super::messages::check(&scenario, &run.truth, post, &run.played.told, run.letters())
    };
    let created = |letter: &Letter| letter.notification.created_at.timestamp_millis();
    let of_agent = |letter: &&Letter| {
        let at_once = (0..MINUTE / 2).contains(&(letter.at - created(letter)));
        let is_of_agent = letter.notification.events[0].kind == EventKind::AgentSilent;
        at_once && is_of_agent && is(letter, MessageKind::Firing)
    };
    let firings: Vec<&Letter> = run.letters().iter().filter(of_agent).take(10).collect();
    assert!(firings.len() >= 5);
    for letter in firings {
        let id = &letter.notification.events[0].entity.as_ref().expect("an agent").id;
        let (from, until) = (created(letter) - MINUTE, letter.at + MINUTE);
        let letter = id.chars().next().expect("a letter");
        let unwanted = Silenced { letter, from, until, expired: None };
        assert!(judged(unwanted).is_err(), "{unwanted:?}");
    }
}
