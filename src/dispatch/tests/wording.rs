//! Each channel is told in its own words, with links.

use super::*;
use crate::wording::Voice;
use crate::wording::links::Pattern;
use crate::wording::template::{Part, Templates};

/// A vendor may refuse what it is sent for what the template made of it.
#[tokio::test(start_paused = true)]
async fn the_short_form_of_what_was_refused_is_not_what_was_refused() {
    let mut world = World::new(vec![route("catch_all", &[&["soc"]])], &["soc"]).await;
    world.kill().await;
    let mut own = wording();
    own.templates.add_payload("mine", "text/plain", "{{ title }}").unwrap();
    world.wording = Arc::new(own);
    world.start().await;
    world.vendors["soc"].script([Err(DeliveryError::permanent_message(Reason::Rejected, "HTTP 400"))]);
    world.silent(&["001"]).await;
    let payloads = world.got("soc").into_iter().map(|one| (one.short, one.payload.is_some()));
    assert_eq!(payloads.collect::<Vec<_>>(), [(false, true), (true, false)]);
}

/// Channel `soc` speaks by a template, and messages lead to a dashboard.
fn wording() -> Wording {
    let mut templates = Templates::default();
    templates.add("mine", Part::Title, "<!channel> {{ kind }}: {{ event.who }}").unwrap();
    let link = Pattern::new("Dashboard", "https://wazuh.example/?agent={id}").unwrap();
    let voice = Voice { template: Some("mine".to_owned()), ..Voice::default() };
    Wording { links: vec![link], templates, voices: BTreeMap::from([("soc".to_owned(), voice)]) }
}

#[tokio::test(start_paused = true)]
async fn each_channel_of_a_step_is_told_in_its_own_words_to_the_end() {
    let mut world = World::new(vec![route("catch_all", &[&["soc", "oncall"]])], &["soc", "oncall"]).await;
    world.kill().await;
    world.wording = Arc::new(wording());
    world.start().await;
    let incidents = world.silent(&["001"]).await;
    world.recovered(&[("001", incidents[0])]).await;
    minutes(1).await;
    let titles = |channel: &str| world.got(channel).into_iter().map(|one| one.title).collect::<Vec<_>>();
    assert!(titles("soc")[0].starts_with("<!channel> firing: 001"), "{:?}", titles("soc"));
    assert!(titles("soc")[1].starts_with("<!channel> resolved: 001"));
    assert!(titles("oncall")[0].starts_with("Silent: 001"));
    let firing = &world.got("soc")[0];
    assert_eq!(firing.links[0].url, "https://wazuh.example/?agent=001");
    // What a template writes is text like any other: the vendor finds nothing in it to act on.
    let sent = log_monitor_channels::slack::message(firing).to_string();
    assert!(sent.contains("&lt;!channel&gt;") && !sent.contains("<!"), "{sent}");
}
