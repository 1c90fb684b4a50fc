//! What can be changed about people, roles, mandates and sessions.

use async_graphql::MergedObject;

mod api_keys;
mod deputies;
mod sessions;
mod settings;
mod users;

/// Changes to people, roles, mandates and sessions.
#[derive(MergedObject, Default, Debug)]
pub struct IdentityMutation(
    sessions::SessionMutation,
    settings::SettingsMutation,
    users::UserMutation,
    deputies::DeputyMutation,
    api_keys::ApiKeyMutation,
);
