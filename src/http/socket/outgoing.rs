//! What waits to be sent on one socket.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Poll, ready},
};

use axum::extract::ws::Message;
use futures_util::{Sink, future::poll_fn};

/// Bytes that may wait before nothing more is read or produced.
const MOST_BYTES: usize = 512 * 1024;
/// Messages that may wait before nothing more is read.
const MOST_MESSAGES: usize = 256;

/// Messages on their way out, in order; each may belong to an operation.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: VecDeque<(Option<u64>, Message)>,
    bytes: usize,
    unflushed: bool,
}

impl Outgoing {
    /// Puts a message at the end.
    pub(super) fn push(&mut self, operation: Option<u64>, message: Message) {
        self.bytes += size(&message);
        self.waiting.push_back((operation, message));
    }

    /// Takes back what an operation has waiting.
    pub(super) fn forget(&mut self, operation: u64) {
        self.waiting.retain(|(owner, message)| {
            let stays = *owner != Some(operation);
            if !stays {
                self.bytes -= size(message);
            }
            stays
        });
    }

    /// Whether more may be produced.
    pub(super) const fn has_room(&self) -> bool {
        self.bytes < MOST_BYTES
    }

    /// Whether more may be read, which is answered.
    pub(super) fn may_read(&self) -> bool {
        self.has_room() && self.waiting.len() < MOST_MESSAGES
    }

    /// Whether everything is on the wire.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.unflushed
    }

    /// Sends the next message; whose it was. The last one, and whatever was sent before, gets onto the wire as
    /// far as that takes no waiting; where it does, the next call waits. Nothing is lost where this is dropped
    /// half-way.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) async fn send<S: Sink<Message> + Unpin>(&mut self, sink: &mut S) -> Result<Option<u64>, S::Error> {
        poll_fn(|context| {
            let mut sink = Pin::new(&mut *sink);
            if self.waiting.is_empty() {
                ready!(sink.as_mut().poll_flush(context))?;
                self.unflushed = false;
                return Poll::Ready(Ok(None));
            }
            ready!(sink.as_mut().poll_ready(context))?;
            let Some((owner, message)) = self.waiting.pop_front() else { return Poll::Ready(Ok(None)) };
            self.bytes -= size(&message);
            self.unflushed = true;
            sink.as_mut().start_send(message)?;
            if self.waiting.is_empty() && sink.poll_flush(context)?.is_ready() {
                self.unflushed = false;
            }
            Poll::Ready(Ok(owner))
        })
        .await
    }
}

/// How much a message takes.
pub(super) fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}
