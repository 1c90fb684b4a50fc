//! What people read for the values of the closed sets.

use ::entity::vocabulary::{BudgetFamily, GoodwillStatus};

use crate::{both, i18n::Text};

/// Label of a family.
#[must_use]
pub fn family(family: BudgetFamily) -> Text {
    match family {
        BudgetFamily::Refund => both!("refacturations", "refunds"),
        BudgetFamily::GiftCheques => both!("chèques cadeaux", "gift cheques"),
        BudgetFamily::Custom => both!("actions sur mesure", "custom actions"),
        BudgetFamily::Standard => both!("commandes standard", "standard orders"),
    }
}

/// Label of where a goodwill gesture stands.
#[must_use]
pub fn goodwill(status: GoodwillStatus) -> Text {
    match status {
        GoodwillStatus::Requested => both!("demandé", "requested"),
        GoodwillStatus::Approved => both!("accordé, à payer", "approved, to be paid"),
        GoodwillStatus::Paid => both!("payé", "paid"),
        GoodwillStatus::Refused => both!("refusé", "refused"),
    }
}
