//! All SQL of the envelopes, the years and the goodwill gestures; the ledger's is in `ledger`.

use ::entity::{
    budgets::{budget_year, envelope, goodwill},
    identity::region,
    vocabulary::{DelegationId, EnvelopeId, EnvelopeKind, GoodwillId, Money, PersonId, RegionId},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Select,
    sea_query::{Expr, ExprTrait},
};
use serde::{Deserialize, Serialize};

use crate::{
    authz::{Place, Reach},
    db::{Conn, Lock},
    error::{Error, Result, is_duplicate},
};

/// Whose envelope of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Holder {
    /// The central pool.
    Pool,
    /// The management budget.
    Management,
    /// A region's manager.
    Region(RegionId),
    /// A delegate.
    Delegate(PersonId),
}

impl Holder {
    /// Whose an envelope is; nobody's where its columns contradict its kind.
    #[must_use]
    pub const fn of(envelope: &envelope::Model) -> Option<Self> {
        match (envelope.kind, envelope.region_id, envelope.person_id) {
            (EnvelopeKind::Pool, _, _) => Some(Self::Pool),
            (EnvelopeKind::Management, _, _) => Some(Self::Management),
            (EnvelopeKind::Region, Some(region), _) => Some(Self::Region(region)),
            (EnvelopeKind::Delegate, _, Some(person)) => Some(Self::Delegate(person)),
            (EnvelopeKind::Region | EnvelopeKind::Delegate, _, _) => None,
        }
    }

    /// The envelope among some of one year.
    #[must_use]
    pub fn among(self, envelopes: &[envelope::Model]) -> Option<&envelope::Model> {
        envelopes.iter().find(|envelope| Self::of(envelope) == Some(self))
    }

    fn condition(self) -> Condition {
        use envelope::Column::{Kind, PersonId, RegionId};
        let (kind, who) = match self {
            Self::Pool => (EnvelopeKind::Pool, None),
            Self::Management => (EnvelopeKind::Management, None),
            Self::Region(region) => (EnvelopeKind::Region, Some(RegionId.eq(region))),
            Self::Delegate(person) => (EnvelopeKind::Delegate, Some(PersonId.eq(person))),
        };
        Condition::all().add(Kind.eq(kind)).add_option(who)
    }
}

/// Where an envelope belongs: a delegate's to delegate, delegation and region, a regional manager's to the
/// region, the others to the company alone.
#[must_use]
pub const fn place(envelope: &envelope::Model) -> Place {
    Place { owner: envelope.person_id, delegation: envelope.delegation_id, region: envelope.region_id }
}

fn within(reach: &Reach) -> Condition {
    reach.condition(envelope::Column::PersonId, envelope::Column::DelegationId, envelope::Column::RegionId)
}

/// The envelopes that an order is charged to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelopes {
    /// The owner's.
    pub delegate: Option<envelope::Model>,
    /// The regional manager's.
    pub region: Option<envelope::Model>,
}

/// The envelopes of a delegate and of a region in a year, in one statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn envelopes_of(
    conn: &Conn,
    lock: Lock,
    year: i32,
    delegate: PersonId,
    region: RegionId,
) -> Result<Envelopes, DbErr> {
    let found = envelopes(conn, lock, &[(year, delegate, region)]).await?;
    Ok(pick(&found, year, delegate, region))
}

/// The envelopes that several orders are charged to, in one statement, locked in the order of their keys.
///
/// # Errors
/// When the database cannot be read.
pub async fn envelopes(
    conn: &Conn,
    lock: Lock,
    wanted: &[(i32, PersonId, RegionId)],
) -> Result<Vec<envelope::Model>, DbErr> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let years = wanted.iter().map(|(year, _, _)| *year);
    let delegates = wanted.iter().map(|(_, delegate, _)| *delegate);
    let regions = wanted.iter().map(|(_, _, region)| *region);
    let of_region = Condition::all()
        .add(envelope::Column::Kind.eq(EnvelopeKind::Region))
        .add(envelope::Column::RegionId.is_in(regions));
    let select = envelope::Entity::find()
        .filter(envelope::Column::Year.is_in(years))
        .filter(Condition::any().add(envelope::Column::PersonId.is_in(delegates)).add(of_region));
    in_order_of_keys(conn, lock, select).await
}

/// The envelopes of a year that somebody holds, in one statement, locked in the order of their keys.
///
/// # Errors
/// When the database cannot be read.
pub async fn held_by(conn: &Conn, lock: Lock, year: i32, holders: &[Holder]) -> Result<Vec<envelope::Model>, DbErr> {
    in_order_of_keys(conn, lock, of_holders(year, holders)).await
}

fn of_holders(year: i32, holders: &[Holder]) -> Select<envelope::Entity> {
    let any = holders.iter().fold(Condition::any(), |any, holder| any.add(holder.condition()));
    envelope::Entity::find().filter(envelope::Column::Year.eq(year)).filter(any)
}

/// Everybody who locks envelopes does so in this order, so that nobody waits in a circle.
async fn in_order_of_keys(
    conn: &Conn,
    lock: Lock,
    select: Select<envelope::Entity>,
) -> Result<Vec<envelope::Model>, DbErr> {
    let select = select.order_by_asc(envelope::Column::Id);
    let locked = lock == Lock::Yes && conn.is_postgres();
    if locked { select.lock_exclusive().all(conn).await } else { select.all(conn).await }
}

/// Of some envelopes, those of one delegate and one region in a year.
#[must_use]
pub fn pick(found: &[envelope::Model], year: i32, delegate: PersonId, region: RegionId) -> Envelopes {
    let of = |matches: &dyn Fn(&envelope::Model) -> bool| found.iter().find(|e| e.year == year && matches(e)).cloned();
    Envelopes {
        delegate: of(&|e| e.person_id == Some(delegate)),
        region: of(&|e| e.kind == EnvelopeKind::Region && e.region_id == Some(region)),
    }
}

/// Budget years.
///
/// # Errors
/// When the database cannot be read.
pub async fn years(conn: &impl ConnectionTrait, years: &[i32]) -> Result<Vec<budget_year::Model>, DbErr> {
    budget_year::Entity::find().filter(budget_year::Column::Year.is_in(years.iter().copied())).all(conn).await
}

/// All budget years, latest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn all_years(conn: &impl ConnectionTrait) -> Result<Vec<budget_year::Model>, DbErr> {
    budget_year::Entity::find().order_by_desc(budget_year::Column::Year).all(conn).await
}

/// A budget year, held until the end of the transaction.
///
/// # Errors
/// When the database cannot be read.
pub async fn lock_year(conn: &Conn, year: i32) -> Result<Option<budget_year::Model>, DbErr> {
    let select = budget_year::Entity::find_by_id(year);
    if conn.is_postgres() { select.lock_exclusive().one(conn).await } else { select.one(conn).await }
}

/// Writes a budget year, new or as it was read at the version before. Whether nobody was faster.
///
/// # Errors
/// When the database cannot be written; [`Error::Busy`] where somebody made the same year meanwhile.
pub async fn write_year(conn: &Conn, year: &budget_year::Model) -> Result<bool> {
    let before = year.version - 1;
    let row = year.clone().into_active_model().reset_all();
    if before == 0 {
        return match budget_year::Entity::insert(row).exec_without_returning(conn).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Err(Error::Busy(error)),
            Err(error) => Err(error.into()),
        };
    }
    let written = budget_year::Entity::update_many()
        .set(budget_year::ActiveModel { year: NotSet, ..row })
        .filter(budget_year::Column::Year.eq(year.year))
        .filter(budget_year::Column::Version.eq(before))
        .exec(conn)
        .await?;
    Ok(written.rows_affected == 1)
}

/// All regions, by code.
///
/// # Errors
/// When the database cannot be read.
pub async fn regions(conn: &impl ConnectionTrait) -> Result<Vec<region::Model>, DbErr> {
    region::Entity::find().order_by_asc(region::Column::Code).all(conn).await
}

/// An envelope to be made, empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEnvelope {
    /// Whose.
    pub holder: Holder,
    /// Delegation of a delegate's.
    pub delegation: Option<DelegationId>,
    /// Region of a regional manager's or a delegate's.
    pub region: Option<RegionId>,
}

/// Makes empty envelopes in a year, in one statement.
///
/// # Errors
/// When the database cannot be written; [`Error::Busy`] where somebody made one of them meanwhile.
pub async fn make_envelopes(conn: &Conn, year: i32, new: &[NewEnvelope]) -> Result<Vec<envelope::Model>> {
    let rows = new.iter().map(|envelope| empty_envelope(year, *envelope));
    match envelope::Entity::insert_many(rows).exec_with_returning(conn).await {
        Ok(made) => Ok(made),
        Err(error) if is_duplicate(&error) => Err(Error::Busy(error)),
        Err(error) => Err(error.into()),
    }
}

fn empty_envelope(year: i32, new: NewEnvelope) -> envelope::ActiveModel {
    let NewEnvelope { holder, delegation, region } = new;
    let (kind, person) = match holder {
        Holder::Pool => (EnvelopeKind::Pool, None),
        Holder::Management => (EnvelopeKind::Management, None),
        Holder::Region(_) => (EnvelopeKind::Region, None),
        Holder::Delegate(person) => (EnvelopeKind::Delegate, Some(person)),
    };
    envelope::ActiveModel {
        id: NotSet,
        year: Set(year),
        kind: Set(kind),
        region_id: Set(region),
        delegation_id: Set(delegation),
        person_id: Set(person),
        allocated: Set(Money::ZERO),
        committed: Set(Money::ZERO),
        consumed: Set(Money::ZERO),
        used_refund: Set(Money::ZERO),
        used_gift_cheques: Set(Money::ZERO),
        used_custom: Set(Money::ZERO),
        used_standard: Set(Money::ZERO),
        version: Set(1),
    }
}

/// The envelopes of a year within a reach.
#[must_use]
pub fn envelopes_within(reach: &Reach, year: i32) -> Select<envelope::Entity> {
    every_envelope_within(reach).filter(envelope::Column::Year.eq(year))
}

/// The envelopes of all years within a reach.
#[must_use]
pub fn every_envelope_within(reach: &Reach) -> Select<envelope::Entity> {
    envelope::Entity::find().filter(within(reach))
}

/// Of some holders' envelopes of a year, those within a reach.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(
    conn: &Conn,
    reach: &Reach,
    year: i32,
    holders: &[Holder],
) -> Result<Vec<envelope::Model>, DbErr> {
    in_order_of_keys(conn, Lock::No, of_holders(year, holders).filter(within(reach))).await
}

/// Envelopes by key.
///
/// # Errors
/// When the database cannot be read.
pub async fn envelopes_by_key(conn: &impl ConnectionTrait, ids: &[EnvelopeId]) -> Result<Vec<envelope::Model>, DbErr> {
    envelope::Entity::find().filter(envelope::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// The management budgets of some years.
///
/// # Errors
/// When the database cannot be read.
pub async fn management_of(conn: &impl ConnectionTrait, years: &[i32]) -> Result<Vec<envelope::Model>, DbErr> {
    envelope::Entity::find()
        .filter(envelope::Column::Year.is_in(years.iter().copied()))
        .filter(envelope::Column::Kind.eq(EnvelopeKind::Management))
        .all(conn)
        .await
}

/// Sums over the envelopes of a delegation's delegates (B-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What was given, moved and clawed back.
    pub allocated: Money,
    /// What is promised to orders.
    pub committed: Money,
    /// What is spent.
    pub consumed: Money,
}

/// The sum over a delegation's envelopes in a year, in one statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn balance_of(conn: &Conn, year: i32, delegation: DelegationId) -> Result<Balance, DbErr> {
    use envelope::Column::{Allocated, Committed, Consumed};
    // PostgreSQL's sum of bigint is numeric.
    let sum = |column: envelope::Column| Expr::expr(column.sum().if_null(0)).cast_as("bigint");
    let sums: Option<(i64, i64, i64)> = envelope::Entity::find()
        .select_only()
        .column_as(sum(Allocated), "allocated")
        .column_as(sum(Committed), "committed")
        .column_as(sum(Consumed), "consumed")
        .filter(envelope::Column::Year.eq(year))
        .filter(envelope::Column::DelegationId.eq(delegation))
        .into_tuple()
        .one(conn)
        .await?;
    let (allocated, committed, consumed) = sums.unwrap_or_default();
    Ok(Balance { allocated: Money(allocated), committed: Money(committed), consumed: Money(consumed) })
}

/// The goodwill gestures within a reach: own are those asked for by one or for one.
#[must_use]
pub fn gestures_within(reach: &Reach) -> Select<goodwill::Entity> {
    use goodwill::Column::{DelegationId, RegionId, RequestedForId, RequesterId};
    let of = |owner| reach.condition(owner, DelegationId, RegionId);
    let select = goodwill::Entity::find();
    if reach.all { select } else { select.filter(Condition::any().add(of(RequesterId)).add(of(RequestedForId))) }
}

/// Goodwill gestures by key.
///
/// # Errors
/// When the database cannot be read.
pub async fn gestures_by_key(conn: &impl ConnectionTrait, ids: &[GoodwillId]) -> Result<Vec<goodwill::Model>, DbErr> {
    goodwill::Entity::find().filter(goodwill::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// A goodwill gesture, held until the end of the transaction.
///
/// # Errors
/// When the database cannot be read.
pub async fn lock_gesture(conn: &Conn, id: GoodwillId) -> Result<Option<goodwill::Model>, DbErr> {
    let select = goodwill::Entity::find_by_id(id);
    if conn.is_postgres() { select.lock_exclusive().one(conn).await } else { select.one(conn).await }
}

/// Adds a goodwill gesture.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_gesture(conn: &Conn, row: goodwill::ActiveModel) -> Result<goodwill::Model, DbErr> {
    goodwill::Entity::insert(row).exec_with_returning(conn).await
}

/// Writes what changes of a goodwill gesture as it was read at a version, which rises. Whether nobody
/// was faster.
///
/// # Errors
/// When the database cannot be written.
pub async fn advance_gesture(
    conn: &Conn,
    before: &goodwill::Model,
    change: goodwill::ActiveModel,
) -> Result<bool, DbErr> {
    let written = goodwill::Entity::update_many()
        .set(change)
        .col_expr(goodwill::Column::Version, Expr::col(goodwill::Column::Version).add(1))
        .filter(goodwill::Column::Id.eq(before.id))
        .filter(goodwill::Column::Version.eq(before.version))
        .exec(conn)
        .await?;
    Ok(written.rows_affected == 1)
}
