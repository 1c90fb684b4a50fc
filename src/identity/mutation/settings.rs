//! One's own settings.

use ::entity::vocabulary::Language;
use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use crate::{
    action::Call,
    error,
    graphql::payload::{Told, UserError, answer, mutations, op},
    identity::{
        actions::{self, Settings},
        passwords::Password,
        query::Viewer,
    },
};

mutations! {
    UpdateSettings: ["CONFLICT", "IDEMPOTENCY_MISMATCH", "WRONG_CREDENTIALS", "PASSWORD_TOO_SHORT", "TOO_MANY_ATTEMPTS"],
}

/// Changes to one's own settings.
#[derive(Debug, Default)]
pub struct SettingsMutation;

/// What is changed about oneself; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateSettingsInput {
    /// The language that one wants to be spoken to in.
    language: Option<Language>,
    /// A new password of at least twelve characters; all one's other sessions end.
    #[graphql(secret)]
    new_password: Option<String>,
    /// The password that one has now, for a new one.
    #[graphql(secret)]
    current_password: Option<String>,
    /// The version that the caller saw; another one is a conflict.
    expected_version: Option<i64>,
    /// A retry with the same key and input gets the same answer; kept for seven days.
    idempotency_key: Option<String>,
    /// Answer as if it had happened, and write nothing.
    #[graphql(default)]
    dry_run: bool,
}

impl UpdateSettingsInput {
    fn read(self) -> error::Result<(Settings, Call)> {
        let Self { language, new_password, current_password, expected_version, idempotency_key, dry_run } = self;
        let typed = |field, password: Option<String>| {
            password.map(|password| Password::typed(["input", field], password)).transpose()
        };
        let settings = Settings {
            language,
            new_password: typed("newPassword", new_password)?,
            current_password: typed("currentPassword", current_password)?,
        };
        // Nobody changes an absent person's settings.
        Ok((settings, Call { expected_version, on_behalf_of: None, idempotency_key, dry_run }))
    }
}

/// One's settings, or why they did not change.
#[derive(SimpleObject)]
struct UpdateSettingsPayload {
    /// Who one is, with the settings as they are now.
    viewer: Viewer,
    /// Why not.
    user_errors: Vec<UserError<UpdateSettings>>,
}

#[Object]
impl SettingsMutation {
    /// Changes one's own language and password.
    async fn update_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is changed.")] input: UpdateSettingsInput,
    ) -> Result<UpdateSettingsPayload> {
        let op = op(ctx);
        let (settings, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::update_settings(op, &call, &settings).await)?;
        Ok(UpdateSettingsPayload { viewer: Viewer(op.caller().told(op)?.clone()), user_errors })
    }
}
