//! What a change of the policy must keep to: pure, without database or schema.

use std::collections::BTreeSet;

use super::error::{Fault, Place, Refusal};
use crate::authz::{ANONYMOUS, IMPLIED, Permission, Scope, is_circular, policy::Line};

/// What exists without a token, whatever the policy says of others (60-api, 1).
const WITHOUT_TOKEN: [Permission; 3] = [Permission::SignIn, Permission::RefreshSession, Permission::FreeFormOperations];

/// A change of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Lines that come.
    pub add: Vec<Line>,
    /// Lines that go.
    pub remove: Vec<Line>,
    /// Why; none where it is only tried out.
    pub reason: Option<String>,
}

/// The change that leads back to old lines.
#[must_use]
pub fn back(lines: &[Line], old: &[Line], reason: Option<String>) -> Change {
    let (now, then): (BTreeSet<&Line>, BTreeSet<&Line>) = (lines.iter().collect(), old.iter().collect());
    let only = |these: &BTreeSet<&Line>, others: &BTreeSet<&Line>| these.difference(others).copied().cloned().collect();
    Change { add: only(&then, &now), remove: only(&now, &then), reason }
}

/// A refusal of a line that an old version has, as one of that version.
#[must_use]
pub fn of_version(refusal: Refusal, version: i64, change: &Change) -> Refusal {
    match refusal {
        Refusal::LineInvalid { place: Place::Added(place), fault } => {
            let line = change.add.get(place).map(Line::to_string).unwrap_or_default();
            Refusal::OldLineInvalid { version, line, fault }
        }
        other => other,
    }
}

/// The lines after a change.
///
/// # Errors
/// Every reason why they cannot be changed like this.
pub fn changed(lines: &[Line], change: &Change, roles: &[String]) -> Result<Vec<Line>, Vec<Refusal>> {
    let Change { add, remove, reason } = change;
    let mut refusals = Vec::new();
    if reason.as_ref().is_some_and(String::is_empty) {
        refusals.push(Refusal::ReasonRequired);
    }
    let mut left: BTreeSet<&Line> = lines.iter().collect();
    for (place, line) in remove.iter().enumerate() {
        if !left.remove(line) {
            refusals.push(Refusal::LineUnknown { place: Place::Removed(place), line: line.to_string() });
        }
    }
    for (place, line) in add.iter().enumerate() {
        let place = Place::Added(place);
        if let Some(fault) = fault(line, roles) {
            refusals.push(Refusal::LineInvalid { place, fault });
        } else if !left.insert(line) {
            refusals.push(Refusal::LineExists { place, line: line.to_string() });
        }
    }
    let after: Vec<Line> = left.into_iter().cloned().collect();
    let circular = add.iter().enumerate().filter(|(_, line)| is_circular(&after, line));
    refusals
        .extend(circular.map(|(place, _)| Refusal::LineInvalid { place: Place::Added(place), fault: Fault::Circle }));
    if refusals.is_empty() { Ok(after) } else { Err(refusals) }
}

/// What is wrong with a line by itself.
#[must_use]
pub fn fault(line: &Line, roles: &[String]) -> Option<Fault> {
    let known = || roles.iter().cloned().chain(IMPLIED.map(str::to_owned)).collect::<Vec<_>>();
    if !known().contains(&line.subject) {
        return Some(Fault::Role { given: line.subject.clone(), known: known() });
    }
    if line.is_grouping() {
        let unknown = !roles.contains(&line.object);
        let without_token = line.subject == ANONYMOUS;
        return match (unknown, without_token) {
            (_, true) => Some(Fault::WithoutToken),
            (true, false) => Some(Fault::OtherRole { given: line.object.clone(), known: roles.to_vec() }),
            (false, false) => None,
        };
    }
    let scopes = || Scope::EACH.map(|scope| scope.name().to_owned()).to_vec();
    let Some(permission) = Permission::find(&line.object, &line.step) else { return Some(unknown(line)) };
    if !scopes().contains(&line.scope) {
        return Some(Fault::Scope { given: line.scope.clone(), known: scopes() });
    }
    (line.subject == ANONYMOUS && !WITHOUT_TOKEN.contains(&permission)).then_some(Fault::WithoutToken)
}

/// Whether the name or the step of a permission is the one that is not there.
fn unknown(line: &Line) -> Fault {
    let steps: Vec<String> =
        Permission::ALL.iter().filter(|p| p.object() == line.object).map(|p| p.step().to_owned()).collect();
    if steps.is_empty() {
        let names: BTreeSet<&str> = Permission::ALL.iter().map(|p| p.object()).collect();
        let known = names.into_iter().map(str::to_owned).collect();
        return Fault::Permission { given: line.object.clone(), known };
    }
    Fault::Step { given: line.step.clone(), known: steps }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::policy;

    fn line(text: &str) -> Line {
        Line::parse(text).unwrap()
    }

    fn raw(words: [&str; 5]) -> Line {
        let [kind, subject, object, step, scope] = words.map(str::to_owned);
        Line { kind, subject, object, step, scope }
    }

    fn roles() -> Vec<String> {
        ["DELEGATE", "RR", "PDV", "ACCOUNTANT"].map(str::to_owned).to_vec()
    }

    fn judged(add: &[Line], remove: &[Line]) -> Result<Vec<Line>, Vec<Refusal>> {
        let change = Change { add: add.to_vec(), remove: remove.to_vec(), reason: Some("because".into()) };
        changed(&policy::shipped().unwrap(), &change, &roles())
    }

    fn faults(add: &[Line]) -> Vec<Fault> {
        let fault = |refusal| if let Refusal::LineInvalid { place: _, fault } = refusal { Some(fault) } else { None };
        judged(add, &[]).unwrap_err().into_iter().filter_map(fault).collect()
    }

    #[test]
    fn lines_come_and_go() {
        let new = line("p, ACCOUNTANT, readOrders, -, all");
        let gone = line("p, RR, readNetwork, -, all");
        let after = judged(std::slice::from_ref(&new), std::slice::from_ref(&gone)).unwrap();
        assert!(after.contains(&new) && !after.contains(&gone));
        assert_eq!(after.len(), policy::shipped().unwrap().len());
    }

    #[test]
    fn what_is_there_is_not_added_and_what_is_not_there_is_not_removed() {
        let there = line("p, RR, readNetwork, -, all");
        let absent = line("p, RR, readNetwork, -, own");
        let refusals = judged(std::slice::from_ref(&there), std::slice::from_ref(&absent)).unwrap_err();
        let expected = [
            Refusal::LineUnknown { place: Place::Removed(0), line: absent.to_string() },
            Refusal::LineExists { place: Place::Added(0), line: there.to_string() },
        ];
        assert_eq!(refusals, expected);
        let twice = line("p, ACCOUNTANT, readOrders, -, all");
        assert_eq!(
            judged(&[twice.clone(), twice.clone()], &[]).unwrap_err(),
            [Refusal::LineExists { place: Place::Added(1), line: twice.to_string() }]
        );
    }

    #[test]
    fn a_fault_names_what_there_is() {
        let found = faults(&[
            raw(["p", "NOBODY", "readOrders", "-", "all"]),
            raw(["p", "RR", "readOrder", "-", "all"]),
            raw(["p", "RR", "validateOrder", "-", "all"]),
            raw(["p", "RR", "readOrders", "-", "everything"]),
            raw(["g", "RR", "NOBODY", "-", "-"]),
        ]);
        let [Fault::Role { known: roles, .. }, permission, step, scope, other] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert!(roles.contains(&"ACCOUNTANT".to_owned()) && roles.contains(&"ANYONE".to_owned()));
        assert!(matches!(permission, Fault::Permission { known, .. } if known.contains(&"readOrders".to_owned())));
        assert!(matches!(step, Fault::Step { known, .. } if known == &["rr", "pdv"]));
        assert!(matches!(scope, Fault::Scope { known, .. } if known == &["own", "delegation", "region", "all"]));
        assert!(matches!(other, Fault::OtherRole { .. }));
    }

    #[test]
    fn the_way_back_gives_the_old_lines_and_names_what_is_wrong_with_them() {
        let (now, then) =
            ([line("g, RR, PDV"), line("p, RR, node, -, all")], [line("p, RR, node, -, all"), line("g, PDV, RR")]);
        let change = back(&now, &then, None);
        assert_eq!((&change.add[..], &change.remove[..]), (&then[1..], &now[..1]));
        assert_eq!(changed(&now, &change, &roles()).unwrap().len(), 2);
        let gone = raw(["p", "RR", "sendFax", "-", "all"]);
        let change = back(&now, std::slice::from_ref(&gone), None);
        let refusals = changed(&now, &change, &roles()).unwrap_err();
        let told: Vec<Refusal> = refusals.into_iter().map(|refusal| of_version(refusal, 7, &change)).collect();
        assert!(matches!(&told[..], [Refusal::OldLineInvalid { version: 7, line, .. }] if *line == gone.to_string()));
    }

    #[test]
    fn roles_do_not_inherit_in_circles() {
        assert!(judged(&[line("g, RR, PDV"), line("g, PDV, DELEGATE")], &[]).is_ok());
        assert_eq!(faults(&[line("g, RR, RR")]), [Fault::Circle]);
        let circle = [line("g, RR, PDV"), line("g, PDV, DELEGATE"), line("g, DELEGATE, RR")];
        assert_eq!(faults(&circle), [Fault::Circle, Fault::Circle, Fault::Circle]);
    }

    #[test]
    fn nothing_but_signing_in_exists_without_a_token() {
        assert_eq!(faults(&[line("p, ANONYMOUS, readOrders, -, all")]), [Fault::WithoutToken]);
        assert_eq!(faults(&[line("g, ANONYMOUS, RR")]), [Fault::WithoutToken]);
        assert!(judged(&[line("p, ANONYMOUS, signIn, -, own")], &[]).is_ok());
    }
}
