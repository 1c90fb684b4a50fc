//! What can be done to the playbook.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{
    actions, of_year,
    types::{Playbook, UpdatePlaybookInput},
};
use crate::graphql::payload::{Told, UserError, answer, mutations, op};

mutations! {
    UpdatePlaybook: common + ["PLAYBOOK_INVALID"],
}

/// The playbook after a change; as it is now where the change was refused.
#[derive(SimpleObject)]
pub struct UpdatePlaybookPayload {
    /// The rules of that year, as they are now.
    playbook: Playbook,
    /// Why nothing was changed.
    user_errors: Vec<UserError<UpdatePlaybook>>,
}

/// Changes to the playbook.
#[derive(Debug, Default)]
pub struct PlaybookMutation;

#[Object]
impl PlaybookMutation {
    /// Changes the rules of the sales process from a year on.
    async fn update_playbook(&self, ctx: &Context<'_>, input: UpdatePlaybookInput) -> Result<UpdatePlaybookPayload> {
        let op = op(ctx);
        let year = input.year;
        let (_, user_errors) = answer(op, actions::update(op, input).await)?;
        Ok(UpdatePlaybookPayload { playbook: Playbook(of_year(&op.conn(), year).await.told(op)?), user_errors })
    }
}
