//! The policy's lines: read from the shipped file, kept in the database, changed there.

use std::sync::Arc;

use ::entity::platform::{policy_line, policy_version};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, QueryOrder};

use super::{
    Policy,
    permission::Permission,
    view::{Scope, View},
};
use crate::error::{Error, Result};

/// The shipped policy.
pub const SHIPPED: &str = include_str!("policy.csv");

/// The Casbin model.
pub const MODEL: &str = include_str!("model.conf");

/// One line of the policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// `p` for a permission, `g` for a role that has all of another's.
    pub kind: String,
    /// Role.
    pub subject: String,
    /// What may be done; for `g` the other role.
    pub object: String,
    /// Step of the workflow, or `-`.
    pub step: String,
    /// Name of a scope; `-` for `g`.
    pub scope: String,
}

/// Why a line is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not five words after `p`, or three after `g`.
    #[error("a line reads «p, ROLE, what, step, scope» or «g, ROLE, OTHER_ROLE»")]
    Shape,
    /// No permission of that name and step.
    #[error("there is no permission «{0}» at step «{1}»")]
    Permission(String, String),
    /// No such scope.
    #[error("the scope is one of own, delegation, region, all, not «{0}»")]
    Scope(String),
}

impl Line {
    /// Reads `p, ROLE, what, step, scope` or `g, ROLE, OTHER_ROLE`.
    ///
    /// # Errors
    /// When the line has another shape, or names a permission or scope that does not exist.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let line = Self::read(text)?;
        line.check()?;
        Ok(line)
    }

    /// Reads a line as it is written, whether or not what it names exists.
    ///
    /// # Errors
    /// When the line has another shape.
    pub fn read(text: &str) -> Result<Self, LineError> {
        let words: Vec<String> = text.split(',').map(|w| w.trim().to_owned()).collect();
        let line = match words.as_slice() {
            [kind, subject, object, step, scope] if kind == "p" => Self {
                kind: kind.clone(),
                subject: subject.clone(),
                object: object.clone(),
                step: step.clone(),
                scope: scope.clone(),
            },
            [kind, subject, object] if kind == "g" => Self {
                kind: kind.clone(),
                subject: subject.clone(),
                object: object.clone(),
                step: "-".into(),
                scope: "-".into(),
            },
            _ => return Err(LineError::Shape),
        };
        Ok(line)
    }

    /// Whether what it names exists.
    ///
    /// # Errors
    /// When it names a permission or a scope that does not exist.
    pub fn check(&self) -> Result<(), LineError> {
        if self.is_grouping() {
            return Ok(());
        }
        if Permission::find(&self.object, &self.step).is_none() {
            return Err(LineError::Permission(self.object.clone(), self.step.clone()));
        }
        if !Scope::EACH.iter().any(|s| s.name() == self.scope) {
            return Err(LineError::Scope(self.scope.clone()));
        }
        Ok(())
    }

    /// Whether it says that a role has all of another's.
    #[must_use]
    pub fn is_grouping(&self) -> bool {
        self.kind == "g"
    }

    pub(super) fn grant(&self) -> Vec<String> {
        vec![self.subject.clone(), self.object.clone(), self.step.clone(), self.scope.clone()]
    }

    pub(super) fn grouping(&self) -> Vec<String> {
        vec![self.subject.clone(), self.object.clone()]
    }

    fn row(self) -> policy_line::ActiveModel {
        policy_line::ActiveModel {
            kind: Set(self.kind),
            subject: Set(self.subject),
            object: Set(self.object),
            step: Set(self.step),
            scope: Set(self.scope),
            ..Default::default()
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_grouping() {
            write!(f, "g, {}, {}", self.subject, self.object)
        } else {
            write!(f, "p, {}, {}, {}, {}", self.subject, self.object, self.step, self.scope)
        }
    }
}

impl From<policy_line::Model> for Line {
    fn from(row: policy_line::Model) -> Self {
        let policy_line::Model { id: _, kind, subject, object, step, scope } = row;
        Self { kind, subject, object, step, scope }
    }
}

/// The shipped lines.
///
/// # Errors
/// When the shipped file has a line that is none, which a test excludes.
pub fn shipped() -> Result<Vec<Line>, LineError> {
    said(SHIPPED).map(|(_, text)| Line::parse(text)).collect()
}

/// What a file of lines says, each with its number from 1: comments and empty lines say nothing.
pub fn said(file: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = file.lines().map(str::trim).zip(1..);
    lines.filter(|(text, _)| !text.is_empty() && !text.starts_with('#')).map(|(text, number)| (number, text))
}

/// The lines in force and their version; none before the policy was first loaded.
///
/// # Errors
/// When the database cannot be read.
pub async fn in_force(db: &impl ConnectionTrait) -> Result<Option<(i64, Vec<Line>)>, DbErr> {
    let Some(version) = version(db).await? else { return Ok(None) };
    let rows = policy_line::Entity::find().order_by_asc(policy_line::Column::Id).all(db).await?;
    Ok(Some((version, rows.into_iter().map(Line::from).collect())))
}

/// The version in force.
///
/// # Errors
/// When the database cannot be read.
pub async fn version(db: &impl ConnectionTrait) -> Result<Option<i64>, DbErr> {
    let row = policy_version::Entity::find().order_by_desc(policy_version::Column::Version).one(db).await?;
    Ok(row.map(|row| row.version))
}

/// Adds lines as they are.
///
/// # Errors
/// When the database cannot be written, or a line is already there.
pub async fn insert(db: &impl ConnectionTrait, lines: Vec<Line>) -> Result<(), DbErr> {
    if !lines.is_empty() {
        policy_line::Entity::insert_many(lines.into_iter().map(Line::row)).exec(db).await?;
    }
    Ok(())
}

/// The policy as it stands in the database: the one at hand where that is up to date. Another process
/// may have changed it a moment ago.
///
/// # Errors
/// When the database cannot be read.
pub async fn up_to_date(db: &impl ConnectionTrait, at_hand: Arc<Policy>) -> Result<Arc<Policy>> {
    if version(db).await? == Some(at_hand.version) {
        return Ok(at_hand);
    }
    let (version, lines) = in_force(db).await?.ok_or_else(|| Error::defect("there is no policy"))?;
    let view = View::compile(MODEL, &lines).await.map_err(|e| Error::Internal(e.into()))?;
    Ok(Arc::new(Policy { version, view }))
}
