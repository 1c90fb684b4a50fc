//! The articles of the on-line guide.

use ::entity::{
    catalog::article,
    vocabulary::{
        ArticleCategory::{self, Leaflet, PointOfSale, Poster, PromotionalObject},
        ArticleId, Money,
    },
};
use chrono::{Datelike, NaiveDate};

use super::schedule::day;

/// Name, a sentence about it, price of a piece in cents, pieces to a pack.
type Line = (&'static str, &'static str, i64, i32);

const LEAFLETS: &[Line] = &[
    ("Dépliant Santé Senior", "Trois volets sur les garanties hospitalisation et optique après 60 ans.", 18, 100),
    ("Dépliant Santé Famille", "Les formules pour les parents et leurs enfants, tableau comparatif compris.", 18, 100),
    ("Dépliant Santé TNS", "La complémentaire des travailleurs non salariés et l'avantage Madelin.", 19, 100),
    ("Dépliant Prévoyance TNS", "Indemnités journalières et invalidité expliquées en six questions.", 19, 100),
    ("Dépliant Obsèques", "Financer et organiser ses obsèques : deux formules.", 17, 100),
    ("Dépliant Épargne Retraite", "Le plan d'épargne retraite individuel en trois étapes.", 21, 100),
    ("Dépliant Collective TPE", "La complémentaire obligatoire pour les très petites entreprises.", 22, 100),
    ("Brochure Entreprises", "Vingt pages sur la santé et la prévoyance collectives.", 145, 25),
    ("Brochure Épargne", "Seize pages sur l'assurance vie et ses supports.", 125, 25),
    ("Brochure institutionnelle", "Qui nous sommes, nos chiffres, nos engagements.", 160, 25),
    ("Flyer A5 parrainage", "Un proche assuré, un mois offert.", 9, 250),
    ("Flyer A5 portes ouvertes", "À repiquer avec la date et l'adresse du courtier.", 9, 250),
    ("Flyer A6 résiliation infra-annuelle", "Changer de complémentaire à tout moment après un an.", 7, 250),
    ("Flyer A5 jeunes actifs", "La première complémentaire, à partir du premier emploi.", 9, 250),
    ("Guide du tiers payant", "Comment l'expliquer en deux minutes.", 48, 50),
    ("Guide 100 % Santé", "Les paniers optique, dentaire et audition.", 52, 50),
    ("Fiche produit Santé Senior", "Recto verso, tarifs indicatifs de l'année.", 11, 100),
    ("Fiche produit Prévoyance", "Recto verso, exemples d'indemnisation.", 11, 100),
    ("Carte de correspondance", "À en-tête, pour accompagner un devis.", 13, 100),
];

const POSTERS: &[Line] = &[
    ("Affiche A2 Santé Senior", "Campagne d'automne.", 135, 10),
    ("Affiche A2 Santé Famille", "Campagne de rentrée.", 135, 10),
    ("Affiche A2 Obsèques", "Campagne de la Toussaint.", 135, 10),
    ("Affiche A3 parrainage", "À poser en vitrine.", 78, 20),
    ("Affiche A3 portes ouvertes", "Zone blanche pour la date et l'heure.", 78, 20),
    ("Affiche A1 institutionnelle", "Le partenaire des courtiers de proximité.", 290, 5),
    ("Affiche A2 TNS", "Artisans, commerçants, professions libérales.", 135, 10),
    ("Affiche A2 Épargne Retraite", "Campagne de fin d'année.", 135, 10),
    ("Affiche 40 × 60 abribus", "Pour les panneaux municipaux.", 340, 5),
    ("Bandeau vitrine 120 × 30", "Vinyle repositionnable.", 890, 1),
    ("Vitrophanie logo", "Adhésif double face, pose sans outil.", 460, 1),
];

const OBJECTS: &[Line] = &[
    ("Stylo bille recyclé", "Corps en carton, encre bleue.", 62, 100),
    ("Stylo quatre couleurs", "Marquage sur l'attache.", 168, 50),
    ("Bloc-notes A5", "Cinquante feuilles, papier recyclé.", 115, 50),
    ("Carnet à élastique", "Couverture rigide, cent pages.", 315, 25),
    ("Calendrier mural", "Année à venir, vacances scolaires des trois zones.", 195, 25),
    ("Calendrier de bureau", "Chevalet, une semaine par page.", 240, 25),
    ("Agenda de poche", "Année à venir.", 285, 25),
    ("Porte-clés jeton", "Jeton de caddie métallique.", 98, 100),
    ("Sac en coton", "Anses longues, coton biologique.", 265, 50),
    ("Parapluie pliant", "Ouverture automatique.", 790, 10),
    ("Mug", "Céramique, passe au lave-vaisselle.", 380, 12),
    ("Gourde inox 50 cl", "Double paroi.", 890, 12),
    ("Clé USB 16 Go", "Chargée avec la documentation commerciale.", 540, 20),
    ("Chargeur nomade", "5 000 mAh.", 1_180, 10),
    ("Tapis de souris", "Surface recyclée.", 245, 20),
    ("Trousse de premiers secours", "Vingt pièces.", 690, 10),
    ("Pilulier sept jours", "Pour les journées santé.", 185, 25),
    ("Podomètre", "Pour les journées santé.", 420, 20),
    ("Ballon de plage", "Gonflable, 40 cm.", 145, 50),
    ("Jeu de cartes", "Cinquante-quatre cartes.", 210, 25),
    ("Éventail publicitaire", "Carton, à distribuer l'été.", 55, 100),
    ("Boîte de pastilles menthe", "Sans sucre.", 88, 50),
];

const MATERIAL: &[Line] = &[
    ("Présentoir de comptoir A5", "Plexiglas, trois poches.", 690, 1),
    ("Présentoir de sol", "Carton, quatre étages.", 2_450, 1),
    ("Porte-affiche A2", "Aluminium, deux faces.", 3_900, 1),
    ("Kakémono institutionnel", "85 × 200 cm avec sa housse.", 6_900, 1),
    ("Kakémono Santé", "85 × 200 cm avec sa housse.", 6_900, 1),
    ("Kakémono Épargne", "85 × 200 cm avec sa housse.", 6_900, 1),
    ("Comptoir d'accueil pliable", "Pour les salons et les foires.", 14_500, 1),
    ("Nappe de stand", "140 × 240 cm, infroissable.", 5_200, 1),
    ("Drapeau goutte 3 m", "Pied et sac de transport compris.", 8_900, 1),
    ("Urne de jeu-concours", "Carton, à monter.", 980, 1),
    ("Roue de la chance", "De table, huit cases effaçables.", 7_400, 1),
    ("Lot de ballons gonflables", "Cent ballons et leur pompe.", 2_100, 1),
    ("Tente pliante 3 × 3 m", "Prêt uniquement, à rendre sous quinze jours.", 2_500, 1),
    ("Écran tactile de vitrine", "Ancien modèle, fin de série.", 24_900, 1),
];

/// Articles of which only so many are left, by their place in the whole list.
const SCARCE: &[(usize, i64)] = &[(28, 40), (42, 240), (43, 60), (58, 12), (62, 3), (64, 2), (65, 0)];
/// The article that came off the catalogue last year, and the one that comes next year.
const GONE: usize = 65;
const TO_COME: usize = 36;

/// The catalogue on a day.
pub(super) fn articles(today: NaiveDate) -> Vec<article::Model> {
    let sections = [
        (Leaflet, "DEP", LEAFLETS),
        (Poster, "AFF", POSTERS),
        (PromotionalObject, "OBJ", OBJECTS),
        (PointOfSale, "PLV", MATERIAL),
    ];
    let lines = sections.into_iter().flat_map(|(category, letters, lines)| {
        lines
            .iter()
            .enumerate()
            .map(move |(place, line)| (category, format!("{letters}-{:03}", (place + 1) * 10), line))
    });
    lines.enumerate().map(|(place, (category, code, line))| article(place, category, code, line, today)).collect()
}

fn article(place: usize, category: ArticleCategory, code: String, line: &Line, today: NaiveDate) -> article::Model {
    let (name, description, price, pack_size) = *line;
    article::Model {
        id: ArticleId(place as i64 + 1),
        code,
        name: name.to_owned(),
        category,
        description: description.to_owned(),
        unit_price: Money(price),
        pack_size,
        stock: SCARCE.iter().find(|(scarce, _)| *scarce == place).map(|(_, left)| *left),
        valid_from: if place == TO_COME { day(today.year() + 1, 1, 1) } else { day(today.year() - 2, 1, 1) },
        valid_to: (place == GONE).then(|| day(today.year() - 1, 12, 31)),
        version: 1,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_at_least_sixty_articles_of_every_kind_with_codes_of_their_own() {
        let articles = articles(day(2026, 11, 10));
        assert!(articles.len() >= 60, "{}", articles.len());
        let codes: HashSet<&str> = articles.iter().map(|article| article.code.as_str()).collect();
        assert_eq!(codes.len(), articles.len());
        for category in ArticleCategory::ALL {
            assert!(articles.iter().any(|article| article.category == *category));
        }
        assert!(articles.iter().all(|article| article.unit_price > Money::ZERO && article.pack_size > 0));
    }
}
