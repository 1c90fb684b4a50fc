//! What delegates are to sign in each quarter of the history: set in the December before, by whoever knows them
//! well. So well that what they sign comes to between 60 and 130 hundredths of it.

use std::collections::BTreeMap;

use ::entity::{
    forecast::{quota, quota_figure},
    vocabulary::{ForecastLevel, Money, PersonId, Quarter, QuotaId},
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{
    super::{
        dice::Dice,
        journal::{Journal, Told},
        network::Network,
        schedule::{WorkDays, day},
    },
    story::Story,
};
use crate::{outbox::Subject, work_queue::Moves};

const SEED: u64 = 0x00de_a160;
/// Least that anybody is to sign in a quarter.
const LEAST: Money = Money::euros(15_000);
/// Least that a quota is raised or lowered by, in euros.
const STEP: i64 = 1_000;

/// A quota that is set at a moment.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub at: DateTime<Utc>,
    pub quarter: Quarter,
    /// A delegate; none: the company.
    pub person: Option<PersonId>,
    pub amount: Money,
}

/// The quotas as they stand.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    set: BTreeMap<(Quarter, Option<PersonId>), (quota::Model, quota_figure::Model)>,
    earlier: Vec<quota_figure::Model>,
}

/// Every setting until a moment, in no order: each year's in the December before, some raised in the middle of
/// their quarter.
pub(super) fn settings(stories: &[Story], network: &Network, days: &WorkDays, today: NaiveDate) -> Vec<Setting> {
    let mut dice = Dice::new(SEED);
    let mut signed: BTreeMap<(PersonId, Quarter), Money> = BTreeMap::new();
    for (on, owner, amount) in stories.iter().filter_map(|story| story.signed) {
        *signed.entry((owner, Quarter::of(on))).or_default() += amount;
    }
    let first = days.day(0);
    let last_year = if today.month() == 12 { today.year() + 1 } else { today.year() };
    let quarters = (first.year()..=last_year).flat_map(|year| (1..=4).filter_map(move |n| Quarter::new(year, n)));
    let mut settings = Vec::new();
    for quarter in quarters.filter(|quarter| *quarter > Quarter::of(first)) {
        let set_on = day(quarter.year() - 1, 12, 10).max(first);
        let mut all = Money::ZERO;
        for delegate in &network.delegates {
            let at = days.during(days.from(set_on), &mut dice);
            let expected = signed.get(&(delegate.id, quarter)).copied().unwrap_or_default();
            // Whoever signs nothing was expected to sign a little.
            let amount = rounded(Money(expected.0 * 100 / dice.between(62, 128))).max(LEAST);
            all += amount;
            let person = Some(delegate.id);
            if dice.chance(4) && Quarter::of(today) > quarter {
                let before = rounded(Money(amount.0 * 80 / 100)).max(LEAST);
                settings.push(Setting { at, quarter, person, amount: before });
                let middle = day(quarter.year(), quarter.number().unsigned_abs() * 3 - 1, 8);
                let at = days.during(days.from(middle.max(set_on)), &mut dice);
                settings.push(Setting { at, quarter, person, amount });
            } else {
                settings.push(Setting { at, quarter, person, amount });
            }
        }
        // The company promises a little less than its people do.
        let at = days.during(days.from(set_on) + 1, &mut dice);
        settings.push(Setting { at, quarter, person: None, amount: rounded(Money(all.0 * 95 / 100)) });
    }
    settings
}

fn rounded(amount: Money) -> Money {
    Money::euros(amount.0 / (STEP * 100) * STEP)
}

impl Quotas {
    /// Sets one, as the mutation does; one that changes nothing is not written.
    pub(super) fn set(&mut self, setting: &Setting, network: &Network, journal: &mut Journal) {
        let Setting { at, quarter, person, amount } = *setting;
        let key = (quarter, person);
        let next = QuotaId(i64::try_from(self.set.len()).unwrap_or_default() + 1);
        let before = self.set.get(&key).cloned();
        let (id, version) = before.as_ref().map_or((next, 1), |(quota, _)| (quota.id, quota.version + 1));
        let had = before.as_ref().and_then(|(quota, _)| quota.amount);
        if had == Some(amount) {
            return;
        }
        if let Some((_, figure)) = before {
            self.earlier.push(quota_figure::Model { until_at: Some(at), ..figure });
        }
        let quota = quota::Model {
            id,
            quarter,
            level: if person.is_some() { ForecastLevel::Owner } else { ForecastLevel::Company },
            person_id: person,
            delegation_id: None,
            region_id: None,
            amount: Some(amount),
            version,
        };
        let figure = quota_figure::Model { quota_id: id, from_at: at, until_at: None, amount: Some(amount) };
        self.set.insert(key, (quota, figure));
        let (of, to) = (quarter.to_string(), amount.to_string());
        let changes = serde_json::json!({ "amount": [had.map(|had| had.to_string()), to], "quarter": [of, of] });
        journal.tell(Told {
            at,
            kind: "quota.set",
            actor: Some(network.sales_admin),
            role: network.role(network.sales_admin),
            subject: Subject { kind: "Quota", id: id.0 },
            from: None,
            to: None,
            reason: None,
            changes,
            queue: Moves::default(),
            envelopes: &[],
        });
    }

    /// Hands everything over to be written.
    pub(super) fn write(&mut self, journal: &mut Journal) {
        for (quota, figure) in std::mem::take(&mut self.set).into_values() {
            journal.quotas.push(quota);
            journal.quota_figures.push(figure);
        }
        journal.quota_figures.append(&mut self.earlier);
    }
}
