//! Following events, for one caller: what is committed, in the order of commits, each once.
//!
//! ```text
//!        ┌─ behind (from a cursor, or too slow for the feed): read on in the table
//! next ──┤
//!        └─ else: wait for the feed of this process
//! ```
//! The follower gets every event, with an operation of that moment: what it may tell its caller it finds
//! out with that one.

use std::{collections::VecDeque, fmt, sync::Arc};

use ::entity::platform::event;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    error::{Error, Result},
    live::LiveCaller,
    op::Op,
    outbox,
};

/// Events to one statement of a follower who catches up.
const PAGE: u64 = 200;

/// A place in a feed: behind so many of the messages that an event at a position gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Position of the event.
    pub position: i64,
    /// Number of the message in it, from 0.
    pub message: u32,
}

impl Cursor {
    /// Reads a cursor; nothing where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (position, message) = plain.split_once('.')?;
        let cursor = Self { position: position.parse().ok()?, message: message.parse().ok()? };
        // One text per cursor: what would print otherwise is not one.
        (cursor.position >= 0 && cursor.to_string() == text).then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}.{}", self.position, self.message)))
    }
}

/// Follows events for one caller.
#[derive(Debug)]
pub struct Follower {
    live: LiveCaller,
    feed: Receiver<Arc<event::Model>>,
    /// The caller was told until here.
    told: Option<Cursor>,
    /// Every event up to this position was handed out.
    done: i64,
    /// Whether there may be more in the table than what the feed will bring.
    behind: bool,
    waiting: VecDeque<Arc<event::Model>>,
}

impl Follower {
    /// Follows from a cursor on, or from now on.
    ///
    /// # Errors
    /// A cursor that is none of this feed, nobody signed in, or the database.
    pub async fn new(live: LiveCaller, after: Option<&str>) -> Result<Self> {
        let op = live.op().ok_or(Error::Unauthenticated)?;
        // Watch first, then look where the feed ends: nothing falls between the two.
        let feed = op.app.outbox.watch();
        let end = outbox::last_position(&op.conn()).await?;
        let told = after.map(|text| {
            let cursor = Cursor::parse(text).filter(|cursor| cursor.position <= end);
            cursor.ok_or_else(|| Error::bad_input(["after"], "not a cursor of this feed"))
        });
        let told = told.transpose()?;
        // The event of the cursor may have more to tell.
        let done = told.map_or(end, |cursor| cursor.position - 1);
        Ok(Self { live, feed, told, done, behind: told.is_some(), waiting: VecDeque::new() })
    }

    /// An operation of this moment; nothing where nobody is signed in any more.
    #[must_use]
    pub fn op(&self) -> Option<Arc<Op>> {
        self.live.op()
    }

    /// Whether the caller was told a message before they came back with their cursor.
    #[must_use]
    pub fn was_told(&self, cursor: Cursor) -> bool {
        self.told.is_some_and(|told| cursor <= told)
    }

    /// The next event with its position; nothing where nobody is signed in any more.
    ///
    /// # Errors
    /// When the database cannot be read. The caller goes on from their last cursor.
    pub async fn next(&mut self) -> Result<Option<(i64, Arc<event::Model>)>> {
        loop {
            let Some(op) = self.live.op() else { return Ok(None) };
            while let Some(event) = self.waiting.pop_front() {
                let Some(position) = event.position.filter(|position| *position > self.done) else { continue };
                self.done = position;
                return Ok(Some((position, event)));
            }
            if self.behind {
                let events = outbox::since(&op.conn(), self.done, PAGE).await?;
                self.behind = events.len() as u64 == PAGE;
                self.waiting.extend(events.into_iter().map(Arc::new));
                continue;
            }
            drop(op);
            tokio::select! {
                biased;
                () = self.live.changed() => {}
                event = self.feed.recv() => match event {
                    Ok(event) => self.waiting.push_back(event),
                    Err(RecvError::Lagged(_)) => self.behind = true,
                    Err(RecvError::Closed) => return Ok(None),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_nothing_else_is_one() {
        let cursor = Cursor { position: 17, message: 3 };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in ["", "17.3", "MTcuMDM", "LTEuMA", "MTc", "é"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
        assert!(cursor > Cursor { position: 17, message: 2 } && cursor < Cursor { position: 18, message: 0 });
    }
}
