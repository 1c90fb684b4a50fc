//! People: who they are, how they sign in, who stands in for whom, and the organisation they work in.
//!
//! The door of the context. [`Directory`] answers, from memory where it can, who is behind a session;
//! [`Issuer`] makes and reads access tokens; where an issuer outside signs people in, [`oidc`] reads its tokens, and ours
//! are worth nothing. Programs come in with API keys.

mod actions;
mod api_key;
mod attempts;
mod delegates;
mod directory;
mod error;
mod external;
mod filter;
mod holders;
mod issuer;
mod mutation;
mod observation;
pub mod oidc;
pub mod passwords;
mod query;
pub mod roles;
mod rules;
mod session;
pub mod store;
pub mod types;
mod uses;

pub use actions::{Administrator, appoint};
pub use delegates::{Delegate, delegates};
pub use directory::{
    Directory, as_seen_by, authenticate, authenticate_from, in_the_name_of, is_one_more, may_prove_something,
};
pub use error::Refusal;
pub use external::log_out;
pub use holders::{Holders, holders};
pub use issuer::{AccessToken, Issuer};
pub use mutation::IdentityMutation;
pub use observation::observed;
pub use query::{IdentityQuery, api_key, delegation, mandate, region};
pub use rules::is_administered;
pub use session::{Tokens, forget as forget_sessions, open as open_session, token as open_token};
pub use uses::note_uses;
