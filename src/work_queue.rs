//! What waits for whom: a table that the deciding transactions write, a list and a live feed of it.
//!
//! ```text
//! orders, budgets ──moved──▶ work_item rows ──────────────▶ workQueue
//!                     └──Moves──▶ event ──outbox──▶ Hub ──▶ workQueueChanged
//! ```
//! The door of the context. Both roads ask the same [`View`]: what waits for a caller, with their own
//! rights and with those of the people whom they stand in for.

mod feed;
mod follower;
mod labels;
mod lookups;
mod moves;
mod query;
mod store;
mod subscription;
pub mod types;
mod view;

pub use feed::{Cursor, Hub};
pub use lookups::Waiting;
pub use moves::{Audience, Item, Move, Moves, Subject, followed, moved};
pub use query::WorkQueueQuery;
pub use store::{first_page, lengths};
pub use subscription::WorkQueueSubscription;
pub use view::View;
