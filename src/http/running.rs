//! An operation that runs behind a connection that lives on: what it comes to, step by step.
//!
//! Queries and mutations run in tasks of their own, so that nothing on a connection ever holds up a transaction.
//! A subscription is followed within its connection, and rests between two events, holding nothing, until the next
//! one is asked for.

use std::sync::Arc;

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio::task::JoinHandle;

use super::operation::{Answer, Operation, follow, run};
use crate::{
    error::{Error, Result},
    live::LiveCaller,
    op::Op,
};

/// The events of a subscription that are still to come.
pub(super) type Events = BoxStream<'static, Answer>;

/// What an operation came to.
pub(super) enum What {
    /// A query or a mutation is done.
    Answered(Result<Answer>),
    /// A subscription has an event, and more to come.
    Event(Answer, Events),
    /// A subscription is over.
    Ended,
    /// A subscription is over because it failed.
    Failed(Answer),
}

/// Runs a query or a mutation.
pub(super) fn running(
    op: impl Future<Output = Result<Arc<Op>>> + Send + 'static,
    operation: Arc<Operation>,
) -> BoxFuture<'static, What> {
    let task = Task(tokio::spawn(async move { Ok(run(&op.await?, &operation).await) }));
    Box::pin(task.done().map(What::Answered))
}

/// Follows a subscription to its first event.
pub(super) fn following(
    op: impl Future<Output = Result<Arc<Op>>> + Send + 'static,
    live: LiveCaller,
    operation: Arc<Operation>,
) -> BoxFuture<'static, What> {
    Box::pin(async move {
        // What it takes to look at a token is not kept while events are waited for.
        match Box::pin(op).await {
            Ok(op) => next_event(follow(&op, live, &operation).boxed()).await,
            Err(error) => What::Answered(Err(error)),
        }
    })
}

/// The next event of a subscription.
pub(super) async fn next_event(mut events: Events) -> What {
    let Some(answer) = events.next().await else { return What::Ended };
    if !answer.failed() {
        return What::Event(answer, events);
    }
    // An error that ends the stream is told as one; behind any other, it goes on.
    match events.next().now_or_never() {
        Some(None) => What::Failed(answer),
        Some(Some(another)) => What::Event(answer, stream::once(async { another }).chain(events).boxed()),
        None => What::Event(answer, events),
    }
}

/// A query or a mutation in a task of its own, which ends when nobody waits for it any more.
struct Task(JoinHandle<Result<Answer>>);

impl Task {
    async fn done(mut self) -> Result<Answer> {
        (&mut self.0).await.map_err(|error| Error::Internal(error.into()))?
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
