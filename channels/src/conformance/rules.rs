//! The rules, each played against a far end. One that is broken panics with a sentence that names it.

use super::{
    Arrival, Expect, FarEnd, TIMEOUT, assert_no_secret, assert_tells_none, hostile, oversize, sample,
};
use crate::error::DeliveryError;
use crate::notification::{Link, MessageKind, Notification, Receipt, Written};
use crate::notifier::{Capabilities, Notifier};
use crate::text::shorten;

/// What every rule needs.
pub struct Rules<'a, F> {
    /// The word after `kind =`.
    pub kind: &'static str,
    /// The other side.
    pub far_end: &'a F,
    /// The channel.
    pub notifier: Box<dyn Notifier>,
    /// What must never show.
    pub secrets: &'a [&'a str],
}

impl<F: FarEnd> Rules<'_, F> {
    /// Every rule for a kind that can do this.
    pub async fn all(&self, can: Capabilities) {
        self.success().await;
        self.failures().await;
        self.hostile_texts().await;
        self.oversize_texts(can.max_body).await;
        if can.payload {
            self.a_payload_goes_out_as_it_is().await;
        }
        if can.thread {
            self.an_end_answers_its_firing().await;
        }
        self.same_key_each_time(can.idempotent).await;
        if can.resolve && can.idempotent {
            self.an_end_names_its_firing().await;
        }
    }

    /// One try, which must end and tell no secret.
    async fn attempt(&self, notification: &Notification, when: &str) -> Result<Receipt, DeliveryError> {
        let attempt = tokio::time::timeout(TIMEOUT * 4, self.notifier.notify(notification));
        let result = attempt.await.unwrap_or_else(|_| panic!("{}: no end at {when}", self.kind));
        match &result {
            Ok(receipt) => assert_tells_none(&format!("{receipt:?}"), self.secrets),
            Err(error) => assert_no_secret(error, self.secrets),
        }
        result
    }

    /// Sends to a far end that takes it.
    async fn sent(&self, notification: &Notification, what: &str) -> (Receipt, Vec<Arrival>) {
        self.far_end.accept();
        self.far_end.arrived();
        let result = self.attempt(notification, what).await;
        let receipt = result.unwrap_or_else(|error| panic!("{}: {what} gave {error:?}", self.kind));
        let arrived = self.far_end.arrived();
        assert!(!arrived.is_empty(), "{}: {what} counts as accepted, and nothing arrived", self.kind);
        (receipt, arrived)
    }

    async fn success(&self) {
        let (receipt, _) = self.sent(&sample(), "an everyday message").await;
        let size = receipt.reference.to_string().len();
        assert!(size <= 1024, "{}: a receipt of {size} bytes, at most 1 KiB is kept", self.kind);
        assert!(!receipt.line.contains('\n'), "{}: the receipt's line is more than one", self.kind);
    }

    async fn failures(&self) {
        let scenes = self.far_end.scenes();
        for expect in [Expect::Transient, Expect::PermanentMessage, Expect::PermanentChannel] {
            let played = scenes.is_empty() || scenes.iter().any(|scene| scene.expect == expect);
            assert!(played, "{}: its far end has no scene for {expect:?}", self.kind);
        }
        for scene in scenes {
            (scene.set)();
            self.far_end.arrived();
            let result = self.attempt(&sample(), &scene.name).await;
            let logins = self.far_end.arrived().into_iter().map(|arrival| arrival.login);
            let logins: Vec<String> = logins.filter(|login| !login.is_empty()).collect();
            assert_tells_none(&format!("{result:?}"), &logins);
            if let Err(instead) = check(scene.expect, &result) {
                panic!("{}: {} {instead}", self.kind, scene.name);
            }
        }
    }

    async fn hostile_texts(&self) {
        for short in [false, true] {
            let (_, arrived) = self.sent(&Notification { short, ..hostile() }, "a hostile name").await;
            if let Some(harm) = arrived.into_iter().find_map(|arrival| arrival.harm) {
                panic!("{}: a hostile name reaches the vendor: {harm}", self.kind);
            }
        }
    }

    /// No more of a body arrives than the kind says; nor does what is beyond that change anything.
    async fn oversize_texts(&self, max: Option<usize>) {
        self.sent(&oversize(), "far too much text").await;
        self.a_cut_keeps_the_links_and_what_is_below().await;
        let Some(max) = max else { return };
        let size = |arrived: &[Arrival]| arrived.iter().map(|arrival| arrival.size).sum::<usize>();
        let body = "жжжжжжжжж\n".repeat(30_000);
        let cut = Notification { body: shorten(&body, max), ..sample() };
        let (_, at_most) = self.sent(&cut, "as much text as it takes").await;
        let (_, arrived) = self.sent(&Notification { body, ..sample() }, "far too much text").await;
        let count = arrived.iter().map(|one| one.text.matches('ж').count()).max().unwrap_or_default();
        assert!((1..=max).contains(&count), "{}: {count} characters of a body arrive, {max} may", self.kind);
        let (size, limit) = (size(&arrived), size(&at_most) + 64);
        assert!(size <= limit, "{}: {size} bytes arrive of a body that is too long, {limit} else", self.kind);
    }

    /// A kind that shows links, and why a message came this way, shows them also below a text that is too long.
    async fn a_cut_keeps_the_links_and_what_is_below(&self) {
        let shown = async |notification: Notification| {
            let (_, arrived) = self.sent(&with_end(notification), "a message with a link").await;
            [LINK, BELOW].map(|end| arrived.iter().any(|one| one.text.contains(end)))
        };
        let (usual, cut) = (shown(sample()).await, shown(oversize()).await);
        assert_eq!(
            usual, cut,
            "{}: the link of a text that is too long, or what is below, is cut off",
            self.kind
        );
    }

    async fn a_payload_goes_out_as_it_is(&self) {
        let text = "[\"written by a template\", 1]".to_owned();
        let payload = Some(Written { content_type: "application/json".to_owned(), text: text.clone() });
        let (_, arrived) = self.sent(&Notification { payload, ..sample() }, "a payload of its own").await;
        let whole = |one: &Arrival| one.size == text.len() && one.text.ends_with(&text);
        assert!(arrived.iter().any(whole), "{}: takes payloads, and sends another", self.kind);
    }

    /// A kind that has threads refers to the firing, where the answer to it gave something to refer to.
    async fn an_end_answers_its_firing(&self) {
        let (firing, _) = self.sent(&sample(), "a firing").await;
        if firing.reference.is_null() {
            return;
        }
        let idempotency_key = "other-4".to_owned();
        let end = Notification { kind: MessageKind::Resolved, idempotency_key, ..sample() };
        let (_, alone) = self.sent(&end, "an end").await;
        let (_, answer) = self.sent(&Notification { in_reply_to: Some(firing), ..end }, "an end").await;
        let texts = |arrived: &[Arrival]| arrived.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
        assert_ne!(texts(&alone), texts(&answer), "{}: has threads, and answers in none", self.kind);
    }

    async fn same_key_each_time(&self, idempotent: bool) {
        let first = self.keys(&sample()).await;
        if first.iter().all(Option::is_none) {
            assert!(!idempotent, "{}: says that it is idempotent, and sends no key", self.kind);
            return;
        }
        let again = Notification { attempt: 2, possible_duplicate: true, ..sample() };
        assert_eq!(first, self.keys(&again).await, "{}: the key changed with the try", self.kind);
        let other = Notification { idempotency_key: "other-2".to_owned(), ..sample() };
        assert_ne!(first, self.keys(&other).await, "{}: two messages share a key", self.kind);
    }

    /// What the vendor keeps is closed by the end, also where the answer to the firing was lost.
    async fn an_end_names_its_firing(&self) {
        self.far_end.accept();
        self.far_end.arrived();
        let end = Notification {
            kind: MessageKind::Resolved,
            idempotency_key: "other-3".to_owned(),
            answers: Some(sample().idempotency_key),
            all_over: true,
            ..sample()
        };
        // It may fail: what a vendor answers to a question is not what it answers to a firing.
        let _ = self.attempt(&end, "the end of a firing whose answer was lost").await;
        let named = self.far_end.arrived().iter().any(|one| one.text.contains(&sample().idempotency_key));
        assert!(named, "{}: the end of a firing whose answer was lost does not name it", self.kind);
    }

    async fn keys(&self, notification: &Notification) -> Vec<Option<String>> {
        let (_, arrived) = self.sent(notification, "an everyday message").await;
        arrived.into_iter().map(|arrival| arrival.key).collect()
    }
}

/// An address that has nothing to escape.
const LINK: &str = "https://dashboard.example/agent/007";

/// Words that have nothing to escape either.
const BELOW: &str = "Sent this way";

fn with_end(notification: Notification) -> Notification {
    let links = vec![Link { title: "Dashboard".to_owned(), url: LINK.to_owned() }];
    let body = format!("{}\n\n{BELOW}", notification.body);
    Notification { body, below: BELOW.to_owned(), links, ..notification }
}

/// Whether a try came to what was expected; else, what it came to instead.
fn check(expect: Expect, result: &Result<Receipt, DeliveryError>) -> Result<(), String> {
    let as_expected = match (expect, result) {
        (Expect::AnEnd, _)
        | (Expect::Transient, Err(DeliveryError::Transient { .. }))
        | (Expect::PermanentMessage, Err(DeliveryError::PermanentMessage { .. }))
        | (Expect::PermanentChannel, Err(DeliveryError::PermanentChannel { .. })) => true,
        (Expect::RetryAfter(wanted), Err(DeliveryError::Transient { retry_after: Some(wait), .. })) => {
            (wanted.saturating_sub(5)..=wanted).contains(&wait.as_secs())
        }
        _ => false,
    };
    match result {
        _ if as_expected => Ok(()),
        Ok(_) => Err(format!("counted as accepted, not as {expect:?}")),
        Err(error) => Err(format!("gave {error:?}, not {expect:?}")),
    }
}
