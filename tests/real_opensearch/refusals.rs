//! What the real server refuses, and what that is taken for.

use log_monitor::source::{Entities, Query, Source, SourceReason};
use reqwest::Method;

use super::server::{INDEX, Server, source};
use super::{ask, now};

async fn reason(source: Box<dyn Source>) -> SourceReason {
    let error = ask(&*source, Entities::All(10)).await.unwrap_err();
    eprintln!("    {:?}: {error}", error.reason);
    error.reason
}

/// Whoever may not ask is told so.
pub async fn rights(server: &Server) {
    let wrong = server.source("username = 'reader'\npassword = 'wrong'");
    assert_eq!(reason(wrong).await, SourceReason::Auth);
    assert_eq!(reason(server.source("")).await, SourceReason::Auth);
    let nobody = format!("username = 'nobody'\npassword = {:?}", server.env["OPENSEARCH_NOBODY"]);
    assert_eq!(reason(server.source(&nobody)).await, SourceReason::Rights);
    for index in ["secret-1", "secret-none", "secret-*"] {
        assert_eq!(
            reason(server.reader(&format!("index = '{index}'"))).await,
            SourceReason::Rights,
            "{index}"
        );
    }
    let lists = server.reader("inventory_index = 'secret-1'");
    let everybody = Query { from: now(), to: now(), entities: Entities::All(9) };
    assert_eq!(lists.inventory(&everybody).await.unwrap_err().reason, SourceReason::Rights);
}

/// What was asked wrongly is named.
pub async fn of_questions(server: &Server) {
    for (index, expected) in [
        ("wazuh-none-*", SourceReason::NoIndex),
        ("none-*", SourceReason::NoIndex),
        ("wazuh-none", SourceReason::NoIndex),
        ("wazuh-untemplated", SourceReason::Mapping),
    ] {
        assert_eq!(reason(server.reader(&format!("index = '{index}'"))).await, expected, "{index}");
    }
    for wrong in [
        "entity_field = 'full_log'",
        "entity_field = 'agent.idd'",
        "time_field = 'rule.id'",
        "time_field = 'timestmap'",
    ] {
        assert_eq!(reason(server.reader(wrong)).await, SourceReason::Mapping, "{wrong}");
    }
    server.admin(Method::POST, &format!("/{INDEX}/_close"), String::new()).await;
    let closed = server.reader(&format!("index = '{INDEX}'"));
    assert_eq!(reason(closed).await, SourceReason::NoIndex);
    server.admin(Method::POST, &format!("/{INDEX}/_open?wait_for_active_shards=all"), String::new()).await;
}

/// Nobody is trusted who did not prove to be the server.
pub async fn certificates(server: &Server) {
    let login = format!("username = 'reader'\npassword = {:?}", server.env["OPENSEARCH_READER"]);
    let url = &server.env["OPENSEARCH_URL"];
    let untrusted = source(&format!("url = {url:?}\n{login}"));
    assert_eq!(reason(untrusted).await, SourceReason::Tls);
    let named = url.replace("127.0.0.1", "localhost");
    let other_name =
        source(&format!("url = {named:?}\nca_file = {:?}\n{login}", server.env["OPENSEARCH_CA"]));
    assert_eq!(reason(other_name).await, SourceReason::Tls);
    let plain = source(&format!("url = {:?}\n{login}", url.replace("https", "http")));
    assert_eq!(reason(plain).await, SourceReason::Network);
}
