//! What orders ask for: types, amounts, articles, details, challenges.

use ::entity::{
    catalog::article,
    crm::{account, broker, site},
    vocabulary::{
        ActionType, Address, ArticleId, Challenge, ChallengeType, CustomDetails, Day, DeliveryMode, Money, Printing,
        Routing, Target,
    },
};
use chrono::{Days, NaiveDate};

use super::{dice::Dice, names};
use crate::orders::draft::{Content, Delivery, Line};

/// What an order is for and what it costs; without an action it is a catalogue order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Catalogue articles.
    Standard {
        /// Which, and how many pieces.
        lines: Vec<(ArticleId, i64)>,
        /// What the regional manager pays.
        rr: Money,
    },
    /// A made-to-measure action.
    Custom {
        /// What for.
        action: ActionType,
        /// Everything together.
        total: Money,
        /// What the regional manager pays.
        rr: Money,
        /// What the broker pays.
        partner: Money,
    },
}

/// How often each custom action is asked for, and between how many euros and how many.
const ACTIONS: &[(ActionType, u32, (i64, i64))] = &[
    (ActionType::Refund, 12, (120, 1_150)),
    (ActionType::GiftCheques, 8, (100, 850)),
    (ActionType::Mailing, 9, (400, 2_400)),
    (ActionType::Leafleting, 6, (180, 1_150)),
    (ActionType::Advertising, 6, (150, 1_500)),
    (ActionType::PointOfSale, 5, (90, 900)),
    (ActionType::StreetMarketing, 3, (250, 1_450)),
    (ActionType::Sponsorship, 4, (150, 1_500)),
    (ActionType::FileRental, 2, (120, 620)),
];
/// Catalogue orders among a hundred.
const STANDARD: u32 = 45;

impl Asked {
    /// Something that somebody could ask for; only articles where custom actions are closed (O-10).
    pub(super) fn anything(catalogue: &[article::Model], standard_only: bool, dice: &mut Dice) -> Self {
        if standard_only || dice.chance(STANDARD) {
            let wanted = Money(dice.between(4_000, 78_000));
            return Self::Standard { lines: lines_for(catalogue, wanted, dice), rr: Money::ZERO };
        }
        let actions: Vec<(usize, u32)> =
            ACTIONS.iter().enumerate().map(|(place, (_, often, _))| (place, *often)).collect();
        let (action, _, (least, most)) = ACTIONS[dice.weighted(&actions)];
        let total = Money::euros(dice.between(least, most)) + Money(dice.weighted(&[(0, 70), (50, 15), (90, 15)]));
        Self::shared(action, total, dice)
    }

    /// A custom action with the shares that such an action usually has.
    fn shared(action: ActionType, total: Money, dice: &mut Dice) -> Self {
        let part = |percent: i64| Money(total.0 * percent / 100);
        let partner = match (action, dice.chance(35)) {
            (ActionType::Refund, _) => part(50),
            (_, true) => part(dice.between(2, 5) * 10),
            (_, false) => Money::ZERO,
        };
        let rr =
            if total >= Money::euros(600) && dice.chance(12) { part(dice.between(2, 4) * 10) } else { Money::ZERO };
        Self::Custom { action, total, rr, partner }
    }
}

/// Lines that come to about an amount.
fn lines_for(catalogue: &[article::Model], wanted: Money, dice: &mut Dice) -> Vec<(ArticleId, i64)> {
    let count = dice.weighted(&[(1_i64, 45), (2, 30), (3, 18), (4, 7)]);
    let mut lines: Vec<(ArticleId, i64)> = Vec::new();
    for _ in 0..count {
        let article = dice.pick(catalogue);
        let pack = article.unit_price.0 * i64::from(article.pack_size);
        let packs = (wanted.0 / count / pack.max(1)).clamp(1, 12);
        if lines.iter().all(|(id, _)| *id != article.id) {
            lines.push((article.id, packs * i64::from(article.pack_size)));
        }
    }
    lines
}

/// For whom an order is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party<'n> {
    pub account: &'n account::Model,
    pub broker: &'n broker::Model,
    pub sites: &'n [site::Model],
    /// Telephone number as people write it.
    pub phone: &'n str,
}

/// What the author of an order says about it.
pub(super) fn content(asked: &Asked, party: Party<'_>, on: NaiveDate, dice: &mut Dice) -> Content {
    let (action, total, rr, partner, lines) = match asked {
        Asked::Standard { lines, rr } => (None, None, *rr, Money::ZERO, lines.as_slice()),
        Asked::Custom { action, total, rr, partner } => (Some(*action), Some(*total), *rr, *partner, [].as_slice()),
    };
    let product = dice.word(names::PRODUCTS);
    Content {
        action_type: Some(action),
        delivery: Some(delivery(party, dice)),
        total,
        rr_share: Some(rr),
        partner_share: Some(partner),
        lines: Some(lines.iter().map(|&(article, quantity)| Line { article, quantity }).collect()),
        details: Some(
            action.filter(|action| is_printed(*action)).map(|action| details(action, party, product, on, dice)),
        ),
        challenge: Some((action == Some(ActionType::GiftCheques)).then(|| challenge(product, on, dice))),
        subject: Some(subject(action, party, product)),
        comment: Some(dice.chance(25).then(|| format!("Vu avec {} le {}.", party.account.name, on.format("%d/%m/%Y")))),
        ..Content::default()
    }
}

fn subject(action: Option<ActionType>, party: Party<'_>, product: &str) -> String {
    let name = &party.account.name;
    match action {
        None => format!("Documentation et objets pour {name}"),
        Some(ActionType::Refund) => format!("Participation à la campagne locale de {name}"),
        Some(ActionType::GiftCheques) => format!("Challenge {product} – {name}"),
        Some(ActionType::Mailing) => format!("Mailing {product} – {name}"),
        Some(ActionType::Leafleting) => format!("Tractage {product} – {name}"),
        Some(ActionType::Advertising) => format!("Publicité presse locale – {name}"),
        Some(ActionType::PointOfSale) => format!("Vitrine {product} – {name}"),
        Some(ActionType::StreetMarketing) => format!("Opération marché – {name}"),
        Some(ActionType::Sponsorship) => format!("Parrainage du club sportif – {name}"),
        Some(ActionType::FileRental) => format!("Location de fichier {product} – {name}"),
    }
}

/// Whether the details of O-4 belong to an action.
const fn is_printed(action: ActionType) -> bool {
    match action {
        ActionType::Mailing | ActionType::Leafleting | ActionType::Advertising | ActionType::PointOfSale => true,
        ActionType::Refund
        | ActionType::GiftCheques
        | ActionType::StreetMarketing
        | ActionType::Sponsorship
        | ActionType::FileRental => false,
    }
}

fn delivery(party: Party<'_>, dice: &mut Dice) -> Delivery {
    let mode =
        dice.weighted(&[(DeliveryMode::Delegation, 55), (DeliveryMode::PartnerSite, 38), (DeliveryMode::Other, 7)]);
    let site = dice.pick(party.sites);
    Delivery {
        mode,
        site: (mode == DeliveryMode::PartnerSite).then_some(site.id),
        address: (mode == DeliveryMode::Other).then(|| Address {
            recipient: format!("{} – salle des fêtes", party.account.name),
            street: names::street(dice),
            postcode: site.postcode.clone(),
            city: site.city.clone(),
        }),
    }
}

/// O-4: everything that must be printed, posted and aimed at.
fn details(action: ActionType, party: Party<'_>, product: &str, on: NaiveDate, dice: &mut Dice) -> CustomDetails {
    let copies = i32::try_from(dice.between(5, 60) * 100).unwrap_or_default();
    let Party { account, broker, sites, phone } = party;
    let office = sites.first().map(|s| format!("{}\n{} {}", s.street, s.postcode, s.city)).unwrap_or_default();
    let town = sites.first().map(|site| site.city.as_str()).unwrap_or_default();
    CustomDetails {
        office_details: Some(format!("{}\n{office}\n{phone}", account.name)),
        legal_mentions: Some(format!(
            "{}, courtier en assurances immatriculé à l'ORIAS sous le n° {} (www.orias.fr), SIREN {}.",
            account.name,
            broker.orias,
            account.siren.clone().unwrap_or_default()
        )),
        nature: Some(format!("Promotion de l'offre {product} auprès de la clientèle du courtier.")),
        printing: Some(Printing {
            format: Some(dice.word(&["A5", "A4 plié en trois", "A6", "A3"]).to_owned()),
            paper: Some(dice.word(&["135 g couché mat", "90 g offset", "250 g couché brillant"]).to_owned()),
            colours: Some(
                dice.word(&["quadrichromie recto verso", "quadrichromie recto", "noir et une couleur"]).to_owned(),
            ),
            quantity: Some(copies),
        }),
        routing: (action == ActionType::Mailing).then(|| Routing {
            volume: Some(copies),
            posted_on: Some(Day(on + Days::new(45))),
            postage_class: Some(dice.word(&["économique", "prioritaire", "ciblage Destinéo"]).to_owned()),
        }),
        target: Some(Target {
            audience: Some(dice.word(names::AUDIENCES).to_owned()),
            product: Some(product.to_owned()),
            zone: Some(format!("{town} et communes voisines")),
        }),
    }
}

/// O-7: a complete challenge outside health, so that brokers of the company-wide programme can run it.
fn challenge(product: &str, on: NaiveDate, dice: &mut Dice) -> Challenge {
    let starts_on = on + Days::new(15);
    Challenge {
        challenge_type: Some(*dice.pick(ChallengeType::ALL)),
        starts_on: Some(Day(starts_on)),
        ends_on: Some(Day(starts_on + Days::new(61))),
        objective: Some(format!("{} contrats {product} signés", dice.between(4, 25))),
        dedicated_support: Some("Point téléphonique hebdomadaire et tableau de suivi.".to_owned()),
        concerns_health: Some(false),
    }
}
