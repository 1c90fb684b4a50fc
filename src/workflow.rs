//! What every workflow has in common: a table of steps, who may take which, and what stands in the way.
//! Pure.
//!
//! ```text
//! Action::steps ──at_step──▶ the permission that is used, or a Misstep ──blockers──▶ what refuses
//! ```
//! A context brings its table ([`Action`]), its facts and its rules ([`Workflow`]); what is read and
//! written around them is in [`crate::transition`]. Mutations, `availableActions`, simulations and bulk
//! decisions all ask here, so that a rule holds on every road.

use std::fmt::Debug;

use ::entity::vocabulary::{People, PersonId};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    action::Common,
    authz::{self, InNameOf, Permission, Place},
    refusal,
};

/// Where an action may be taken, and what permits it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<S: 'static> {
    /// The permission that it takes.
    pub permission: Permission,
    /// The statuses in which it may be taken.
    pub statuses: &'static [S],
}

/// A line of the table.
#[must_use]
pub const fn step<S>(permission: Permission, statuses: &'static [S]) -> Step<S> {
    Step { permission, statuses }
}

/// What can be done to the objects of a workflow.
pub trait Action: Copy + Eq + Send + Sync + 'static {
    /// Where an object can stand; in the order in which it usually gets there.
    type Status: Copy + Ord + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Every action.
    const ALL: &'static [Self];

    /// The table: at which step, by which permission, in which statuses.
    fn steps(self) -> &'static [Step<Self::Status>];

    /// The statuses in which somebody may take it, in their own order.
    #[must_use]
    fn statuses(self) -> Vec<Self::Status> {
        let mut statuses: Vec<Self::Status> = self.steps().iter().flat_map(|step| step.statuses).copied().collect();
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }
}

/// Who acts, in whose name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The person who acts.
    pub person: PersonId,
    /// In whose name.
    pub name: InNameOf,
}

impl Actor {
    /// Segregation of duties (spec 00): whether they, or the person they stand in for, are among those who may
    /// not decide.
    #[must_use]
    pub fn is_barred(&self, involved: &People) -> bool {
        authz::is_barred(self.person, self.name, &involved.iter().collect::<Vec<_>>())
    }
}

/// Why an action cannot be taken, before any rule of its own is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Misstep<S> {
    /// The caller may do this to other objects, not to this one.
    Forbidden,
    /// The status does not allow the action.
    WrongStatus {
        /// Where the object stands.
        status: S,
        /// Where it would have to.
        allowed: Vec<S>,
    },
    /// The action is due, but at another's step.
    NotYourStep {
        /// Where the object stands.
        status: S,
    },
}

/// Where an object of a workflow stands.
pub type StatusOf<W> = <<W as Workflow>::Action as Action>::Status;

/// A workflow: its objects, its table and its rules.
pub trait Workflow: Send + Sync + 'static {
    /// What goes through it.
    type Object: Clone + PartialEq + Send + Sync + 'static;
    /// What can be done to that.
    type Action: Action;
    /// What the rules have to know beside the object.
    type Facts: Default + Clone + Send + Sync + 'static;
    /// Why something is refused.
    type Refusal: refusal::Refusal + From<Common> + From<Misstep<StatusOf<Self>>>;

    /// Where an object stands.
    fn status(object: &Self::Object) -> StatusOf<Self>;

    /// Where it belongs.
    fn place(object: &Self::Object) -> Place;

    /// Whether a step counts for this very object: by its status where nothing else is said.
    fn applies(step: &Step<StatusOf<Self>>, object: &Self::Object) -> bool {
        step.statuses.contains(&Self::status(object))
    }

    /// How a misstep is told: by its own name where nothing else is said.
    fn misstep(_action: Self::Action, _object: &Self::Object, misstep: Misstep<StatusOf<Self>>) -> Self::Refusal {
        misstep.into()
    }

    /// Every rule that refuses an action on the object as it stands: what `availableActions` tells and what
    /// the mutation refuses for, beside what is wrong with its input.
    fn blockers(
        action: Self::Action,
        object: &Self::Object,
        facts: &Self::Facts,
        actor: Actor,
        today: NaiveDate,
    ) -> Vec<Self::Refusal>;
}

/// Whether the status allows the action, and at the caller's step; `held` says which permissions the caller has
/// on this object.
///
/// # Errors
/// [`Misstep::WrongStatus`], or [`Misstep::NotYourStep`] where the step is another's.
pub fn at_step<W: Workflow>(
    action: W::Action,
    object: &W::Object,
    held: impl Fn(Permission) -> bool,
) -> Result<Permission, W::Refusal> {
    let status = W::status(object);
    let mut here = action.steps().iter().filter(|step| W::applies(step, object)).peekable();
    // A status that the table names, at a step that does not count for this object, is nobody's to take.
    if here.peek().is_none() && !action.steps().iter().any(|step| step.statuses.contains(&status)) {
        return Err(W::misstep(action, object, Misstep::WrongStatus { status, allowed: action.statuses() }));
    }
    here.map(|step| step.permission)
        .find(|permission| held(*permission))
        .ok_or_else(|| W::misstep(action, object, Misstep::NotYourStep { status }))
}

/// Everything for which an action would be refused: that it does not reach the object, that it is not at the
/// caller's step, or every rule that stands in the way. The object is given as the rules see it.
pub fn reasons<W: Workflow>(
    action: W::Action,
    object: &W::Object,
    facts: &W::Facts,
    actor: Actor,
    today: NaiveDate,
    held: impl Fn(Permission) -> bool,
) -> Vec<W::Refusal> {
    if !action.steps().iter().any(|step| held(step.permission)) {
        return vec![W::misstep(action, object, Misstep::Forbidden)];
    }
    match at_step::<W>(action, object, held) {
        Err(refusal) => vec![refusal],
        Ok(_) => W::blockers(action, object, facts, actor, today),
    }
}

#[cfg(test)]
mod tests {
    use ::entity::vocabulary::OrderStatus as At;

    use super::*;
    use crate::{i18n::Text, refusal::Refusal as _};

    /// A letter that is written, checked by a second person where it is long, and sent.
    struct Letters;

    #[derive(Clone, Debug, PartialEq)]
    struct Letter {
        status: At,
        is_long: bool,
        writer: PersonId,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Do {
        Check,
        Send,
    }

    impl Action for Do {
        type Status = At;

        const ALL: &'static [Self] = &[Self::Check, Self::Send];

        fn steps(self) -> &'static [Step<At>] {
            match self {
                Self::Check => const { &[step(Permission::ValidateOrderAsRr, &[At::PendingRr])] },
                Self::Send => {
                    const {
                        &[
                            step(Permission::SubmitOrder, &[At::PendingPdv, At::Draft]),
                            step(Permission::CompleteOrder, &[At::Draft]),
                        ]
                    }
                }
            }
        }
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum No {
        Common(Common),
        Misstep(Misstep<At>),
        OwnLetter,
    }

    impl From<Common> for No {
        fn from(common: Common) -> Self {
            Self::Common(common)
        }
    }

    impl From<Misstep<At>> for No {
        fn from(misstep: Misstep<At>) -> Self {
            Self::Misstep(misstep)
        }
    }

    impl refusal::Refusal for No {
        fn code(&self) -> &'static str {
            "NO"
        }

        fn field(&self) -> Vec<String> {
            Vec::new()
        }

        fn text(&self) -> Text {
            crate::both!("non", "no")
        }
    }

    impl Workflow for Letters {
        type Object = Letter;
        type Action = Do;
        type Facts = ();
        type Refusal = No;

        fn status(letter: &Letter) -> At {
            letter.status
        }

        fn place(letter: &Letter) -> Place {
            Place { owner: Some(letter.writer), ..Place::default() }
        }

        fn applies(step: &Step<At>, letter: &Letter) -> bool {
            step.statuses.contains(&letter.status)
                && (letter.is_long || step.permission != Permission::ValidateOrderAsRr)
        }

        fn blockers(_: Do, letter: &Letter, (): &(), actor: Actor, _: NaiveDate) -> Vec<No> {
            let writer = People::default().with([letter.writer]);
            actor.is_barred(&writer).then_some(No::OwnLetter).into_iter().collect()
        }
    }

    fn letter(status: At, is_long: bool) -> Letter {
        Letter { status, is_long, writer: PersonId(7) }
    }

    #[test]
    fn an_action_is_taken_in_its_status_at_the_callers_step() {
        let taken = |action, letter: &Letter, held: &[Permission]| {
            at_step::<Letters>(action, letter, |permission| held.contains(&permission))
        };
        let (send, complete) = (Permission::SubmitOrder, Permission::CompleteOrder);
        assert_eq!(taken(Do::Send, &letter(At::Draft, false), &[complete]), Ok(complete));
        assert_eq!(taken(Do::Send, &letter(At::Draft, false), &[complete, send]), Ok(send), "the table's order");
        let elsewhere = No::Misstep(Misstep::NotYourStep { status: At::PendingPdv });
        assert_eq!(taken(Do::Send, &letter(At::PendingPdv, false), &[complete]), Err(elsewhere));
        let wrong = Misstep::WrongStatus { status: At::Closed, allowed: vec![At::Draft, At::PendingPdv] };
        assert_eq!(taken(Do::Send, &letter(At::Closed, false), &[send]), Err(No::Misstep(wrong)));
    }

    #[test]
    fn a_step_that_does_not_count_for_an_object_is_nobodys() {
        let held = |_| true;
        let check = Permission::ValidateOrderAsRr;
        assert_eq!(at_step::<Letters>(Do::Check, &letter(At::PendingRr, true), held), Ok(check));
        let refusal = at_step::<Letters>(Do::Check, &letter(At::PendingRr, false), held);
        assert_eq!(refusal, Err(No::Misstep(Misstep::NotYourStep { status: At::PendingRr })));
    }

    #[test]
    fn reasons_tell_what_is_nearest_first() {
        let today = NaiveDate::from_ymd_opt(2026, 3, 16).expect("a day");
        let told = |person, status, held: bool| {
            let actor = Actor { person: PersonId(person), name: InNameOf::Absent(PersonId(8)) };
            reasons::<Letters>(Do::Send, &letter(status, false), &(), actor, today, |_| held)
        };
        assert_eq!(told(7, At::Closed, false), [No::Misstep(Misstep::Forbidden)]);
        assert!(matches!(told(7, At::Closed, true)[..], [No::Misstep(Misstep::WrongStatus { .. })]));
        assert_eq!(told(7, At::Draft, true), [No::OwnLetter]);
        assert_eq!(told(9, At::Draft, true), []);
        assert_eq!(No::OwnLetter.code(), "NO");
    }

    #[test]
    fn nobody_decides_on_their_own_or_on_that_of_whom_they_stand_in_for() {
        let involved = People::default().with([PersonId(7)]);
        let actor = |person, name| Actor { person: PersonId(person), name };
        assert!(actor(7, InNameOf::Self_).is_barred(&involved));
        assert!(actor(8, InNameOf::Absent(PersonId(7))).is_barred(&involved));
        assert!(!actor(8, InNameOf::Self_).is_barred(&involved));
    }
}
