//! What can be asked about the playbook.

use async_graphql::{Context, Object, Result};
use chrono::Datelike;

use super::{of_year, types::Playbook};
use crate::graphql::payload::{Told, op};

/// Questions about the playbook.
#[derive(Debug, Default)]
pub struct PlaybookQuery;

#[Object]
impl PlaybookQuery {
    /// The rules of the sales process that hold in a year.
    async fn playbook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which year; this one where nothing is said.")] year: Option<i32>,
    ) -> Result<Playbook> {
        let op = op(ctx);
        let year = year.unwrap_or_else(|| op.today().year());
        Ok(Playbook(of_year(&op.conn(), year).await.told(op)?))
    }
}
