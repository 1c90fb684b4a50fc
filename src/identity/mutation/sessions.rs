//! Signing in, renewing, signing out.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use crate::{
    graphql::{
        payload::{Told, UserError, answer, mutations, op},
        scalars::Email,
    },
    identity::{passwords::Password, session, types::Session},
};

mutations! {
    SignIn: ["WRONG_CREDENTIALS", "TOO_MANY_ATTEMPTS", "SIGN_IN_ELSEWHERE"],
    RefreshSession: ["SESSION_ENDED", "SIGN_IN_ELSEWHERE"],
    SignOut: ["SESSION_ENDED"],
}

/// Changes to sessions.
#[derive(Debug, Default)]
pub struct SessionMutation;

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
impl SessionMutation {
    /// Signs in with e-mail address and password.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        let (op, SignInInput { email, password }) = (op(ctx), input);
        let password = Password::typed(["input", "password"], password).told(op)?;
        let (tokens, user_errors) = answer(op, session::sign_in(op, &email.0, password).await)?;
        Ok(SignInPayload { session: tokens.map(Session::from), user_errors })
    }

    /// Renews a session: each refresh token is good for one use.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload> {
        let RefreshSessionInput { refresh_token } = input;
        let (tokens, user_errors) = answer(op(ctx), session::refresh(op(ctx), &refresh_token).await)?;
        Ok(RefreshSessionPayload { session: tokens.map(Session::from), user_errors })
    }

    /// Ends the session at once, on open sockets too.
    async fn sign_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A word to see again.")] input: SignOutInput,
    ) -> Result<SignOutPayload> {
        let SignOutInput { client_mutation_id } = input;
        let (_, user_errors) = answer(op(ctx), session::sign_out(op(ctx)).await)?;
        Ok(SignOutPayload { client_mutation_id, user_errors })
    }
}
