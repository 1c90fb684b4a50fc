//! Every version of the policy: which lines it had, which came and which went with it.
//!
//! A line is kept from the version with which it came to the one with which it went. Whatever changes the policy
//! writes its lines and its version; [`keep_up`] notes what is different from what was noted last. So does the
//! opening of the database, for steps of the schema and for programs that knew of no history.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::platform::{event, policy_history};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};
use serde_json::Value;

use super::policy::{self, Line};

/// A line with the versions that had it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    line: Line,
    from: i64,
    until: Option<i64>,
}

/// What one version was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Its lines.
    pub lines: Vec<Line>,
    /// Those that came with it.
    pub added: Vec<Line>,
    /// Those that went with it.
    pub removed: Vec<Line>,
}

/// Which lines came and went with a version, as its event tells.
type Told = (Vec<Line>, Vec<Line>);

/// Notes for the version in force what is different from what was noted last. Written in the transaction that
/// changed the policy, or by itself.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn keep_up(conn: &impl ConnectionTrait) -> Result<(), DbErr> {
    let Some((version, lines)) = policy::in_force(conn).await? else { return Ok(()) };
    let noted = open(conn).await?;
    if noted.is_empty() {
        return insert(conn, rebuilt(version, &lines, &told(conn).await?)).await;
    }
    let known: BTreeSet<Line> = noted.iter().cloned().map(|row| Span::from(row).line).collect();
    let now: BTreeSet<&Line> = lines.iter().collect();
    let gone = noted.into_iter().filter(|row| !now.contains(&Span::from(row.clone()).line));
    let (same, earlier): (Vec<_>, Vec<_>) = gone.partition(|row| row.from_version == version);
    close(conn, &earlier, version).await?;
    forget(conn, &same).await?;
    let new = lines.into_iter().filter(|line| !known.contains(line));
    insert(conn, new.map(|line| Span { line, from: version, until: None }).collect()).await
}

/// What some versions were; one whose lines were not kept, or that has not come yet, is left out. Three statements,
/// however many versions.
///
/// # Errors
/// When the database cannot be read.
pub async fn of(conn: &impl ConnectionTrait, versions: &[i64]) -> Result<HashMap<i64, Past>, DbErr> {
    use policy_history::Column::{FromVersion, Id, UntilVersion};
    let (Some(first), Some(last)) = (versions.iter().min(), versions.iter().max()) else { return Ok(HashMap::new()) };
    let Some(oldest) = policy_history::Entity::find().order_by_asc(FromVersion).one(conn).await? else {
        return Ok(HashMap::new());
    };
    let not_over = Condition::any().add(UntilVersion.is_null()).add(UntilVersion.gte(*first));
    let found = policy_history::Entity::find().filter(FromVersion.lte(*last)).filter(not_over).order_by_asc(Id);
    let spans: Vec<Span> = found.all(conn).await?.into_iter().map(Span::from).collect();
    let newest = policy::version(conn).await?.unwrap_or_default();
    let kept = versions.iter().filter(|version| (oldest.from_version..=newest).contains(version));
    Ok(kept.map(|version| (*version, past(&spans, *version, oldest.from_version))).collect())
}

/// What a version was, by the lines that had their time around it.
fn past(spans: &[Span], version: i64, oldest: i64) -> Past {
    let lines = |matches: &dyn Fn(&Span) -> bool| -> Vec<Line> {
        spans.iter().filter(|span| matches(span)).map(|span| span.line.clone()).collect()
    };
    // What came with the oldest that is known, unless it is the first, nobody knows.
    let is_cut = version == oldest && version > 1;
    Past {
        lines: lines(&|span| span.from <= version && span.until.is_none_or(|until| version < until)),
        added: lines(&|span| span.from == version && !is_cut),
        removed: lines(&|span| span.until == Some(version)),
    }
}

/// The history of a policy that none was kept of: back from the lines in force, as far as the events of its
/// versions tell without a gap.
fn rebuilt(version: i64, lines: &[Line], told: &BTreeMap<i64, Told>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut there: BTreeMap<Line, Option<i64>> = lines.iter().map(|line| (line.clone(), None)).collect();
    let mut version = version;
    while let Some((added, removed)) = told.get(&version) {
        for line in added {
            if let Some(until) = there.remove(line) {
                spans.push(Span { line: line.clone(), from: version, until });
            }
        }
        there.extend(removed.iter().map(|line| (line.clone(), Some(version))));
        version -= 1;
    }
    spans.extend(there.into_iter().map(|(line, until)| Span { line, from: version, until }));
    spans
}

/// What the events of the policy's changes tell of each version.
async fn told(conn: &impl ConnectionTrait) -> Result<BTreeMap<i64, Told>, DbErr> {
    let events = event::Entity::find().filter(event::Column::SubjectType.eq("Policy")).all(conn).await?;
    let lines = |changes: &Value, list: &str| -> Option<Vec<Line>> {
        let texts = changes.get(list)?.as_array()?;
        texts.iter().map(|text| Line::read(text.as_str()?).ok()).collect()
    };
    let of = |event: event::Model| {
        Some((event.subject_id, (lines(&event.changes, "added")?, lines(&event.changes, "removed")?)))
    };
    Ok(events.into_iter().filter_map(of).collect())
}

/// What was noted as being in force.
async fn open(conn: &impl ConnectionTrait) -> Result<Vec<policy_history::Model>, DbErr> {
    policy_history::Entity::find().filter(policy_history::Column::UntilVersion.is_null()).all(conn).await
}

/// Notes that lines went with a version.
async fn close(conn: &impl ConnectionTrait, rows: &[policy_history::Model], version: i64) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    policy_history::Entity::update_many()
        .col_expr(policy_history::Column::UntilVersion, Expr::value(version))
        .filter(policy_history::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(conn)
        .await
        .map(drop)
}

/// Forgets lines that came and went within one version: somebody changed the tables behind the server's back.
async fn forget(conn: &impl ConnectionTrait, rows: &[policy_history::Model]) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    policy_history::Entity::delete_many()
        .filter(policy_history::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(conn)
        .await
        .map(drop)
}

async fn insert(conn: &impl ConnectionTrait, spans: Vec<Span>) -> Result<(), DbErr> {
    if spans.is_empty() {
        return Ok(());
    }
    let row = |Span { line, from, until }: Span| {
        let Line { kind, subject, object, step, scope } = line;
        policy_history::ActiveModel {
            kind: Set(kind),
            subject: Set(subject),
            object: Set(object),
            step: Set(step),
            scope: Set(scope),
            from_version: Set(from),
            until_version: Set(until),
            ..Default::default()
        }
    };
    policy_history::Entity::insert_many(spans.into_iter().map(row)).exec_without_returning(conn).await.map(drop)
}

impl From<policy_history::Model> for Span {
    fn from(row: policy_history::Model) -> Self {
        let policy_history::Model { id: _, kind, subject, object, step, scope, from_version, until_version } = row;
        Self { line: Line { kind, subject, object, step, scope }, from: from_version, until: until_version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(role: &str) -> Line {
        Line::parse(&format!("p, {role}, readOrders, -, all")).unwrap()
    }

    fn lines(roles: &[&str]) -> Vec<Line> {
        roles.iter().map(|role| line(role)).collect()
    }

    fn told(added: &[&str], removed: &[&str]) -> Told {
        (lines(added), lines(removed))
    }

    fn roles(of: &[Line]) -> Vec<&str> {
        let mut roles: Vec<&str> = of.iter().map(|line| line.subject.as_str()).collect();
        roles.sort_unstable();
        roles
    }

    #[test]
    fn a_history_is_rebuilt_as_far_as_events_tell() {
        // 3 is where a step of the schema added lines without a word.
        let events =
            BTreeMap::from([(2, told(&["LOST"], &[])), (4, told(&["B"], &["A"])), (5, told(&["A", "C"], &["B"]))]);
        let spans = rebuilt(5, &lines(&["A", "C", "D"]), &events);
        let of = |version| past(&spans, version, 3);
        assert_eq!(roles(&of(5).lines), ["A", "C", "D"]);
        assert_eq!((roles(&of(5).added), roles(&of(5).removed)), (vec!["A", "C"], vec!["B"]));
        assert_eq!(roles(&of(4).lines), ["B", "D"]);
        assert_eq!((roles(&of(4).added), roles(&of(4).removed)), (vec!["B"], vec!["A"]));
        assert_eq!(roles(&of(3).lines), ["A", "D"]);
        assert_eq!(of(3).added, []);
    }

    #[test]
    fn the_first_version_came_with_all_its_lines() {
        let spans = rebuilt(1, &lines(&["A", "B"]), &BTreeMap::new());
        assert_eq!(roles(&past(&spans, 1, 1).added), ["A", "B"]);
    }
}
