//! What can be asked of the queues.

use async_graphql::{Context, Object, Result};

use super::{
    feed::Cursor,
    store,
    types::{WorkItem, WorkItemConnection, WorkItemFilter, WorkItemOrder},
    view::View,
};
use crate::{
    graphql::{
        connection::{Page, Paging},
        filter,
        payload::{Told, op},
        sorting::Sorting,
    },
    op::Op,
};

/// Questions about the queues.
#[derive(Debug, Default)]
pub struct WorkQueueQuery;

#[Object]
impl WorkQueueQuery {
    /// What waits for the caller, or for somebody whom they stand in for.
    #[expect(clippy::too_many_arguments, reason = "a connection's arguments are fixed by Relay")]
    async fn work_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items.")] filter: Option<WorkItemFilter>,
        #[graphql(desc = "In which order; those that wait longest first where nothing is said.")] order_by: Option<
            Vec<WorkItemOrder>,
        >,
    ) -> Result<WorkItemConnection> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let live = ctx.look_ahead().field("liveCursor").exists();
        read(op, &paging, filter.unwrap_or_default(), Sorting::new(order_by), live).await.told(op)
    }
}

async fn read(
    op: &Op,
    paging: &Paging,
    filter: WorkItemFilter,
    sorting: Sorting<WorkItemOrder>,
    live: bool,
) -> crate::error::Result<WorkItemConnection> {
    let seen = View::of(op.caller()?);
    let conn = op.conn();
    // The cursor first: what is committed from here on is told by the feed, if not by the page.
    let live = match live {
        true => Some(Cursor::now(&conn, seen.fingerprint()).await?),
        false => None,
    };
    let condition = filter::condition(Some(&filter))?;
    let view = filter.narrow(seen);
    let Page { rows, has_next, has_previous, total } = store::page(&conn, &view, &condition, &sorting, paging).await?;
    let rows = rows.into_iter().filter_map(|(cursor, row)| Some((cursor, WorkItem::seen(row, &view)?))).collect();
    let page = Page { rows, has_next, has_previous, total }.into();
    Ok(WorkItemConnection { page, view, filter: condition, live })
}
