//! Putting a board or a waterfall together: a handful of statements, whatever its size (P-21, P-22).

use ::entity::{
    forecast::deal_state,
    vocabulary::{ForecastLevel, Money, OpportunityId, PersonId, Quarter},
};
use chrono::NaiveDate;

use super::{
    quotas::{Figure, Quotas, Scope, Unit},
    rules::{Probabilities, Sums},
    store::{self, AsOf},
    waterfall::{self, Change, DealAt},
};
use crate::{
    authz::{Permission, Place, Reach},
    calendar,
    db::Conn,
    error::{Error, Result},
    identity,
    op::Op,
    playbook,
};

/// Which board is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Of which quarter.
    pub quarter: Quarter,
    /// As it stood at the end of this day; as it stands where there is none.
    pub day: Option<NaiveDate>,
    /// By whom.
    pub level: ForecastLevel,
    /// Of which part of the company.
    pub scope: Scope,
}

/// A line of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose.
    pub unit: Unit,
    /// Their quota.
    pub quota: Option<Money>,
    /// What counts.
    pub sums: Sums,
}

/// A board, as far as somebody may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// What was asked for.
    pub wanted: Wanted,
    /// What open deals were weighted with.
    pub probabilities: Probabilities,
    /// A line for everybody who has a quota or deals in the quarter.
    pub lines: Vec<Line>,
    /// All of them together.
    pub total: Line,
}

/// As of when a day is looked at: its end in Europe/Paris, or now where it has not ended or none is given.
///
/// # Errors
/// A day that has not begun; `field` names it.
pub fn as_of(op: &Op, field: &str, day: Option<NaiveDate>) -> Result<AsOf> {
    match day {
        Some(day) if day > op.today() => Err(Error::bad_input([field], "a day that has begun")),
        Some(day) if day < op.today() => Ok(Some(calendar::end_of_paris_day(day))),
        Some(_) | None => Ok(None),
    }
}

/// The board that somebody asks for.
///
/// # Errors
/// A day that has not begun, or when the database cannot be read.
pub async fn board(op: &Op, reach: &Reach, wanted: Wanted) -> Result<Board> {
    let Wanted { quarter, day, level, scope } = wanted;
    let (conn, as_of) = (op.conn(), as_of(op, "asOf", day)?);
    let rules = playbook::in_force(&conn, day.unwrap_or(op.today())).await?;
    let ended = store::ended(&conn, as_of).await?;
    let probabilities = Probabilities::learned(&ended, rules.probabilities, rules.learned_from);
    let belonging = store::belonging(reach, &scope);
    let sums = store::lines(&conn, quarter, as_of, level, belonging, &probabilities).await?;
    let quotas = Quotas::within(figures(&conn, quarter, as_of).await?, reach, &scope);
    let all = sums.iter().fold(Sums::default(), |all, (_, sums)| all.and(sums));
    let total = Line { unit: Unit::Company, quota: quotas.of_all(reach, &scope), sums: all };
    Ok(Board { wanted, probabilities, lines: lines(level, sums, &quotas, &total), total })
}

fn lines(level: ForecastLevel, sums: Vec<(Unit, Sums)>, quotas: &Quotas, total: &Line) -> Vec<Line> {
    if level == ForecastLevel::Company {
        return vec![*total];
    }
    let mut lines: std::collections::BTreeMap<Unit, Sums> =
        quotas.units(level).map(|unit| (unit, Sums::default())).collect();
    lines.extend(sums);
    lines.into_iter().map(|(unit, sums)| Line { unit, quota: quotas.of(unit), sums }).collect()
}

/// The quotas of a quarter, each where it belonged then.
async fn figures(conn: &Conn, quarter: Quarter, as_of: AsOf) -> Result<Vec<Figure>> {
    let quotas = store::quotas(conn, quarter, as_of).await?;
    let people: Vec<PersonId> = quotas.iter().filter_map(|quota| quota.person_id).collect();
    let places = if people.is_empty() {
        std::collections::HashMap::new()
    } else {
        identity::store::places(conn, &people, as_of).await?
    };
    let figure = |quota: ::entity::forecast::quota::Model| {
        let team = Place { owner: None, delegation: quota.delegation_id, region: quota.region_id };
        let place = quota.person_id.map_or(Some(team), |person| places.get(&person).copied())?;
        Some(Figure { level: quota.level, place, amount: quota.amount? })
    };
    Ok(quotas.into_iter().filter_map(figure).collect())
}

/// A change of the waterfall with the deal before and after, as far as the caller may see it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What became of it.
    pub change: Change,
    /// Its place among the changes of the deal.
    pub place: usize,
    /// How the deal stood before.
    pub before: Option<deal_state::Model>,
    /// How it stood after.
    pub after: Option<deal_state::Model>,
}

/// What changed of a quarter's open deals between the ends of two days.
#[derive(Clone, Debug)]
pub struct Waterfall {
    /// In which quarter.
    pub quarter: Quarter,
    /// From the end of this day.
    pub from: NaiveDate,
    /// To the end of this one, or now.
    pub to: NaiveDate,
    /// What was open.
    pub start: Money,
    /// What is open.
    pub end: Money,
    /// Deal by deal.
    pub changes: Vec<Explained>,
}

/// What changed of the open deals that somebody may see (P-22), in two statements.
///
/// # Errors
/// Days that have not begun or follow each other the wrong way, or when the database cannot be read.
pub async fn waterfall(op: &Op, quarter: Quarter, [from, to]: [NaiveDate; 2], scope: &Scope) -> Result<Waterfall> {
    if from > to {
        return Err(Error::bad_input(["from"], "not later than «to»"));
    }
    let reach = op.sees(Permission::ReadForecast);
    let conn = op.conn();
    let (begin, finish) = (as_of(op, "from", Some(from))?, as_of(op, "to", Some(to))?);
    let belonging = store::belonging(&reach, scope);
    let [start, end] = store::open_at(&conn, quarter, [begin, finish], &belonging).await?;
    let changes = match begin {
        Some(begin) => {
            let states = store::changed(&conn, quarter, begin, finish, belonging).await?;
            let is_earlier =
                |state: &deal_state::Model| state.from_at < begin && state.until_at.is_none_or(|until| until >= begin);
            let (before, after): (Vec<_>, Vec<_>) = states.into_iter().partition(is_earlier);
            explained(quarter, &reach, scope, before, after)
        }
        // From now to now.
        None => Vec::new(),
    };
    Ok(Waterfall { quarter, from, to, start, end, changes })
}

fn explained(
    quarter: Quarter,
    reach: &Reach,
    scope: &Scope,
    before: Vec<deal_state::Model>,
    mut after: Vec<deal_state::Model>,
) -> Vec<Explained> {
    // Of a deal that went out of reach, nothing is told but that it went.
    after.retain(|state| reach.covers(&store::place(state)));
    let at = |state: &deal_state::Model| {
        let place = store::place(state);
        let is_inside = state.quarter == quarter && scope.covers(&place) && reach.covers(&place);
        let deal_state::Model { opportunity_id: opportunity, stage, category, amount, .. } = *state;
        DealAt { opportunity, is_inside, stage, category, amount }
    };
    let deals = |states: &[deal_state::Model]| states.iter().map(at).collect::<Vec<_>>();
    let changes = waterfall::waterfall(&deals(&before), &deals(&after));
    let of = |states: &[deal_state::Model], deal: OpportunityId| {
        let place = states.binary_search_by_key(&deal, |state| state.opportunity_id).ok()?;
        states.get(place).filter(|state| reach.covers(&store::place(state))).cloned()
    };
    let mut last = None;
    let explain = |change: Change| {
        let place = usize::from(last.replace(change.opportunity) == Some(change.opportunity));
        let (before, after) = (of(&before, change.opportunity), of(&after, change.opportunity));
        Explained { change, place, before, after }
    };
    changes.into_iter().map(explain).collect()
}
