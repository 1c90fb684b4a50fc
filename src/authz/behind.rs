//! Which lines of the policy are behind a right: those that grant it to a role, and those over which another role
//! comes to have it. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    permission::Permission,
    policy::Line,
    view::{Scope, View},
};

/// A line that gives a role a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind<'l> {
    /// Over which lines the role has what another has, the nearest first; none: the line names the role itself.
    pub over: Vec<&'l Line>,
    /// The line that grants.
    pub line: &'l Line,
    /// On which records.
    pub scope: Scope,
}

/// The lines that give a role a permission, as far as the compiled policy grants it: what Casbin answers decides,
/// the lines explain it.
#[must_use]
pub fn behind<'l>(view: &View, lines: &'l [Line], role: &str, permission: Permission) -> Vec<Behind<'l>> {
    let held = view.rights([role]).scopes(permission);
    if held.is_empty() {
        return Vec::new();
    }
    let ways = inherited(lines, role);
    let grants =
        |line: &&Line| !line.is_grouping() && line.object == permission.object() && line.step == permission.step();
    let explained = lines.iter().filter(grants).filter_map(|line| {
        let scope = Scope::EACH.into_iter().find(|scope| scope.name() == line.scope)?;
        let over = if line.subject == role { Vec::new() } else { ways.get(line.subject.as_str())?.clone() };
        held.contains(scope).then_some(Behind { over, line, scope })
    });
    explained.collect()
}

/// Whether a role comes to have everything of itself over a line.
#[must_use]
pub fn is_circular(lines: &[Line], line: &Line) -> bool {
    let leads_back = || inherited(lines, &line.object).contains_key(line.subject.as_str());
    line.is_grouping() && (line.object == line.subject || leads_back())
}

/// The roles that a role has everything of, each with the shortest way there.
#[must_use]
pub fn inherited<'l>(lines: &'l [Line], role: &str) -> BTreeMap<&'l str, Vec<&'l Line>> {
    let mut ways: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    let mut seen = BTreeSet::from([role]);
    let mut next = VecDeque::from([(role, Vec::new())]);
    while let Some((role, way)) = next.pop_front() {
        for line in lines.iter().filter(|line| line.is_grouping() && line.subject == role) {
            if seen.insert(&line.object) {
                let further: Vec<&Line> = way.iter().copied().chain([line]).collect();
                ways.insert(&line.object, further.clone());
                next.push_back((&line.object, further));
            }
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::policy;

    fn lines(more: &[&str]) -> Vec<Line> {
        let mut lines = policy::shipped().unwrap();
        lines.extend(more.iter().map(|text| Line::parse(text).unwrap()));
        lines
    }

    /// Whatever the compiled policy grants has lines behind it, and nothing else has.
    #[tokio::test]
    async fn every_right_has_its_lines_and_every_line_its_right() {
        let lines =
            lines(&["g, RR, PDV", "g, ACCOUNTANT, RR", "g, ASSISTANT, DELEGATE", "p, ACCOUNTANT, readUsers, -, own"]);
        let view = View::compile(policy::MODEL, &lines).await.unwrap();
        for role in view.roles() {
            for permission in Permission::ALL {
                let held = view.rights([role]).scopes(*permission);
                let found = behind(&view, &lines, role, *permission);
                for scope in Scope::EACH {
                    let is_explained = found.iter().any(|behind| behind.scope == scope);
                    assert_eq!(held.contains(scope), is_explained, "{role} {permission:?} {scope:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn the_way_to_another_roles_line_is_told() {
        let lines = lines(&["g, ACCOUNTANT, RR", "g, RR, PDV"]);
        let view = View::compile(policy::MODEL, &lines).await.unwrap();
        let found = behind(&view, &lines, "ACCOUNTANT", Permission::SendProof);
        let [Behind { over, line, scope: Scope::All }] = found.as_slice() else { panic!("{found:?}") };
        let over: Vec<String> = over.iter().map(ToString::to_string).collect();
        assert_eq!(over, ["g, ACCOUNTANT, RR", "g, RR, PDV"]);
        assert_eq!(line.to_string(), "p, PDV, sendProof, -, all");
        assert_eq!(behind(&view, &lines, "DELEGATE", Permission::SendProof), []);
    }
}
