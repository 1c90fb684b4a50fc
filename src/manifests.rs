//! Persisted operations (K-12): what a client may ask for, by the ids that its build gave its documents.
//!
//! A manifest is what `@apollo/generate-persisted-query-manifest` or `relay-compiler` writes. It is published for one
//! version of one client, and stays until that is retired: several versions are in use at a time. An id names one
//! document, whatever client published it. Whoever the policy does not grant `freeFormOperations` may ask for nothing
//! else, by id or with the very document, but for what the schema tells about itself, which is theirs to read anyway
//! (`/schema.graphql`): GraphiQL shows them the schema and runs what their clients' manifests hold.
//!
//! Every process keeps in mind what it found; events tell it to forget.

mod actions;
mod format;
mod memory;
mod store;

pub use actions::{Published, list, publish, retire};
pub use format::sha256;
pub use memory::Manifests;
pub use store::Release;
