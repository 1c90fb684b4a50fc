//! How far a permission reaches: one value, asked in memory or turned into a condition of SQL.

use ::entity::vocabulary::{DelegationId, PersonId, RegionId};
use sea_orm::{
    ColumnTrait, Condition,
    sea_query::{Expr, ExprTrait},
};

/// Where a record belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub owner: Option<PersonId>,
    /// Delegation.
    pub delegation: Option<DelegationId>,
    /// Region.
    pub region: Option<RegionId>,
}

/// The records within reach: the union of what each grant covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Everything.
    pub all: bool,
    /// Everything in these regions.
    pub regions: Vec<RegionId>,
    /// Everything in these delegations.
    pub delegations: Vec<DelegationId>,
    /// Everything of these people.
    pub owners: Vec<PersonId>,
}

impl Reach {
    /// Whether nothing at all is within reach.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all && self.regions.is_empty() && self.delegations.is_empty() && self.owners.is_empty()
    }

    /// Whether a record is within reach.
    #[must_use]
    pub fn covers(&self, place: &Place) -> bool {
        self.all
            || place.region.is_some_and(|r| self.regions.contains(&r))
            || place.delegation.is_some_and(|d| self.delegations.contains(&d))
            || place.owner.is_some_and(|o| self.owners.contains(&o))
    }

    /// The same question for SQL, on the columns that say where a row belongs. Whatever is added to the condition
    /// narrows it: were it itself one of which a part is enough, an added key would open the row.
    pub fn condition<C: ColumnTrait>(&self, owner: C, delegation: C, region: C) -> Condition {
        if self.all {
            return Condition::all();
        }
        if self.is_empty() {
            return Condition::all().add(Expr::val(1).eq(0));
        }
        let mut any = Condition::any();
        if !self.regions.is_empty() {
            any = any.add(region.is_in(self.regions.iter().copied()));
        }
        if !self.delegations.is_empty() {
            any = any.add(delegation.is_in(self.delegations.iter().copied()));
        }
        if !self.owners.is_empty() {
            any = any.add(owner.is_in(self.owners.iter().copied()));
        }
        Condition::all().add(any)
    }
}

#[cfg(test)]
mod tests {
    use ::entity::orders::order::Column;
    use sea_orm::sea_query::{Query, SqliteQueryBuilder};

    use super::*;

    #[test]
    fn what_is_added_to_a_reach_narrows_it() {
        let own = Reach { owners: vec![PersonId(7)], ..Reach::default() };
        let wider = Reach { regions: vec![RegionId(2)], ..own.clone() };
        for reach in [Reach::default(), own, wider, Reach { all: true, ..Reach::default() }] {
            let within = reach.condition(Column::OwnerId, Column::DelegationId, Column::RegionId);
            let mut select = Query::select();
            select.expr(Expr::val(1)).cond_where(within.add(Column::Id.eq(9)));
            let text = select.to_string(SqliteQueryBuilder);
            let (_, place) = text.split_once("WHERE ").expect("a condition");
            assert!(place.ends_with("\"id\" = 9") && !place.contains(") OR \"orders\".\"id\""), "{text}");
            assert!(reach.all || place.contains(" AND \"orders\".\"id\" = 9"), "{text}");
        }
    }
}
