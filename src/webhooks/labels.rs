//! What the statuses of webhooks are called.

use ::entity::{vocabulary::WebhookStatus, webhooks::webhook};

use crate::{both, i18n::Text};

/// A status, in words.
#[must_use]
pub fn status(status: WebhookStatus) -> Text {
    match status {
        WebhookStatus::Active => both!("Actif", "Active"),
        WebhookStatus::Disabled => both!("Désactivé", "Disabled"),
        WebhookStatus::PausedFailing => both!("En pause : échecs", "Paused: it fails"),
        WebhookStatus::PausedInvalid => both!("En pause : requête non valable", "Paused: its query is not valid"),
        WebhookStatus::PausedNobody => both!("En pause : personne désactivée", "Paused: its person is deactivated"),
    }
}

/// Why a webhook is not told, and what would change that; none where it is told.
#[must_use]
pub fn reason(hook: &webhook::Model) -> Option<Text> {
    let detail = hook.status_detail.as_deref().unwrap_or_default();
    Some(match hook.status {
        WebhookStatus::Active => return None,
        WebhookStatus::Disabled => both!(
            "Quelqu'un l'a désactivé ; «enableWebhook» le remet en marche.",
            "Somebody switched it off; «enableWebhook» has it told again."
        ),
        WebhookStatus::PausedFailing => both!(
            "Trop longtemps, chaque envoi a échoué ; rien n'est perdu : «enableWebhook» reprend où il en était.",
            "For too long nothing but failures came back; nothing is lost: «enableWebhook» goes on where it was."
        ),
        WebhookStatus::PausedInvalid => both!(
            "Sa requête n'est pas valable avec les droits de la personne ({detail}) ; rien n'est perdu : il reprend de lui-même dès qu'elle l'est.",
            "Its query is not valid with the person's rights ({detail}); nothing is lost: it goes on by itself once it is."
        ),
        WebhookStatus::PausedNobody => both!(
            "La personne dont il a les droits ne peut pas se connecter ; rien n'est perdu : il reprend de lui-même dès qu'elle le peut, ou avec une autre.",
            "The person whose rights it runs with cannot sign in; nothing is lost: it goes on by itself once they can, or with another."
        ),
    })
}
