//! The context's rules: pure, without database or schema.

use ::entity::{identity::deputy, vocabulary::PersonId};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::error::Mandate;
use crate::authz::{ANONYMOUS, ANYONE, Permission, Place, Rights, Scope, View};

/// What is one's own wherever one works: these need no delegation.
const PERSONAL: [Permission; 5] = [
    Permission::UpdateSettings,
    Permission::NameDeputy,
    Permission::EndDeputy,
    Permission::CreateUpload,
    Permission::OwnWork,
];

/// A place that somebody's roles reach over and that they have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lacking {
    /// The delegation they work in.
    Delegation,
    /// The region they manage.
    Region,
}

/// Which places the rights of somebody's roles ask for beyond those that they have. What belongs to
/// somebody belongs to their delegation too, so that `own` asks for one as `delegation` does.
#[must_use]
pub fn lacking(rights: &Rights, place: &Place) -> Vec<Lacking> {
    let reaches = |permission: Permission, scope: Scope| rights.scopes(permission).contains(scope);
    let in_delegation =
        |&p: &Permission| reaches(p, Scope::Delegation) || (reaches(p, Scope::Own) && !PERSONAL.contains(&p));
    let needs_delegation = Permission::ALL.iter().any(in_delegation);
    let needs_region = Permission::ALL.iter().any(|&p| reaches(p, Scope::Region));
    let missing = [
        (Lacking::Delegation, needs_delegation && place.delegation.is_none()),
        (Lacking::Region, needs_region && place.region.is_none()),
    ];
    missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(lacking, _)| lacking).collect()
}

/// Whether people with these roles can still sign in, change users and change the policy, all of it
/// everywhere. It need not be one person who can do both.
pub fn is_administered<'p>(view: &View, people: impl IntoIterator<Item = &'p Vec<String>>) -> bool {
    let can_sign_in = !view.rights([ANONYMOUS]).scopes(Permission::SignIn).is_empty();
    let mut held = Rights::default();
    let mut anybody = false;
    for roles in people {
        held.include(&view.rights(roles.iter().map(String::as_str).chain([ANYONE])));
        anybody = true;
    }
    let everywhere = |permission: Permission| held.scopes(permission).contains(Scope::All);
    can_sign_in && anybody && everywhere(Permission::UpdateUser) && everywhere(Permission::ChangePolicy)
}

/// Whether somebody may do nothing everywhere that others may not do everywhere as well.
///
/// Whoever administers the people of one place does not become, or make somebody, more than they are.
#[must_use]
pub fn reaches_no_further(theirs: &Rights, mine: &Rights) -> bool {
    let everywhere = |rights: &Rights, permission: Permission| rights.scopes(permission).contains(Scope::All);
    Permission::ALL.iter().all(|&p| !everywhere(theirs, p) || everywhere(mine, p))
}

/// A mandate that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Who is away.
    pub absent: PersonId,
    /// Who stands in.
    pub deputy: PersonId,
    /// First day, inclusive.
    pub first_day: NaiveDate,
    /// Last day, inclusive.
    pub last_day: NaiveDate,
}

/// Why a mandate cannot be given, as far as its people and days are concerned.
#[must_use]
pub fn against_mandate(asked: &Asked, today: NaiveDate, same_pair: &[deputy::Model]) -> Vec<Mandate> {
    let mut refusals = Vec::new();
    if asked.deputy == asked.absent {
        refusals.push(Mandate::DeputyIsAbsent);
    }
    if asked.last_day < asked.first_day {
        refusals.push(Mandate::PeriodReversed);
    } else if asked.last_day < today {
        refusals.push(Mandate::PeriodPassed { today });
    }
    let overlaps =
        |m: &&deputy::Model| m.ended_at.is_none() && m.first_day <= asked.last_day && asked.first_day <= m.last_day;
    if let Some(earlier) = same_pair.iter().find(overlaps) {
        refusals.push(Mandate::Overlaps { first_day: earlier.first_day, last_day: earlier.last_day });
    }
    refusals
}

#[cfg(test)]
mod tests {
    use ::entity::vocabulary::{DelegationId, DeputyId, RegionId};

    use super::*;
    use crate::authz::policy;

    async fn shipped() -> View {
        View::compile(policy::MODEL, &policy::shipped().unwrap()).await.unwrap()
    }

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, number).unwrap()
    }

    #[tokio::test]
    async fn a_role_asks_for_the_places_that_it_reaches_over() {
        let view = shipped().await;
        let nowhere = Place::default();
        let asks = |roles: &[&str], place: &Place| lacking(&view.rights(roles.iter().copied()), place);
        assert_eq!(asks(&["DELEGATE"], &nowhere), [Lacking::Delegation]);
        assert_eq!(asks(&["RR"], &nowhere), [Lacking::Region]);
        assert_eq!(asks(&["RR", "ASSISTANT"], &nowhere), [Lacking::Delegation, Lacking::Region]);
        for everywhere in ["PDV", "SALES_ADMIN", "DIRECTOR", "PLATFORM_ADMIN"] {
            assert_eq!(asks(&[everywhere], &nowhere), [], "{everywhere}");
        }
        let office = Place { owner: None, delegation: Some(DelegationId(1)), region: Some(RegionId(1)) };
        assert_eq!(asks(&["RR", "DELEGATE"], &office), []);
    }

    #[tokio::test]
    async fn administration_needs_somebody_for_users_and_for_the_policy() {
        let view = shipped().await;
        let held = |roles: &[&str]| vec![roles.iter().map(|&r| r.to_owned()).collect::<Vec<String>>()];
        assert!(is_administered(&view, &held(&["PLATFORM_ADMIN"])));
        assert!(!is_administered(&view, &held(&["SALES_ADMIN"])));
        assert!(!is_administered(&view, &Vec::new()));
    }

    #[tokio::test]
    async fn a_region_does_not_reach_beyond_itself() {
        let view = shipped().await;
        let rights = |role: &str| view.rights([role]);
        for role in ["DELEGATE", "ASSISTANT", "RR"] {
            assert!(reaches_no_further(&rights(role), &rights("RR")), "{role}");
        }
        for role in ["PDV", "SALES_ADMIN", "DIRECTOR", "PLATFORM_ADMIN"] {
            assert!(!reaches_no_further(&rights(role), &rights("RR")), "{role}");
        }
    }

    #[test]
    fn a_mandate_needs_two_people_and_days_to_come() {
        let asked = |first, last| Asked {
            absent: PersonId(1),
            deputy: PersonId(2),
            first_day: day(first),
            last_day: day(last),
        };
        let today = day(10);
        assert_eq!(against_mandate(&asked(10, 10), today, &[]), []);
        assert_eq!(against_mandate(&asked(1, 10), today, &[]), []);
        assert_eq!(against_mandate(&asked(12, 11), today, &[]), [Mandate::PeriodReversed]);
        assert_eq!(against_mandate(&asked(8, 9), today, &[]), [Mandate::PeriodPassed { today }]);
        let oneself = Asked { deputy: PersonId(1), ..asked(10, 12) };
        assert_eq!(against_mandate(&oneself, today, &[]), [Mandate::DeputyIsAbsent]);
        let earlier = deputy::Model {
            id: DeputyId(1),
            absent_id: PersonId(1),
            deputy_id: PersonId(2),
            first_day: day(11),
            last_day: day(12),
            named_by_id: PersonId(1),
            ended_at: None,
            created_at: chrono::DateTime::UNIX_EPOCH,
            version: 1,
        };
        let overlap = Mandate::Overlaps { first_day: day(11), last_day: day(12) };
        assert_eq!(against_mandate(&asked(12, 13), today, std::slice::from_ref(&earlier)), [overlap]);
        assert_eq!(against_mandate(&asked(13, 14), today, std::slice::from_ref(&earlier)), []);
        let ended = deputy::Model { ended_at: Some(chrono::DateTime::UNIX_EPOCH), ..earlier };
        assert_eq!(against_mandate(&asked(12, 13), today, &[ended]), []);
    }
}
