//! What orders brought (O-26).

use ::entity::{
    orders::{order, order_result},
    vocabulary::{Money, PersonId},
};
use chrono::{DateTime, Utc};

use super::{dice::Dice, names};

/// Results such as an order of this size brings.
pub(super) fn results(order: &order::Model, by: PersonId, at: DateTime<Utc>, dice: &mut Dice) -> order_result::Model {
    let euros = order.total.0 / 100;
    let reached = dice.between(20, 60 + euros / 2);
    let appointments = reached * dice.between(4, 14) / 100;
    let quotes = appointments * dice.between(50, 90) / 100;
    let signed = quotes * dice.between(20, 65) / 100;
    let count = |many: i64| i32::try_from(many).unwrap_or(i32::MAX);
    order_result::Model {
        order_id: order.id,
        contacts_reached: count(reached),
        appointments: count(appointments),
        quotes: count(quotes),
        contracts_signed: count(signed),
        premium_volume: Money(signed * dice.between(28_000, 145_000)),
        comment: dice.chance(60).then(|| dice.word(names::OUTCOME).to_owned()),
        improvement_ideas: dice.chance(30).then(|| dice.word(names::IDEAS).to_owned()),
        recorded_at: at,
        recorded_by_id: by,
    }
}
