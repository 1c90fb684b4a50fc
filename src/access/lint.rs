//! What is wrong with a policy, or odd about it, line by line. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    administration::rules,
    authz::{
        ANYONE, IMPLIED, Permission, Scope, View, inherited, is_circular,
        policy::{self, Line},
    },
    identity,
};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy cannot be used as it is.
    Error,
    /// It says less than it seems to, or more.
    Warning,
}

/// Something wrong, or odd.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// In which line; none: in the whole.
    pub number: Option<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// What.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.number {
            write!(f, "line {number}: ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.text)
    }
}

/// What is known beside the lines: of a file alone nothing is.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The roles that there are.
    pub roles: Option<Vec<String>>,
    /// The roles of each person who can sign in.
    pub held: Option<Vec<Vec<String>>>,
}

/// Everything that is wrong with a policy or odd about it, in the order of its lines; of the whole first.
///
/// # Errors
/// When Casbin does not understand the lines that seemed sound.
pub async fn lint(said: &[(usize, String)], around: &Surroundings) -> casbin::Result<Vec<Finding>> {
    let (lines, mut findings) = read(said, around);
    let plain: Vec<Line> = lines.iter().map(|(_, line)| line.clone()).collect();
    let is_circle = |(_, line): &&(usize, Line)| is_circular(&plain, line);
    let circles = lines.iter().filter(is_circle);
    findings.extend(circles.map(|(number, line)| at(*number, Severity::Error, circle(line))));
    findings.extend(repeated(&lines));
    findings.extend(covered(&lines, &plain));
    let view = View::compile(policy::MODEL, &plain).await?;
    findings.extend(of_the_whole(&plain, &view, around));
    findings.sort();
    Ok(findings)
}

fn at(number: usize, severity: Severity, text: impl Into<String>) -> Finding {
    Finding { number: Some(number), severity, text: text.into() }
}

fn circle(line: &Line) -> String {
    format!("«{line}»: these roles have each other's permissions in a circle")
}

/// The lines that are ones, and what is wrong with the others.
fn read(said: &[(usize, String)], around: &Surroundings) -> (Vec<(usize, Line)>, Vec<Finding>) {
    let (mut lines, mut findings) = (Vec::new(), Vec::new());
    for (number, text) in said {
        match Line::read(text) {
            Ok(line) => lines.push((*number, line)),
            Err(error) => findings.push(at(*number, Severity::Error, format!("«{text}»: {error}"))),
        }
    }
    let named = |(_, line): &(usize, Line)| {
        let other = line.is_grouping().then(|| line.object.clone());
        [Some(line.subject.clone()), other].into_iter().flatten()
    };
    let roles = around.roles.clone().unwrap_or_else(|| lines.iter().flat_map(named).collect());
    lines.retain(|(number, line)| match rules::fault(line, &roles) {
        Some(fault) => {
            findings.push(at(*number, Severity::Error, format!("«{line}»: {}", fault.text().en)));
            false
        }
        None => true,
    });
    (lines, findings)
}

/// Lines that say what an earlier one says.
fn repeated(lines: &[(usize, Line)]) -> Vec<Finding> {
    let mut first: BTreeMap<&Line, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, line) in lines {
        match first.get(line) {
            Some(earlier) => findings.push(at(*number, Severity::Error, format!("«{line}» is line {earlier} again"))),
            None => {
                first.insert(line, *number);
            }
        }
    }
    findings
}

/// Lines that give nothing that another does not give as well: to the same role on all records, to everybody signed
/// in, or to a role that this one has everything of.
fn covered(lines: &[(usize, Line)], plain: &[Line]) -> Vec<Finding> {
    let of = |(number, line): &(usize, Line)| {
        let over = inherited(plain, &line.subject);
        let everybody = !IMPLIED.contains(&line.subject.as_str());
        let covers = |(_, other): &&(usize, Line)| {
            let is_about = !other.is_grouping() && (&other.object, &other.step) == (&line.object, &line.step);
            let from_another = over.contains_key(other.subject.as_str()) || (everybody && other.subject == ANYONE);
            let is_wider = other.scope == Scope::All.name() && line.scope != other.scope;
            let is_same = other.scope == line.scope;
            is_about && ((other.subject == line.subject && is_wider) || (from_another && (is_wider || is_same)))
        };
        let (by, other) = lines.iter().find(covers)?;
        Some(at(*number, Severity::Warning, format!("«{line}» is covered by line {by}, «{other}»")))
    };
    lines.iter().filter(|(_, line)| !line.is_grouping()).filter_map(of).collect()
}

/// What is odd about the policy as a whole.
fn of_the_whole(lines: &[Line], view: &View, around: &Surroundings) -> Vec<Finding> {
    let whole = |severity, text: String| Finding { number: None, severity, text };
    let warning = |text| whole(Severity::Warning, text);
    let mut findings = Vec::new();
    let grants: BTreeSet<&str> = lines.iter().map(|line| line.subject.as_str()).collect();
    let targets = lines.iter().filter(|line| line.is_grouping()).map(|line| line.object.as_str());
    let empty: BTreeSet<&str> = targets.filter(|role| !grants.contains(role)).collect();
    findings.extend(
        empty.iter().map(|role| warning(format!("the role {role} is handed on, and no line gives it anything"))),
    );
    let silent = around.roles.iter().flatten().filter(|role| !grants.contains(role.as_str()));
    findings.extend(silent.map(|role| warning(format!("no line gives the role {role} anything"))));
    let held: BTreeSet<&str> = around.held.iter().flatten().flatten().map(String::as_str).collect();
    let is_idle = |role: &&&str| around.held.is_some() && !IMPLIED.contains(*role) && !held.contains(*role);
    findings.extend(
        grants.iter().filter(is_idle).map(|role| warning(format!("nobody who can sign in holds the role {role}"))),
    );
    findings.extend(unused(view, around).map(warning));
    if !is_administered(view, around) {
        let text = "nobody could sign in and change users and the policy everywhere".to_owned();
        findings.push(whole(Severity::Error, text));
    }
    findings
}

/// The permissions that nobody has: no role, or where people are known, none of them.
fn unused<'v>(view: &'v View, around: &Surroundings) -> impl Iterator<Item = String> + use<'v> {
    let held = match &around.held {
        Some(people) => view.rights(people.iter().flatten().map(String::as_str).chain(IMPLIED)),
        None => view.rights(view.roles()),
    };
    let is_unused = move |permission: &&Permission| held.scopes(**permission).is_empty();
    Permission::ALL
        .iter()
        .filter(is_unused)
        .map(|permission| format!("nobody has the permission {}, {}", permission.object(), permission.step()))
}

fn is_administered(view: &View, around: &Surroundings) -> bool {
    match &around.held {
        Some(held) => identity::is_administered(view, held),
        None => identity::is_administered(view, [&view.roles().map(str::to_owned).collect::<Vec<_>>()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<(usize, String)> {
        policy::said(text).map(|(number, text)| (number, text.to_owned())).collect()
    }

    async fn told(more: &str, around: &Surroundings) -> Vec<String> {
        let before = policy::SHIPPED.lines().count();
        let file = format!("{}\n{more}", policy::SHIPPED.trim_end());
        let findings = lint(&said(&file), around).await.unwrap();
        let ours = |finding: &&Finding| finding.number.is_none_or(|number| number > before);
        let text = |finding: &Finding| match finding.number {
            Some(number) => Finding { number: Some(number - before), ..finding.clone() }.to_string(),
            None => finding.to_string(),
        };
        findings.iter().filter(ours).map(text).collect()
    }

    #[tokio::test]
    async fn the_shipped_policy_has_no_fault() {
        let findings = lint(&said(policy::SHIPPED), &Surroundings::default()).await.unwrap();
        assert_eq!(findings, []);
    }

    #[tokio::test]
    async fn faults_are_told_with_their_lines() {
        let more = "p, RR, sendFax, -, all\np, RR, readUsers, -, most\np, RR\np, ANONYMOUS, readUsers, -, all\n\
                    g, RR, PDV\ng, PDV, RR\np, RR, readUsers, -, region\np, RR, readUsers, -, region\n";
        let found = told(more, &Surroundings::default()).await;
        assert!(found.iter().all(|text| text.starts_with("line ")), "{found:#?}");
        let is_told = |wanted: &str| assert!(found.iter().any(|text| text.starts_with(wanted)), "{wanted}: {found:#?}");
        is_told("line 1: error: «p, RR, sendFax, -, all»: There is no permission");
        is_told("line 2: error: «p, RR, readUsers, -, most»: There is no scope");
        is_told("line 3: error: «p, RR»: a line reads");
        is_told("line 4: error: «p, ANONYMOUS, readUsers, -, all»: Without a token");
        is_told("line 5: error: «g, RR, PDV»: these roles have each other's");
        is_told("line 6: error: «g, PDV, RR»: these roles have each other's");
        is_told("line 8: error: «p, RR, readUsers, -, region» is line");
    }

    #[tokio::test]
    async fn what_another_line_gives_as_well_is_told() {
        let more = "p, PDV, readOrders, -, region\np, RR, viewer, -, all\ng, ACCOUNTANT, PDV\np, ACCOUNTANT, sendProof, -, all\n\
                    p, ACCOUNTANT, readUsers, -, all\n";
        let found = told(more, &Surroundings::default()).await;
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(
            found[0].starts_with("line 1: warning: «p, PDV, readOrders, -, region» is covered by line"),
            "{found:#?}"
        );
        assert!(found[1].starts_with("line 2: warning: «p, RR, viewer, -, all» is covered by line"), "{found:#?}");
        assert!(
            found[2].starts_with("line 4: warning: «p, ACCOUNTANT, sendProof, -, all» is covered by"),
            "{found:#?}"
        );
    }

    #[tokio::test]
    async fn roles_without_lines_or_people_and_a_policy_without_anybody_are_told() {
        let roles = [
            "DELEGATE",
            "ASSISTANT",
            "RR",
            "PDV",
            "SALES_ADMIN",
            "DIRECTOR",
            "ENGAGEMENT_MANAGER",
            "PLATFORM_ADMIN",
            "ACCOUNTANT",
        ];
        let around = Surroundings {
            roles: Some(roles.map(str::to_owned).to_vec()),
            held: Some(vec![vec!["RR".to_owned()], vec!["DELEGATE".to_owned()]]),
        };
        let found = told("", &around).await;
        for wanted in [
            "warning: no line gives the role ACCOUNTANT anything",
            "warning: nobody who can sign in holds the role PDV",
            "warning: nobody has the permission sendProof, -",
            "error: nobody could sign in and change users and the policy everywhere",
        ] {
            assert!(found.iter().any(|text| text == wanted), "{wanted}: {found:#?}");
        }
        let unknown = told("p, STRANGER, viewer, -, all\n", &around).await;
        assert!(unknown.iter().any(|text| text.contains("There is no role «STRANGER»")), "{unknown:#?}");
    }
}
