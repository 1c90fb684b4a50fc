//! All SQL of board, waterfall and quotas; the history is written in [`super::history`], and analysed in
//! [`super::analysis`].
//!
//! A board is sums over one quarter, taken by the database from an index alone.

use ::entity::{
    forecast::{deal_state, quota, quota_figure},
    vocabulary::{
        DelegationId, ForecastCategory, ForecastLevel, Money, OppyStage, PersonId, Quarter, QuotaId, RegionId,
    },
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
    sea_query::{CaseStatement, Expr, ExprTrait, Query, SimpleExpr},
};

use super::{
    quotas::{Scope, Unit},
    rules::{OPEN_STAGES, Probabilities, Share, Sums},
};
use crate::{
    authz::{Place, Reach},
    db::Conn,
    error::{Error, Result, is_duplicate},
};

/// As of when something is looked at: just before a moment; none: now.
pub type AsOf = Option<DateTime<Utc>>;

/// What held just before a moment, or holds now.
#[must_use]
pub fn in_force(as_of: AsOf) -> Condition {
    use deal_state::Column::{FromAt, UntilAt};
    match as_of {
        None => Condition::all().add(UntilAt.is_null()),
        Some(at) => {
            let lasts = Condition::any().add(UntilAt.is_null()).add(UntilAt.gte(at));
            Condition::all().add(FromAt.lt(at)).add(lasts)
        }
    }
}

/// What belongs to a reach and a scope.
#[must_use]
pub fn belonging(reach: &Reach, scope: &Scope) -> Condition {
    use deal_state::Column::{DelegationId, OwnerId, RegionId};
    reach
        .condition(OwnerId, DelegationId, RegionId)
        .add_scope(scope.owner.map(|owner| OwnerId.eq(owner)))
        .add_scope(scope.delegation.map(|delegation| DelegationId.eq(delegation)))
        .add_scope(scope.region.map(|region| RegionId.eq(region)))
}

trait And {
    fn add_scope(self, more: Option<SimpleExpr>) -> Condition;
}

impl And for Condition {
    fn add_scope(self, more: Option<SimpleExpr>) -> Condition {
        match more {
            Some(more) => Condition::all().add(self).add(more),
            None => self,
        }
    }
}

/// Where a state of a deal belonged.
#[must_use]
pub const fn place(state: &deal_state::Model) -> Place {
    Place { owner: Some(state.owner_id), delegation: Some(state.delegation_id), region: Some(state.region_id) }
}

/// Sums that come as they are from both databases: PostgreSQL's sum of bigint is numeric.
pub(super) fn sum(of: impl Into<SimpleExpr>) -> SimpleExpr {
    Expr::expr(of.into()).sum().if_null(0).cast_as("bigint")
}

pub(super) fn when(condition: SimpleExpr, then: impl Into<SimpleExpr>) -> SimpleExpr {
    CaseStatement::new().case(condition, then.into()).finally(Expr::val(0_i64)).into()
}

/// An amount times the share of its stage, rounded half away from zero: amounts are never negative.
fn weighted(shares: [Share; 4]) -> SimpleExpr {
    let rounded =
        |Share { part, whole }: Share| deal_state::Column::Amount.into_expr().mul(2 * part).add(whole).div(2 * whole);
    let cases = OPEN_STAGES.into_iter().zip(shares);
    let case = cases.fold(CaseStatement::new(), |case, (stage, share)| {
        case.case(deal_state::Column::Stage.eq(stage), rounded(share))
    });
    case.finally(Expr::val(0_i64)).into()
}

#[derive(FromQueryResult)]
struct Line {
    unit: i64,
    pipeline: i64,
    best_case: i64,
    commit: i64,
    closed: i64,
    weighted: i64,
    deals: i64,
}

/// The lines of a board, in one statement: what counts in a quarter, by whose it is (P-21).
///
/// # Errors
/// When the database cannot be read.
pub async fn lines(
    conn: &Conn,
    quarter: Quarter,
    as_of: AsOf,
    level: ForecastLevel,
    belonging: Condition,
    probabilities: &Probabilities,
) -> Result<Vec<(Unit, Sums)>, DbErr> {
    use deal_state::Column as C;
    let column = |category: ForecastCategory| sum(when(C::CountsAs.eq(category), C::Amount.into_expr()));
    let unit = match level {
        ForecastLevel::Owner => Some(C::OwnerId),
        ForecastLevel::Delegation => Some(C::DelegationId),
        ForecastLevel::Region => Some(C::RegionId),
        ForecastLevel::Company => None,
    };
    let mut select = deal_state::Entity::find()
        .select_only()
        .column_as(unit.map_or(Expr::val(0_i64).cast_as("bigint"), |unit| unit.into_expr()), "unit")
        .column_as(column(ForecastCategory::Pipeline), "pipeline")
        .column_as(column(ForecastCategory::BestCase), "best_case")
        .column_as(column(ForecastCategory::Commit), "commit")
        .column_as(column(ForecastCategory::Closed), "closed")
        .column_as(sum(weighted(probabilities.shares)), "weighted")
        .column_as(C::Stage.count(), "deals")
        .filter(C::Quarter.eq(quarter))
        .filter(C::CountsAs.is_not_null())
        .filter(in_force(as_of))
        .filter(belonging);
    if let Some(unit) = unit {
        select = select.group_by(unit);
    }
    let lines = select.into_model::<Line>().all(conn).await?;
    let lines = lines.into_iter().filter(|line| line.deals > 0);
    Ok(lines.map(|line| (line.unit(level), line.sums())).collect())
}

impl Line {
    const fn unit(&self, level: ForecastLevel) -> Unit {
        match level {
            ForecastLevel::Owner => Unit::Owner(PersonId(self.unit)),
            ForecastLevel::Delegation => Unit::Delegation(DelegationId(self.unit)),
            ForecastLevel::Region => Unit::Region(RegionId(self.unit)),
            ForecastLevel::Company => Unit::Company,
        }
    }

    const fn sums(&self) -> Sums {
        Sums {
            pipeline: Money(self.pipeline),
            best_case: Money(self.best_case),
            commit: Money(self.commit),
            closed: Money(self.closed),
            weighted: Money(self.weighted),
            deals: self.deals,
        }
    }
}

/// The deals of the whole company that had ended, counted by the stages that they were in and the one in which
/// they ended.
///
/// # Errors
/// When the database cannot be read.
pub async fn ended(conn: &Conn, as_of: AsOf) -> Result<Vec<(i32, OppyStage, i64)>, DbErr> {
    use deal_state::Column::{EndedAt, Passed, Stage};
    deal_state::Entity::find()
        .select_only()
        .column(Passed)
        .column(Stage)
        .column_as(Stage.count(), "deals")
        .filter(EndedAt.is_not_null())
        .filter(in_force(as_of))
        .group_by(Passed)
        .group_by(Stage)
        .into_tuple()
        .all(conn)
        .await
}

/// What was open in a quarter at two moments, in one statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn open_at(
    conn: &Conn,
    quarter: Quarter,
    moments: [AsOf; 2],
    belonging: &Condition,
) -> Result<[Money; 2], DbErr> {
    use deal_state::Column as C;
    let [first, second] = moments.map(|at| sum(when(in_force(at).into(), C::Amount.into_expr())));
    let sums: Option<(i64, i64)> = deal_state::Entity::find()
        .select_only()
        .column_as(first, "first")
        .column_as(second, "second")
        .filter(C::Quarter.eq(quarter))
        .filter(C::CountsAs.is_not_null())
        .filter(C::CountsAs.ne(ForecastCategory::Closed))
        .filter(belonging.clone())
        .into_tuple()
        .one(conn)
        .await?;
    let (first, second) = sums.unwrap_or_default();
    Ok([Money(first), Money(second)])
}

/// The states, at a moment and at a later one, of the deals that changed in between and counted in a quarter
/// at one of the two, by deal; in one statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn changed(
    conn: &Conn,
    quarter: Quarter,
    from: DateTime<Utc>,
    to: AsOf,
    belonging: Condition,
) -> Result<Vec<deal_state::Model>, DbErr> {
    use deal_state::Column as C;
    let ended = Condition::all().add(in_force(Some(from))).add(C::UntilAt.is_not_null());
    let ended = match to {
        Some(to) => ended.add(C::UntilAt.lt(to)),
        None => ended,
    };
    let begun = Condition::all().add(C::FromAt.gte(from)).add(in_force(to));
    let concerned = Query::select()
        .column(C::OpportunityId)
        .from(deal_state::Entity)
        .cond_where(
            Condition::all()
                .add(C::Quarter.eq(quarter))
                .add(C::CountsAs.is_not_null())
                .add(Condition::any().add(ended).add(begun))
                .add(belonging),
        )
        .take();
    deal_state::Entity::find()
        .filter(C::OpportunityId.in_subquery(concerned))
        .filter(Condition::any().add(in_force(Some(from))).add(in_force(to)))
        .order_by_asc(C::OpportunityId)
        .all(conn)
        .await
}

/// The quotas of a quarter, with what they were just before a moment or are now.
///
/// # Errors
/// When the database cannot be read.
pub async fn quotas(conn: &Conn, quarter: Quarter, as_of: AsOf) -> Result<Vec<quota::Model>, DbErr> {
    let of_quarter = quota::Entity::find().filter(quota::Column::Quarter.eq(quarter));
    let Some(at) = as_of else { return of_quarter.order_by_asc(quota::Column::Id).all(conn).await };
    use quota_figure::Column as F;
    let lasted = Condition::any().add(F::UntilAt.is_null()).add(F::UntilAt.gte(at));
    let figure = Query::select()
        .column(F::Amount)
        .from(quota_figure::Entity)
        .cond_where(
            Condition::all()
                .add(F::QuotaId.into_expr().eq(Expr::col((quota::Entity, quota::Column::Id))))
                .add(F::FromAt.lt(at))
                .add(lasted),
        )
        .take();
    use quota::Column as Q;
    of_quarter
        .select_only()
        .columns([Q::Id, Q::Quarter, Q::Level, Q::PersonId, Q::DelegationId, Q::RegionId, Q::Version])
        .column_as(SimpleExpr::SubQuery(None, Box::new(figure.into())), "amount")
        .order_by_asc(Q::Id)
        .into_model()
        .all(conn)
        .await
}

/// Quotas by key.
///
/// # Errors
/// When the database cannot be read.
pub async fn quotas_by_key(conn: &impl ConnectionTrait, ids: &[QuotaId]) -> Result<Vec<quota::Model>, DbErr> {
    quota::Entity::find().filter(quota::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// Somebody's quota of a quarter.
///
/// # Errors
/// When the database cannot be read.
pub async fn quota_of(conn: &Conn, quarter: Quarter, unit: Unit) -> Result<Option<quota::Model>, DbErr> {
    of_unit(quarter, unit).one(conn).await
}

/// Somebody's quota of a quarter, held until the end of the transaction.
///
/// # Errors
/// When the database cannot be read.
pub async fn lock_quota(conn: &Conn, quarter: Quarter, unit: Unit) -> Result<Option<quota::Model>, DbErr> {
    let select = of_unit(quarter, unit);
    if conn.is_postgres() { select.lock_exclusive().one(conn).await } else { select.one(conn).await }
}

fn of_unit(quarter: Quarter, unit: Unit) -> Select<quota::Entity> {
    use quota::Column as C;
    let of = match unit {
        Unit::Owner(person) => C::Level.eq(ForecastLevel::Owner).and(C::PersonId.eq(person)),
        Unit::Delegation(delegation) => C::Level.eq(ForecastLevel::Delegation).and(C::DelegationId.eq(delegation)),
        Unit::Region(region) => C::Level.eq(ForecastLevel::Region).and(C::RegionId.eq(region)),
        Unit::Company => C::Level.eq(ForecastLevel::Company),
    };
    quota::Entity::find().filter(C::Quarter.eq(quarter)).filter(of)
}

/// Adds a quota.
///
/// # Errors
/// When the database cannot be written; [`Error::Busy`] where somebody made the same meanwhile.
pub async fn insert_quota(conn: &Conn, row: quota::ActiveModel) -> Result<quota::Model> {
    match quota::Entity::insert(row).exec_with_returning(conn).await {
        Ok(made) => Ok(made),
        Err(error) if is_duplicate(&error) => Err(Error::Busy(error)),
        Err(error) => Err(error.into()),
    }
}

/// Writes a quota as it was read at the version before. Whether nobody was faster.
///
/// # Errors
/// When the database cannot be written.
pub async fn write_quota(conn: &Conn, quota: &quota::Model) -> Result<bool, DbErr> {
    let written = quota::Entity::update_many()
        .set(quota::ActiveModel { id: NotSet, ..quota.clone().into_active_model().reset_all() })
        .filter(quota::Column::Id.eq(quota.id))
        .filter(quota::Column::Version.eq(quota.version - 1))
        .exec(conn)
        .await?;
    Ok(written.rows_affected == 1)
}

/// Notes what a quota is from a moment on.
///
/// # Errors
/// When the database cannot be written.
pub async fn write_figure(conn: &Conn, id: QuotaId, amount: Option<Money>, at: DateTime<Utc>) -> Result<(), DbErr> {
    use quota_figure::Column as C;
    let open = quota_figure::Entity::find().filter(C::QuotaId.eq(id)).filter(C::UntilAt.is_null()).one(conn).await?;
    let change = match open {
        // At the same moment, or on a clock that is a little behind another process's.
        Some(open) if open.from_at >= at => {
            let change = quota_figure::ActiveModel { amount: Set(amount), ..open.into_active_model() };
            return quota_figure::Entity::update(change).exec(conn).await.map(drop);
        }
        open => open.map(|open| quota_figure::ActiveModel { until_at: Set(Some(at)), ..open.into_active_model() }),
    };
    if let Some(change) = change {
        quota_figure::Entity::update(change).exec(conn).await?;
    }
    let row =
        quota_figure::ActiveModel { quota_id: Set(id), from_at: Set(at), until_at: Set(None), amount: Set(amount) };
    quota_figure::Entity::insert(row).exec_without_returning(conn).await.map(drop)
}
