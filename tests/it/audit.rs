//! The audit chain (G-20, G-21).

use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait;
use sesame::{audit, check};

use crate::{
    app::TestApp,
    harness::{Backend, Trial, trials},
    network::sponsorship,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both g20_the_chain_is_sealed_behind_the_commits_and_says_where_it_breaks,
        both g20_events_are_never_changed,
        postgres(threads = 2) g21_one_seals_at_a_time,
    ]
}

async fn some_events(app: &TestApp) {
    for _ in 0..4 {
        let order = app.delegate().submitted(sponsorship("300.00")).await;
        app.rr().validate(&order, "APPROVE").await.good();
    }
}

async fn sealed(app: &TestApp) {
    let begun = Instant::now();
    while app.number("SELECT COUNT(*) FROM event WHERE seal IS NULL").await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "events are not sealed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn findings(app: &TestApp) -> Vec<String> {
    let report = check::run(&app.app.database).await.expect("a check");
    report.findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.text)).collect()
}

async fn g20_the_chain_is_sealed_behind_the_commits_and_says_where_it_breaks(backend: Backend) {
    let app = TestApp::start(backend).await;
    some_events(&app).await;
    sealed(&app).await;
    assert_eq!(findings(&app).await, [""; 0]);
    // Somebody with the rights of the database itself changes the past.
    let unlock = match backend {
        Backend::Sqlite => "DROP TRIGGER event_is_not_changed",
        Backend::Postgres => "DROP TRIGGER event_is_kept ON event",
    };
    app.execute(unlock).await;
    app.execute("UPDATE event SET actor_id = 8 WHERE position = 3").await;
    let found = findings(&app).await;
    assert!(found.len() == 1 && found[0].starts_with("G-20: event at position 3: seal is "), "{found:?}");
}

async fn g20_events_are_never_changed(backend: Backend) {
    let app = TestApp::start(backend).await;
    some_events(&app).await;
    sealed(&app).await;
    for sql in [
        "UPDATE event SET reason = 'x' WHERE position = 2",
        "UPDATE event SET position = 77 WHERE position = 2",
        "UPDATE event SET seal = NULL",
        "DELETE FROM event WHERE position = 2",
    ] {
        let refused = app.app.database.writer().execute_unprepared(sql).await.expect_err(sql).to_string();
        assert!(refused.contains("never"), "{sql}: {refused}");
    }
}

/// As on several processes: whoever comes while another seals has nothing to do.
async fn g21_one_seals_at_a_time(backend: Backend) {
    let app = TestApp::start(backend).await;
    let database = &app.app.database;
    let seal = async || audit::seal_some(database).await.expect("a pass");
    for _ in 0..5 {
        some_events(&app).await;
        futures_util::future::join_all((0..8).map(|_| seal())).await;
    }
    sealed(&app).await;
    assert_eq!(findings(&app).await, [""; 0]);
}
