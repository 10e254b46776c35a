//! What happens in the demo, act by act, and what must have arrived at the end of each.

use std::time::Duration;

use super::show::Show;
use super::stage::{AGENTS, Slack, Stage, agent, node};
use super::{Error, until};

/// The longest wait for a message.
const PATIENCE: Duration = Duration::from_secs(15);

/// The agents behind one switch.
const SWITCH: std::ops::RangeInclusive<usize> = 10..=21;

/// The agent that stops alone.
const LONER: usize = 7;

/// Plays every act. Returns whether each message came that should have.
pub async fn play(stage: &mut Stage, show: &Show) -> Result<bool, Error> {
    show.intro(AGENTS);
    let searched = until(PATIENCE, || stage.indexer.searches() > 2).await;
    show.checked("log-monitor reads the indexer once a second: one question for all agents", searched);
    let mut complete = searched;
    complete &= one_stops(stage, show).await;
    complete &= slack_fails(stage, show).await;
    complete &= they_come_back(stage, show).await;
    complete &= node_stops(stage, show).await;
    complete &= indexer_goes_down(stage, show).await?;
    show.summary(stage, complete);
    Ok(complete)
}

async fn one_stops(stage: &Stage, show: &Show) -> bool {
    let (id, name) = agent(LONER);
    show.act(1, &format!("Agent {id} {name} stops logging. It may be quiet for 4 s, plus 1 s of grace."));
    stage.silence([LONER]);
    let told = until(PATIENCE, || slack_said(stage, "Silent: 007")).await;
    show.slack_since(stage, 0);
    show.checked("Slack has it", told)
}

async fn slack_fails(stage: &Stage, show: &Show) -> bool {
    show.act(
        2,
        &format!(
            "Slack begins to refuse: first \"429, retry after 2 s\", then 503. At that moment a switch dies, and {} \
             agents with it.",
            SWITCH.count()
        ),
    );
    stage.set_slack(Slack::RateLimits);
    let tries = stage.slack_tries();
    stage.silence(SWITCH);
    let limited = until(PATIENCE, || stage.slack_tries() > tries).await;
    show.checked("Slack was asked, and said to wait", limited);
    let told = until(PATIENCE, || mail_said(stage, "Silent: 12 agents")).await;
    show.mails_since(stage, 0);
    show.checked("One mail for all of them, and it says why it was not Slack", told) && limited
}

async fn they_come_back(stage: &Stage, show: &Show) -> bool {
    show.act(3, "Slack works again, the switch is replaced, and so is the agent that stopped first.");
    let (slack, mails) = (stage.slack_messages().len(), stage.mails().len());
    stage.set_slack(Slack::Works);
    stage.revive(SWITCH.chain([LONER]));
    let on_slack = until(PATIENCE, || slack_said(stage, "Recovered: 007")).await;
    let by_mail = until(PATIENCE, || mail_said(stage, "Recovered: 12 agents")).await;
    show.slack_since(stage, slack);
    show.mails_since(stage, mails);
    show.checked(
        "Whoever was told of the silence is told of its end, in the same thread",
        on_slack && by_mail,
    )
}

async fn node_stops(stage: &Stage, show: &Show) -> bool {
    let half: Vec<usize> = (1..=AGENTS).filter(|number| node(&agent(*number).0) == "node02").collect();
    show.act(
        4,
        &format!("node02 of the cluster stops forwarding, and {} agents go quiet with it.", half.len()),
    );
    let slack = stage.slack_messages().len();
    stage.silence(half.iter().copied());
    let told = until(PATIENCE, || slack_said(stage, "Pipeline stalled: node=node02")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let one = stage.slack_messages().len() - slack == 1;
    stage.revive(half);
    let over = until(PATIENCE, || slack_said(stage, "Pipeline recovered: node=node02")).await;
    show.slack_since(stage, slack);
    show.checked("One message says which node; not one for each agent", told && one)
        && show.checked("and one when they are back", over)
}

async fn indexer_goes_down(stage: &mut Stage, show: &Show) -> Result<bool, Error> {
    show.act(
        5,
        "The indexer goes down for 12 s. Nothing is known then about any agent: that is not silence.",
    );
    let (slack, mails) = (stage.slack_messages().len(), stage.mails().len());
    stage.indexer.go_down();
    let down = until(PATIENCE, || slack_said(stage, "Source down")).await;
    // Long enough that every agent would have been called silent, if unknown were silence.
    tokio::time::sleep(Duration::from_secs(8)).await;
    stage.indexer.come_back().await?;
    let up = until(PATIENCE, || slack_said(stage, "Source up")).await;
    show.slack_since(stage, slack);
    show.mails_since(stage, mails);
    let told = stage.slack_messages().len() - slack;
    show.checked("One message when it went, one when it came back", down && up);
    Ok(show.checked("and not one about an agent", told == 2) && down && up)
}

fn slack_said(stage: &Stage, start: &str) -> bool {
    stage
        .slack_messages()
        .iter()
        .any(|message| message["text"].as_str().is_some_and(|text| text.contains(start)))
}

fn mail_said(stage: &Stage, start: &str) -> bool {
    stage.mails().iter().any(|mail| mail.header("Subject").is_some_and(|subject| subject.contains(start)))
}
