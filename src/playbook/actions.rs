//! Changing the playbook.

use ::entity::{
    sales::playbook,
    vocabulary::{ClassRules, OppyStage, Playbook, SizeClass, StopReason},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde::{Deserialize, Serialize};

use super::{
    of_year, rules_of,
    types::{SizeRulesInput, StopReasonInput, UpdatePlaybookInput, Weekday},
};
use crate::{
    action::{Call, Common, Request, perform},
    both,
    db::Conn,
    error::Result,
    i18n::Text,
    input::line,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{self, Done, refused, unless_refused},
    version,
};

/// The years that may have rules of their own.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2200;

/// Why a change of the playbook is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// A value that cannot be.
    Invalid {
        /// Which.
        field: Vec<String>,
        /// What would be allowed, in French and in English.
        allowed: (String, String),
    },
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(common) => common.code(),
            Self::Invalid { .. } => "PLAYBOOK_INVALID",
        }
    }

    fn field(&self) -> Vec<String> {
        match self {
            Self::Common(common) => vec![common.field().to_owned()],
            Self::Invalid { field, .. } => field.clone(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::Invalid { allowed: (fr, en), .. } => both!("Valeur impossible : {fr}.", "Not possible: {en}."),
        }
    }
}

fn invalid(field: &str, fr: &str, en: &str) -> Refusal {
    Refusal::Invalid { field: vec![field.to_owned()], allowed: (fr.to_owned(), en.to_owned()) }
}

/// Changes the rules from a year on; the year gets rules of its own where it has none yet.
pub(super) async fn update(op: &Op, input: UpdatePlaybookInput) -> Done<i32, Refusal> {
    let call = Call::from(input.call.clone());
    let request = Request::new("updatePlaybook", &call, &input);
    let (call, input) = (&call, &input);
    perform(op, &request, move |conn| async move {
        if !YEARS.contains(&input.year) {
            return refused(invalid("year", "une année de 2000 à 2200", "a year from 2000 to 2200"));
        }
        let before = of_year(&conn, input.year).await?;
        version::check(&conn, call, Some(about(before.year)), before.version).await?;
        let after = changed(&before.rules, input).map_err(refusal::Stopped::Failed)?;
        unless_refused(wrong(&after))?;
        write(&conn, &before, input.year, &after).await?;
        let event = Event::new("playbook.updated", about(input.year));
        outbox::record(op, &conn, call, event.with_changes(&[&before.rules, &after])?).await?;
        Ok(input.year)
    })
    .await
}

fn about(year: i32) -> Subject {
    Subject { kind: "Playbook", id: year.into() }
}

async fn write(conn: &Conn, before: &playbook::Model, year: i32, rules: &Playbook) -> Done<(), Refusal> {
    if before.year != year {
        let row = playbook::ActiveModel { year: Set(year), rules: Set(rules.clone()), version: Set(1) };
        playbook::Entity::insert(row).exec_without_returning(conn).await?;
        return Ok(());
    }
    let mut row = before.clone().into_active_model();
    row.set(playbook::Column::Rules, rules.clone().into());
    row.set(playbook::Column::Version, (before.version + 1).into());
    let written = playbook::Entity::update_many()
        .set(row)
        .filter(playbook::Column::Year.eq(year))
        .filter(playbook::Column::Version.eq(before.version))
        .exec(conn)
        .await?;
    match written.rows_affected {
        1 => Ok(()),
        _overtaken => {
            let current = of_year(conn, year).await?.version;
            version::overtaken(conn, Some(about(year)), before.version, current).await
        }
    }
}

/// The rules with what the input says of them.
fn changed(before: &Playbook, input: &UpdatePlaybookInput) -> Result<Playbook> {
    let days = |wanted: &Option<Vec<Weekday>>, kept: &[u8]| match wanted {
        Some(days) => days.iter().map(|day| day.number()).collect(),
        None => kept.to_vec(),
    };
    let probabilities = match input.probabilities.as_deref() {
        None => before.probabilities,
        Some(given) => std::array::from_fn(|place| given.get(place).map_or(-1, |percent| percent.hundredths)),
    };
    let too_many = input.probabilities.as_ref().is_some_and(|given| given.len() != 4);
    Ok(Playbook {
        middle_from: input.middle_from.unwrap_or(before.middle_from),
        large_above: input.large_above.unwrap_or(before.large_above),
        restricted_days: days(&input.restricted_days, &before.restricted_days),
        extended_days: days(&input.extended_days, &before.extended_days),
        extended_days_after_holiday: days(&input.extended_days_after_holiday, &before.extended_days_after_holiday),
        large_needs_extended: input.large_needs_extended.unwrap_or(before.large_needs_extended),
        quorum: input.quorum.clone().unwrap_or_else(|| before.quorum.clone()),
        quorum_people: input.quorum_people.unwrap_or(before.quorum_people),
        classes: SizeClass::ALL.iter().map(|class| class_changed(before, *class, input.sizes.as_deref())).collect(),
        reasons: match input.stop_reasons.as_deref() {
            Some(reasons) => reasons.iter().map(reason).collect::<Result<_>>()?,
            None => before.reasons.clone(),
        },
        probabilities: if too_many { [-1; 4] } else { probabilities },
        learned_from: input.learned_from.unwrap_or(before.learned_from),
    })
}

fn class_changed(before: &Playbook, class: SizeClass, sizes: Option<&[SizeRulesInput]>) -> ClassRules {
    let kept = rules_of(before, class);
    let Some(wanted) = sizes.unwrap_or_default().iter().find(|size| size.size_class == class) else { return kept };
    ClassRules {
        class,
        deliverables: wanted.deliverables.clone().unwrap_or(kept.deliverables),
        teams: wanted.teams.clone().unwrap_or(kept.teams),
        documents: wanted.documents.clone().unwrap_or(kept.documents),
        sales_discount: wanted.sales_discount.map_or(kept.sales_discount, |percent| percent.hundredths),
        rr_discount: wanted.rr_discount.map_or(kept.rr_discount, |percent| percent.hundredths),
    }
}

fn reason(wanted: &StopReasonInput) -> Result<StopReason> {
    let text = |text: &str| line(["input", "stopReasons"], text, 100);
    Ok(StopReason {
        stop: wanted.stop,
        code: text(&wanted.code)?,
        label_fr: text(&wanted.label_fr)?,
        label_en: text(&wanted.label_en)?,
    })
}

/// Everything in rules that cannot be.
fn wrong(rules: &Playbook) -> Vec<Refusal> {
    let mut wrong = Vec::new();
    let mut unless = |fine: bool, refusal: Refusal| wrong.extend((!fine).then_some(refusal));
    unless(
        rules.middle_from.0 >= 0 && rules.middle_from <= rules.large_above && rules.large_above.is_in_range(),
        invalid(
            "largeAbove",
            "au moins middleFrom, qui n'est pas négatif",
            "at least middleFrom, which is not negative",
        ),
    );
    unless(!rules.restricted_days.is_empty(), invalid("restrictedDays", "au moins un jour", "at least one day"));
    unless(!rules.extended_days.is_empty(), invalid("extendedDays", "au moins un jour", "at least one day"));
    unless((1..=20).contains(&rules.quorum_people), invalid("quorumPeople", "de 1 à 20", "1 to 20"));
    unless(
        rules.classes.iter().all(|class| class.sales_discount <= class.rr_discount),
        invalid("sizes", "rrDiscount au moins égal à salesDiscount", "rrDiscount at least salesDiscount"),
    );
    unless(
        rules.probabilities.iter().all(|one| (0..=10_000).contains(one)),
        invalid(
            "probabilities",
            "quatre pourcentages, un par étape ouverte",
            "four percentages, one for each open stage",
        ),
    );
    unless(rules.learned_from >= 1, invalid("learnedFrom", "au moins 1", "at least 1"));
    unless(
        rules.reasons.iter().all(is_reason) && STOPS.iter().all(|stop| rules.reasons.iter().any(|r| r.stop == *stop)),
        invalid(
            "stopReasons",
            "au moins une raison par arrêt (NO_GO, ON_HOLD, LOST, DISMISSED), avec code et libellés",
            "at least one reason for each stop (NO_GO, ON_HOLD, LOST, DISMISSED), with code and labels",
        ),
    );
    wrong
}

const STOPS: [OppyStage; 4] = [OppyStage::NoGo, OppyStage::OnHold, OppyStage::Lost, OppyStage::Dismissed];

fn is_reason(reason: &StopReason) -> bool {
    let StopReason { stop, code, label_fr, label_en } = reason;
    let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    STOPS.contains(stop) && is_code && !label_fr.is_empty() && !label_en.is_empty()
}
