//! The roles that Sésame ships with, as the shipped policy names them.

use ::entity::identity::role;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, sea_query::OnConflict};

/// Code, French label, English label.
const SHIPPED: [(&str, &str, &str); 8] = [
    ("DELEGATE", "Délégué commercial", "Sales delegate"),
    ("ASSISTANT", "Assistant commercial", "Sales assistant"),
    ("RR", "Responsable régional", "Regional manager"),
    ("PDV", "Promotion des ventes", "Sales promotion"),
    ("SALES_ADMIN", "Administration des ventes", "Sales administration"),
    ("DIRECTOR", "Direction commerciale", "Sales management"),
    ("ENGAGEMENT_MANAGER", "Responsable d'engagement", "Engagement manager"),
    (ADMINISTRATOR, "Administration de la plateforme", "Platform administration"),
];

/// The role of whoever administers people and policy in the shipped policy.
pub const ADMINISTRATOR: &str = "PLATFORM_ADMIN";

/// Writes the shipped roles; one that is there already stays as it is.
///
/// # Errors
/// When the database cannot be written.
pub async fn install(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let rows = SHIPPED.map(|(code, fr, en)| role::ActiveModel {
        code: Set(code.to_owned()),
        label_fr: Set(fr.to_owned()),
        label_en: Set(en.to_owned()),
    });
    role::Entity::insert_many(rows)
        .on_conflict(OnConflict::column(role::Column::Code).do_nothing().to_owned())
        .exec_without_returning(db)
        .await
        .map(drop)
}
