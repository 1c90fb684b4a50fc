//! The demonstration network.

use sea_orm::{ConnectionTrait, Statement};
use sesame::{
    app::App,
    check,
    clock::Clock,
    config::{Partial, Settings},
    demo::{self, Size},
};

use crate::{
    app::noon,
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
};

pub fn trials() -> Vec<Trial> {
    trials![both the_demonstration_is_whole_and_the_check_notices_what_is_not]
}

async fn the_demonstration_is_whole_and_the_check_notices_what_is_not(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let flags =
        Partial { data: Some(data.path().to_owned()), database_url: Some(db.url.clone()), ..Partial::default() };
    let settings = Settings::resolve(&flags, &Partial::default(), &Partial::default());
    let app = App::open(settings, Clock::standing(noon(2026, 11, 10))).await.expect("an app");
    demo::load(&app, Size::Test, |_, _| {}).await.expect("a demonstration");
    let findings = async || check::run(&app.database).await.expect("a check").findings;
    assert!(findings().await.is_empty(), "{:#?}", findings().await);
    for account in demo::ACCOUNTS {
        let sql = format!("SELECT COUNT(*) FROM person WHERE email = '{}' AND active", account.email);
        let row = app.database.reader().query_one_raw(Statement::from_string(app.database.backend(), sql)).await;
        let count: i64 = row.expect("a count").expect("a row").try_get_by_index(0).expect("a number");
        assert_eq!(count, 1, "{}", account.email);
    }
    let breaks = [
        "UPDATE orders SET total = total + 1 WHERE id = (SELECT MIN(id) FROM orders)",
        "DELETE FROM work_item WHERE id = (SELECT MIN(id) FROM work_item)",
        "UPDATE number_series SET last = last + 1 WHERE series = 'ACOR'",
        "UPDATE number_series SET last = last + 1 WHERE series = 'OPP'",
        "UPDATE opportunity SET one_off = one_off + 1 WHERE id = (SELECT MIN(id) FROM opportunity WHERE amount > 0)",
        "UPDATE deal_state SET category = 'OMITTED' WHERE until_at IS NULL AND category <> 'OMITTED'
            AND opportunity_id = (SELECT MAX(id) FROM opportunity)",
        "DELETE FROM deal_state WHERE until_at IS NULL
            AND opportunity_id = (SELECT MIN(opportunity_id) FROM deal_state WHERE until_at IS NOT NULL)",
        "UPDATE quota_figure SET amount = amount + 1 WHERE until_at IS NULL AND quota_id = (SELECT MIN(id) FROM quota)",
        "UPDATE oppy_document SET kind = 'OTHER' WHERE kind = 'CLIENT_AGREEMENT' AND replaced_at IS NULL
            AND opportunity_id = (SELECT MIN(id) FROM opportunity WHERE stage = 'CLOSED_WON')",
        "UPDATE oppy_document SET replaced_at = NULL WHERE replaced_at IS NOT NULL",
        "UPDATE oppy_document SET refused_for = 'x' WHERE replaced_at IS NULL
            AND opportunity_id = (SELECT MIN(id) FROM opportunity WHERE stage = 'CLOSED_WON')",
        "DELETE FROM work_item WHERE id = (SELECT MAX(id) FROM work_item WHERE opportunity_id IS NOT NULL)",
        "UPDATE work_item SET version = version + 1
            WHERE id = (SELECT MIN(id) FROM work_item WHERE opportunity_id IS NOT NULL)",
        "UPDATE opportunity SET meeting_on = NULL WHERE meeting_on IS NOT NULL",
        "INSERT INTO event (at, kind, roles, subject_type, subject_id, to_status, changes, queue, envelopes,
                policy_version, request_id, position)
            SELECT at, kind, roles, subject_type, subject_id, 'LOST', changes, queue, envelopes, policy_version,
                request_id, (SELECT MAX(position) + 1 FROM event)
            FROM event WHERE kind = 'oppy.documents_accepted' ORDER BY id DESC LIMIT 1",
        "UPDATE site SET siret = '12002701600563' WHERE id = (SELECT MIN(id) FROM site)",
    ];
    for broken in breaks {
        let before = findings().await.len();
        app.database.writer().execute_unprepared(broken).await.expect(broken);
        assert!(findings().await.len() > before, "the check does not notice: {broken}");
    }
}
