//! What a policy is expected to allow and to deny, one line each, and where it does not. Pure.
//!
//! A line reads `role, action, step, scope, allow` or `… deny`. A scope is allowed where it or a wider one is held;
//! `any` as a scope means whichever: what is denied on any records is not there at all.

use crate::authz::{Permission, Scope, View, implied_by, policy};

/// What the business's own table says of the shipped policy (61-permissions).
pub const SHIPPED: &str = include_str!("expectations.csv");

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Its number in the file.
    pub number: usize,
    /// As it is written.
    pub text: String,
    role: String,
    permission: Permission,
    /// None: whichever.
    scope: Option<Scope>,
    is_allowed: bool,
}

/// A line that is none, or that the policy does not keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number}: «{text}»: {what}")]
pub struct Failure {
    /// Which line.
    pub number: usize,
    /// As it is written.
    pub text: String,
    /// What is wrong.
    pub what: String,
}

/// Reads a file of expectations.
///
/// # Errors
/// Every line that is none.
pub fn read(file: &str) -> Result<Vec<Expectation>, Vec<Failure>> {
    let (mut read, mut failures) = (Vec::new(), Vec::new());
    for (number, text) in policy::said(file) {
        match line(number, text) {
            Ok(expectation) => read.push(expectation),
            Err(what) => failures.push(Failure { number, text: text.to_owned(), what }),
        }
    }
    if failures.is_empty() { Ok(read) } else { Err(failures) }
}

fn line(number: usize, text: &str) -> Result<Expectation, String> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let [role, action, step, scope, answer] = words.as_slice() else {
        return Err("a line reads «ROLE, action, step, scope, allow» or «…, deny»".to_owned());
    };
    let permission =
        Permission::find(action, step).ok_or_else(|| format!("there is no permission «{action}» at step «{step}»"))?;
    let scope = match Scope::EACH.into_iter().find(|known| known.name() == *scope) {
        None if *scope != "any" => {
            return Err(format!("the scope is one of own, delegation, region, all, any, not «{scope}»"));
        }
        found => found,
    };
    let is_allowed = match *answer {
        "allow" => true,
        "deny" => false,
        other => return Err(format!("«allow» or «deny», not «{other}»")),
    };
    Ok(Expectation { number, text: text.to_owned(), role: (*role).to_owned(), permission, scope, is_allowed })
}

/// The expectations that a policy does not keep.
#[must_use]
pub fn failures(view: &View, expectations: &[Expectation]) -> Vec<Failure> {
    expectations.iter().filter_map(|expectation| failure(view, expectation)).collect()
}

fn failure(view: &View, expected: &Expectation) -> Option<Failure> {
    let held = view.rights([expected.role.as_str(), implied_by(&expected.role)]).scopes(expected.permission);
    let is_allowed = match expected.scope {
        Some(scope) => held.iter().any(|held| held >= scope),
        None => !held.is_empty(),
    };
    if is_allowed == expected.is_allowed {
        return None;
    }
    let names: Vec<&str> = held.iter().map(Scope::name).collect();
    let what = match names.is_empty() {
        true => "the policy does not give it at all".to_owned(),
        false => format!("the policy gives it on: {}", names.join(", ")),
    };
    Some(Failure { number: expected.number, text: expected.text.clone(), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shipped() -> View {
        View::compile(policy::MODEL, &policy::shipped().unwrap()).await.unwrap()
    }

    /// 61-permissions, as the business wrote it, holds in the policy as shipped.
    #[tokio::test]
    async fn the_shipped_policy_keeps_what_the_business_expects() {
        let expectations = read(SHIPPED).unwrap();
        assert!(expectations.len() > 200, "{}", expectations.len());
        assert_eq!(failures(&shipped().await, &expectations), []);
    }

    #[tokio::test]
    async fn what_is_not_kept_is_named() {
        let file = "# a comment\nRR, validateOrder, rr, region, allow\nRR, validateOrder, rr, all, allow\n\
                    RR, validateOrder, rr, own, deny\nPDV, validateOrder, rr, any, deny\nDELEGATE, viewer, -, all, allow\n";
        let failures = failures(&shipped().await, &read(file).unwrap());
        let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let expected = [
            "line 3: «RR, validateOrder, rr, all, allow»: the policy gives it on: region",
            "line 4: «RR, validateOrder, rr, own, deny»: the policy gives it on: region",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let told = read("RR, validateOrder, region, allow\nRR, sendFax, -, all, deny\nRR, viewer, -, some, allow\n")
            .unwrap_err();
        assert_eq!(told.iter().map(|failure| failure.number).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
