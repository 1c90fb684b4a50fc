//! People: who they are, how they sign in, who stands in for whom, and the organisation they work in.
//!
//! The door of the context. [`Directory`] answers, from memory where it can, who is behind a session;
//! [`Issuer`] makes and reads access tokens.

mod actions;
mod attempts;
mod delegates;
mod directory;
mod error;
mod filter;
mod holders;
mod issuer;
mod mutation;
pub mod passwords;
mod query;
pub mod roles;
mod rules;
mod session;
pub mod store;
pub mod types;

pub use actions::{Administrator, appoint};
pub use delegates::{Delegate, delegates};
pub use directory::{Directory, authenticate, in_the_name_of};
pub use error::Refusal;
pub use holders::{Holders, holders};
pub use issuer::{AccessToken, Issuer};
pub use mutation::IdentityMutation;
pub use query::{IdentityQuery, delegation, mandate, region};
pub use rules::is_administered;
pub use session::{Tokens, forget as forget_sessions, open as open_session, token as open_token};
