//! What can be changed about people and sessions.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::{session, types::Session};
use crate::graphql::{
    payload::{UserError, answer, mutations, op},
    scalars::Email,
};

mutations! {
    SignIn: ["WRONG_CREDENTIALS"],
    RefreshSession: ["SESSION_ENDED"],
    SignOut: [],
}

/// Changes to people and sessions.
#[derive(Debug, Default)]
pub struct IdentityMutation;

/// Who signs in.
#[derive(InputObject)]
struct SignInInput {
    /// E-mail address.
    email: Email,
    /// Password.
    #[graphql(secret)]
    password: String,
}

/// Which session is renewed.
#[derive(InputObject)]
struct RefreshSessionInput {
    /// The refresh token last given.
    #[graphql(secret)]
    refresh_token: String,
}

/// Nothing but an optional word for one's own log.
#[derive(InputObject)]
struct SignOutInput {
    /// A word that the client wants to see again in the payload.
    client_mutation_id: Option<String>,
}

/// A signed-in session, or why not.
#[derive(SimpleObject)]
struct SignInPayload {
    /// The session.
    session: Option<Session>,
    /// Why not.
    user_errors: Vec<UserError<SignIn>>,
}

/// A renewed session, or why not.
#[derive(SimpleObject)]
struct RefreshSessionPayload {
    /// The session.
    session: Option<Session>,
    /// Why not.
    user_errors: Vec<UserError<RefreshSession>>,
}

/// The end of a session.
#[derive(SimpleObject)]
struct SignOutPayload {
    /// The word that the client gave.
    client_mutation_id: Option<String>,
    /// Why not.
    user_errors: Vec<UserError<SignOut>>,
}

#[Object]
impl IdentityMutation {
    /// Signs in with e-mail address and password.
    async fn sign_in(&self, ctx: &Context<'_>, input: SignInInput) -> Result<SignInPayload> {
        let SignInInput { email, password } = input;
        let done = session::sign_in(op(ctx), &email.0, password).await;
        let (tokens, user_errors) = answer(op(ctx), done)?;
        Ok(SignInPayload { session: tokens.map(Session::from), user_errors })
    }

    /// Renews a session: each refresh token is good for one use.
    async fn refresh_session(&self, ctx: &Context<'_>, input: RefreshSessionInput) -> Result<RefreshSessionPayload> {
        let done = session::refresh(op(ctx), &input.refresh_token).await;
        let (tokens, user_errors) = answer(op(ctx), done)?;
        Ok(RefreshSessionPayload { session: tokens.map(Session::from), user_errors })
    }

    /// Ends the session at once, on open sockets too.
    async fn sign_out(&self, ctx: &Context<'_>, input: SignOutInput) -> Result<SignOutPayload> {
        let (_, user_errors) = answer(op(ctx), session::sign_out(op(ctx)).await)?;
        Ok(SignOutPayload { client_mutation_id: input.client_mutation_id, user_errors })
    }
}
