//! Whose quota is how much: a team's own figure, or the sum of its people's (P-20). Pure.

use ::entity::vocabulary::{DelegationId, ForecastLevel, Money, PersonId, RegionId};

use super::rules::plus;
use crate::authz::{Place, Reach};

/// Whom a line of the board is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// A person who owns deals.
    Owner(PersonId),
    /// A delegation.
    Delegation(DelegationId),
    /// A region.
    Region(RegionId),
    /// All that the board shows.
    Company,
}

impl Unit {
    /// Whom something at a place is about, seen from a level; nobody where it is above that level.
    #[must_use]
    pub fn of(place: &Place, level: ForecastLevel) -> Option<Self> {
        match level {
            ForecastLevel::Owner => place.owner.map(Self::Owner),
            ForecastLevel::Delegation => place.delegation.map(Self::Delegation),
            ForecastLevel::Region => place.region.map(Self::Region),
            ForecastLevel::Company => Some(Self::Company),
        }
    }

    fn holds(self, place: &Place) -> bool {
        match self {
            Self::Owner(owner) => place.owner == Some(owner),
            Self::Delegation(delegation) => place.delegation == Some(delegation),
            Self::Region(region) => place.region == Some(region),
            Self::Company => true,
        }
    }
}

/// Which part of the company is looked at; all that is given holds together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// One person's.
    pub owner: Option<PersonId>,
    /// One delegation's.
    pub delegation: Option<DelegationId>,
    /// One region's.
    pub region: Option<RegionId>,
}

impl Scope {
    /// Whether something belongs to it.
    #[must_use]
    pub fn covers(&self, place: &Place) -> bool {
        self.owner.is_none_or(|owner| place.owner == Some(owner))
            && self.delegation.is_none_or(|delegation| place.delegation == Some(delegation))
            && self.region.is_none_or(|region| place.region == Some(region))
    }

    /// The unit that it names, the smallest where it names several.
    fn unit(&self) -> Option<Unit> {
        let owner = self.owner.map(Unit::Owner);
        owner.or(self.delegation.map(Unit::Delegation)).or(self.region.map(Unit::Region))
    }
}

/// A quota in force, and where it belonged then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Whose.
    pub level: ForecastLevel,
    /// A person's: whose and where they worked; a team's: which. The company's is nowhere.
    pub place: Place,
    /// How much.
    pub amount: Money,
}

impl Figure {
    fn unit(&self) -> Option<Unit> {
        Unit::of(&self.place, self.level)
    }
}

/// The quotas of a quarter that somebody may read.
#[derive(Clone, Debug, Default)]
pub struct Quotas(Vec<Figure>);

impl Quotas {
    /// Those among some that are within a reach and a scope.
    #[must_use]
    pub fn within(all: Vec<Figure>, reach: &Reach, scope: &Scope) -> Self {
        let is_within = |figure: &Figure| reach.covers(&figure.place) && scope.covers(&figure.place);
        Self(all.into_iter().filter(is_within).collect())
    }

    /// The quota of somebody: a team's own figure, else the sum of its people's; none where there is none.
    #[must_use]
    pub fn of(&self, unit: Unit) -> Option<Money> {
        let own = self.0.iter().find(|figure| figure.unit() == Some(unit)).map(|figure| figure.amount);
        let people = self.0.iter().filter(|figure| figure.level == ForecastLevel::Owner && unit.holds(&figure.place));
        own.or_else(|| people.map(|figure| figure.amount).reduce(plus))
    }

    /// Everybody of a level who has a quota, of their own or by their people; some of them several times.
    pub fn units(&self, level: ForecastLevel) -> impl Iterator<Item = Unit> {
        let below = self.0.iter().filter(move |figure| figure.level <= level);
        below.filter_map(move |figure| Unit::of(&figure.place, level))
    }

    /// The quota of all that somebody may read of a scope: of the largest teams that are theirs.
    #[must_use]
    pub fn of_all(&self, reach: &Reach, scope: &Scope) -> Option<Money> {
        let named = scope.unit();
        if let Some(unit) = named.filter(|unit| reach.all || self.0.iter().any(|own| own.unit() == Some(*unit))) {
            return self.of(unit);
        }
        if reach.all {
            return self.of(Unit::Company);
        }
        let regions = reach.regions.iter().copied().map(Unit::Region);
        let delegations = reach.delegations.iter().copied().map(Unit::Delegation);
        let owners = reach.owners.iter().copied().map(Unit::Owner);
        let mut left = self.clone();
        let quotas = regions.chain(delegations).chain(owners).filter_map(|unit| {
            let quota = left.of(unit);
            // Whoever reaches somebody by two roads counts them once.
            left.0.retain(|figure| !unit.holds(&figure.place));
            quota
        });
        quotas.reduce(plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(owner: Option<i64>, delegation: Option<i64>, region: Option<i64>) -> Place {
        let (delegation, region) = (delegation.map(DelegationId), region.map(RegionId));
        Place { owner: owner.map(PersonId), delegation, region }
    }

    /// Persons 1 and 2 in delegation 1 of region 1, person 3 in delegation 2 of region 1, person 4 in region 2.
    fn people() -> Vec<Figure> {
        let person = |(key, delegation, region, euros)| Figure {
            level: ForecastLevel::Owner,
            place: place(Some(key), Some(delegation), Some(region)),
            amount: Money::euros(euros),
        };
        [(1, 1, 1, 10), (2, 1, 1, 20), (3, 2, 1, 40), (4, 3, 2, 80)].map(person).to_vec()
    }

    fn team(level: ForecastLevel, delegation: Option<i64>, region: Option<i64>, euros: i64) -> Figure {
        Figure { level, place: place(None, delegation, region), amount: Money::euros(euros) }
    }

    const DELEGATION: Unit = Unit::Delegation(DelegationId(1));
    const REGION: Unit = Unit::Region(RegionId(1));

    fn everywhere() -> Reach {
        Reach { all: true, ..Reach::default() }
    }

    fn euros(amount: Option<Money>) -> Option<i64> {
        amount.map(|amount| amount.0 / 100)
    }

    #[test]
    fn p20_a_team_has_its_own_figure_or_the_sum_of_its_people() {
        let everything = |more: &[Figure]| Quotas::within([&people(), more].concat(), &everywhere(), &Scope::default());
        let plain = everything(&[]);
        assert_eq!(euros(plain.of(Unit::Owner(PersonId(1)))), Some(10));
        assert_eq!(euros(plain.of(DELEGATION)), Some(30));
        assert_eq!(euros(plain.of(REGION)), Some(70));
        assert_eq!(euros(plain.of(Unit::Company)), Some(150));
        assert_eq!(euros(plain.of(Unit::Delegation(DelegationId(9)))), None);
        let own = everything(&[
            team(ForecastLevel::Delegation, Some(1), Some(1), 33),
            team(ForecastLevel::Company, None, None, 500),
        ]);
        assert_eq!(euros(own.of(DELEGATION)), Some(33));
        assert_eq!(euros(own.of(REGION)), Some(70), "the sum of its people's, not of its teams'");
        assert_eq!(euros(own.of(Unit::Company)), Some(500));
        assert_eq!(euros(own.of_all(&everywhere(), &Scope::default())), Some(500));
        assert_eq!(own.units(ForecastLevel::Owner).count(), 4);
        assert_eq!(own.units(ForecastLevel::Delegation).filter(|unit| *unit == DELEGATION).count(), 3);
    }

    #[test]
    fn p20_whoever_sees_a_part_has_the_quota_of_that_part() {
        let all = [people(), vec![team(ForecastLevel::Region, None, Some(1), 99)]].concat();
        let of = |reach: &Reach, scope: Scope, unit: Unit| {
            let quotas = Quotas::within(all.clone(), reach, &scope);
            (euros(quotas.of(unit)), euros(quotas.of_all(reach, &scope)))
        };
        let delegate = Reach { owners: vec![PersonId(1)], ..Reach::default() };
        assert_eq!(of(&delegate, Scope::default(), REGION), (Some(10), Some(10)));
        let assistant = Reach { delegations: vec![DelegationId(1)], ..Reach::default() };
        assert_eq!(of(&assistant, Scope::default(), DELEGATION), (Some(30), Some(30)));
        let manager = Reach { regions: vec![RegionId(1)], ..Reach::default() };
        assert_eq!(of(&manager, Scope::default(), Unit::Company), (Some(70), Some(99)));
        let one = Scope { delegation: Some(DelegationId(2)), ..Scope::default() };
        assert_eq!(of(&manager, one, Unit::Delegation(DelegationId(2))), (Some(40), Some(40)));
        let region = Scope { region: Some(RegionId(1)), ..Scope::default() };
        assert_eq!(of(&everywhere(), region, REGION), (Some(99), Some(99)));
        let deputy = Reach {
            regions: vec![RegionId(1)],
            delegations: vec![DelegationId(1)],
            owners: vec![PersonId(4)],
            ..Reach::default()
        };
        assert_eq!(of(&deputy, Scope::default(), Unit::Owner(PersonId(4))), (Some(80), Some(179)));
    }
}
