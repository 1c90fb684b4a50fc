//! What one request may ask for at most (K-10).

use serde::Deserialize;

/// Limits on one request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's body, uploads aside.
    pub body_bytes: usize,
    /// Levels of brackets of every kind, counted before parsing.
    pub nesting: usize,
    /// Levels of fields.
    pub depth: usize,
    /// Fields, each counted with its page size.
    pub complexity: usize,
    /// Directives on one field.
    pub directives: usize,
    /// Seconds that a request may take.
    pub seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 1024 * 1024, nesting: 64, depth: 20, complexity: 5_000, directives: 16, seconds: 30 }
    }
}
