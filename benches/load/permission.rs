//! The check of a permission at five hundred lines of policy (K-21), and what it takes to compile them.

use std::{hint::black_box, sync::Arc, time::Instant};

use ::entity::vocabulary::{DelegationId, Language, PersonId, RegionId, SessionId};
use casbin::CoreApi;
use sesame::{
    authz::{
        Caller, InNameOf, Permission, PermissionSet, Person, Place, Policy, View,
        policy::{self, Line},
        view,
    },
    clock::Clock,
    graphql::Schemas,
    http::limits::Limits,
};

use crate::{
    figures::{Spread, table, verdict},
    script::Outcome,
};

/// Lines of the policy.
const LINES: usize = 500;
/// Calls to one reading of the clock.
const CALLS: u32 = 200_000;
/// Readings.
const READINGS: usize = 9;
/// Most nanoseconds of a check.
const MOST: f64 = 200.0;

/// Measures and tells.
///
/// # Errors
/// When Casbin does not understand a line.
pub async fn report() -> Outcome<String> {
    let lines = lines()?;
    let started = Instant::now();
    let view = View::compile(policy::MODEL, &lines).await?;
    let compiled = started.elapsed().as_secs_f64() * 1000.0;
    let manager = manager(&Policy { version: 1, view });
    let check = check(&manager);
    let needed: PermissionSet = [Permission::ValidateOrderAsRr, Permission::ValidateOrderAsPdv].into_iter().collect();
    let field = per_call(CALLS, || black_box(manager.permissions).intersects(black_box(needed)));
    let asked = asked_of_casbin(&lines).await?;
    let [whole, role, again] = schemas(manager.permissions);
    let row = |what: &str, figure: String| vec![what.to_owned(), figure];
    let rows = [
        row("whether an action reaches a record, ns", format!("{check:.1}")),
        row("whether a field may be asked for, ns", format!("{field:.1}")),
        row("the same question to Casbin itself, ns", format!("{asked:.0}")),
        row("compile the policy into its view, ms", format!("{compiled:.1}")),
        row("build the whole schema, ms", format!("{whole:.1}")),
        row("build a role's schema, ms", format!("{role:.1}")),
        row("find a role's schema, ns", format!("{again:.1}")),
    ];
    let told = verdict(check.median, MOST);
    Ok(format!("{}  K-21: a check under 200 ns: {told}\n", table(&["At 500 lines of policy", "time"], rows)))
}

/// The shipped lines, and copies of them for made-up roles.
fn lines() -> Outcome<Vec<Line>> {
    let shipped = policy::shipped()?;
    let copies = (1..).flat_map(|number| {
        shipped.iter().map(move |line| Line { subject: format!("{}_{number}", line.subject), ..line.clone() })
    });
    Ok(shipped.iter().cloned().chain(copies).take(LINES).collect())
}

/// A regional manager.
fn manager(policy: &Policy) -> Caller {
    let person = Person {
        id: PersonId(1),
        email: "rr@demo.example".to_owned(),
        name: "Hélène Garnier".to_owned(),
        language: Language::Fr,
        delegation: None,
        region: Some(RegionId(1)),
        roles: vec!["RR".to_owned()],
    };
    Caller::new(policy, Arc::new(person), [], SessionId(1), Clock::system().now())
}

/// The check that a mutation makes of the record it is about.
fn check(manager: &Caller) -> Spread {
    let place = Place { owner: Some(PersonId(7)), delegation: Some(DelegationId(3)), region: Some(RegionId(1)) };
    per_call(CALLS, || {
        let reach = black_box(manager).acts(black_box(Permission::ValidateOrderAsRr), InNameOf::Self_);
        reach.covers(black_box(&place))
    })
}

async fn asked_of_casbin(lines: &[Line]) -> Outcome<Spread> {
    let enforcer = view::enforcer(policy::MODEL, lines).await?;
    let permission = Permission::ValidateOrderAsRr;
    Ok(per_call(20, || enforcer.enforce(("RR", permission.object(), permission.step(), "region")).unwrap_or_default()))
}

/// Milliseconds for the whole schema and for a role's, nanoseconds for the role's once it is there.
fn schemas(held: PermissionSet) -> [Spread; 3] {
    let timed = |work: &dyn Fn()| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64() * 1000.0
    };
    let whole = Spread::of((0..3).map(|_| timed(&|| drop(black_box(Schemas::new(Limits::default()))))));
    let fresh: Vec<Schemas> = (0..3).map(|_| Schemas::new(Limits::default())).collect();
    let role = Spread::of(fresh.iter().map(|schemas| timed(&|| drop(black_box(schemas.of(held))))));
    let again = per_call(1_000, || fresh.first().map(|schemas| schemas.of(black_box(held))));
    [whole, role, again]
}

/// Nanoseconds of a call.
fn per_call<T>(calls: u32, call: impl Fn() -> T) -> Spread {
    Spread::of((0..READINGS).map(|_| {
        let started = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        started.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    }))
}
