//! Files on their way in and out (G-18, D-2).
//!
//! ```text
//! createUpload ──▶ one-time address ──PUT──▶ temporary file ──size, hash, type──▶ object store
//!                                                                                     │
//!                 GET /files/attachments/… ◀── attachment ◀── take() in its owner's transaction
//! ```
//! Nothing enters the object store before it is verified, and what is not attached within an hour goes
//! ([`sweep`]). The door of the context: [`take`] hands a received file over to whoever attaches it.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, put},
};

use crate::app::App;

mod actions;
mod answer;
mod error;
mod kind;
mod mutation;
mod name;
mod receive;
mod send;
mod store;
mod sweep;

pub use actions::{StoredFile, take};
pub use error::{FileProblem, Refusal};
pub use kind::Kind;
pub use mutation::FilesMutation;
pub use store::stored;
pub use sweep::{sweep, sweep_hourly};

/// The addresses under `/files`.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/files/uploads/{token}", put(receive::put))
        .route("/files/attachments/{id}", get(send::get))
        .with_state(app)
}
