//! Words: names of people, brokers, streets; what orders are about. French, as their readers are.

use super::dice::Dice;

/// Given names.
const GIVEN: &[&str] = &[
    "Adrien", "Agathe", "Alain", "Alexandre", "Alice", "Amélie", "André", "Anne", "Antoine", "Arnaud", "Audrey",
    "Aurélie", "Aurore", "Baptiste", "Bastien", "Béatrice", "Benoît", "Bernard", "Brigitte", "Bruno", "Camille",
    "Carine", "Caroline", "Cécile", "Cédric", "Céline", "Charlotte", "Christelle", "Christian", "Christophe", "Claire",
    "Clément", "Corinne", "Damien", "Daniel", "David", "Delphine", "Denis", "Didier", "Dominique", "Élise", "Élodie",
    "Émilie", "Emmanuel", "Éric", "Estelle", "Étienne", "Fabien", "Fabrice", "Fatima", "Florence", "Florian", "François",
    "Françoise", "Frédéric", "Gaëlle", "Gaëtan", "Gérard", "Gilles", "Grégory", "Guillaume", "Hélène", "Hugo", "Inès",
    "Isabelle", "Jacques", "Jean", "Jérémy", "Jérôme", "Joëlle", "Julie", "Julien", "Karim", "Karine", "Laetitia",
    "Laura", "Laurence", "Laurent", "Léa", "Loïc", "Louis", "Lucas", "Lucie", "Ludovic", "Magali", "Manon", "Marc",
    "Marie", "Marine", "Marion", "Martine", "Mathilde", "Mathieu", "Maud", "Maxime", "Mehdi", "Michel", "Mickaël",
    "Monique", "Morgane", "Muriel", "Nadia", "Nathalie", "Nicolas", "Noémie", "Olivier", "Pascal", "Patricia", "Patrick",
    "Paul", "Pauline", "Perrine", "Philippe", "Pierre", "Quentin", "Rachid", "Raphaël", "Régis", "Rémi", "Romain",
    "Sabrina", "Samuel", "Sandrine", "Sarah", "Sébastien", "Serge", "Simon", "Solène", "Sonia", "Sophie", "Stéphane",
    "Stéphanie", "Sylvain", "Sylvie", "Tanguy", "Thierry", "Thomas", "Valérie", "Vanessa", "Véronique", "Victor",
    "Vincent", "Virginie", "Xavier", "Yann", "Yasmine", "Yves", "Yvon",
];

/// Family names.
const FAMILY: &[&str] = &[
    "Adam", "Allard", "André", "Arnaud", "Aubert", "Bailly", "Barbier", "Barre", "Baudry", "Benoit", "Berger", "Bernard",
    "Berthelot", "Bertin", "Bertrand", "Besnard", "Bigot", "Blanc", "Blanchard", "Bodin", "Bonnet", "Boucher",
    "Boulanger", "Bourgeois", "Bouvier", "Boyer", "Breton", "Brunet", "Camus", "Carlier", "Caron", "Carpentier",
    "Carré", "Charles", "Charpentier", "Chauvin", "Chevalier", "Clément", "Colin", "Collet", "Cordier", "Cousin",
    "David", "Delattre", "Delmas", "Denis", "Descamps", "Devaux", "Dubois", "Dufour", "Dumas", "Dumont", "Dupont",
    "Dupuis", "Durand", "Duval", "Étienne", "Fabre", "Faure", "Fernandez", "Ferrand", "Fleury", "Fontaine", "Fournier",
    "François", "Gaillard", "Garcia", "Garnier", "Gauthier", "Gautier", "Gérard", "Germain", "Gilbert", "Girard",
    "Giraud", "Gonzalez", "Grand", "Gros", "Guérin", "Guichard", "Guillaume", "Guillot", "Guyot", "Hamel", "Hamon",
    "Hardy", "Hébert", "Henry", "Hervé", "Hoarau", "Hubert", "Huet", "Humbert", "Jacob", "Jacquet", "Joly", "Jourdan",
    "Julien", "Klein", "Lacroix", "Lambert", "Langlois", "Laporte", "Laurent", "Le Bihan", "Le Gall", "Le Goff",
    "Le Roux", "Leblanc", "Leclerc", "Leclercq", "Lefebvre", "Lefèvre", "Legrand", "Lemaire", "Lemoine", "Léger",
    "Leroux", "Leroy", "Lévêque", "Lopez", "Louis", "Lucas", "Mahé", "Maillard", "Mallet", "Marchal", "Marchand",
    "Maréchal", "Marie", "Martel", "Martin", "Martinez", "Marty", "Masson", "Mathieu", "Menard", "Mercier", "Meunier",
    "Meyer", "Michaud", "Michel", "Millet", "Monnier", "Moreau", "Morel", "Morin", "Moulin", "Muller", "Navarro",
    "Nicolas", "Noël", "Olivier", "Paris", "Pasquier", "Payet", "Pelletier", "Perez", "Perret", "Perrin", "Perrot",
    "Petit", "Philippe", "Picard", "Pichon", "Pierre", "Poirier", "Pons", "Poulain", "Prévost", "Rault", "Raynaud",
    "Remy", "Renard", "Renaud", "Renault", "Rey", "Reynaud", "Richard", "Riou", "Rivière", "Robert", "Robin", "Roche",
    "Rodriguez", "Roger", "Rolland", "Rossi", "Rousseau", "Roussel", "Roux", "Roy", "Royer", "Salaün", "Sanchez",
    "Schmitt", "Schneider", "Simon", "Tanguy", "Tessier", "Thomas", "Toussaint", "Valentin", "Vallée", "Vasseur",
    "Verdier", "Vidal", "Vincent", "Weber", "Weiss",
];

/// Streets of any town.
const STREETS: &[&str] = &[
    "rue de la République", "rue Victor-Hugo", "avenue Jean-Jaurès", "place de la Mairie", "rue Pasteur",
    "boulevard de la Liberté", "rue du Général-de-Gaulle", "avenue de la Gare", "rue des Écoles", "place du Marché",
    "rue Gambetta", "quai de la Rivière", "rue Saint-Pierre", "avenue du Maréchal-Foch", "rue de l'Église",
    "rue Nationale", "boulevard Carnot", "rue du Moulin", "allée des Tilleuls", "rue Émile-Zola", "cours Mirabeau",
    "rue des Halles", "route de Paris", "rue Jules-Ferry", "place Saint-Louis", "rue du Port", "avenue des Sports",
    "rue de Bretagne", "rue de Verdun", "zone d'activité des Landes",
];

/// Why an order is refused or sent back.
pub(super) const NO: &[&str] = &[
    "Action déjà menée avec ce courtier au trimestre dernier.",
    "Budget de la région réservé aux actions santé ce mois-ci.",
    "Retour attendu trop faible au regard du montant.",
    "Le courtier n'a pas atteint son objectif de l'année passée.",
    "Visuel non conforme à la charte ; repasser par le guide en ligne.",
];

/// What is to be changed before a second try.
pub(super) const CHANGES: &[&str] = &[
    "Merci de préciser la cible et la zone.",
    "Montant à revoir à la baisse, la part du courtier est trop faible.",
    "Dates à décaler après les vacances scolaires.",
    "Compléter la nature de la prestation.",
    "Quantités à arrondir au paquet.",
];

/// What is wrong with a proof.
pub(super) const PROOF: &[&str] = &[
    "Numéro de téléphone du courtier erroné.",
    "Remplacer le visuel par celui de la campagne de rentrée.",
    "Mention ORIAS illisible, agrandir le corps.",
    "Logo du courtier à recentrer.",
];

/// Why an order is given up.
pub(super) const GIVEN_UP: &[&str] =
    &["Le courtier reporte son action.", "Doublon.", "Le courtier a changé d'avis.", "Plus d'actualité."];

/// What came of an action, in words.
pub(super) const OUTCOME: &[&str] = &[
    "Bonne fréquentation, courtier très satisfait.",
    "Retour inférieur à l'attendu, pluie le jour de l'opération.",
    "Action à reconduire l'an prochain.",
    "Plusieurs dossiers encore en cours d'étude.",
];

/// What could be done better.
pub(super) const IDEAS: &[&str] = &[
    "Relancer par téléphone sous dix jours.",
    "Envoyer une semaine plus tôt.",
    "Ajouter un code QR vers le site du courtier.",
    "Cibler les travailleurs indépendants.",
];

/// Whom an action addresses.
pub(super) const AUDIENCES: &[&str] =
    &["jeunes retraités", "familles avec enfants", "travailleurs indépendants", "artisans et commerçants", "salariés de PME"];

/// What an action puts forward.
pub(super) const PRODUCTS: &[&str] = &["santé senior", "prévoyance", "complémentaire santé TNS", "obsèques", "épargne retraite"];

/// Why a member is shown goodwill.
pub(super) const MOTIVES: &[&str] = &[
    "Retard de remboursement imputable à nos services.",
    "Erreur d'affiliation corrigée tardivement.",
    "Hospitalisation longue, geste d'accompagnement.",
    "Fidélité de plus de vingt ans, sinistre non garanti.",
];

/// A made-up person: given and family name.
pub(super) fn person(dice: &mut Dice) -> (&'static str, &'static str) {
    (dice.word(GIVEN), dice.word(FAMILY))
}

/// A house in a street.
pub(super) fn street(dice: &mut Dice) -> String {
    let number = dice.between(1, 148);
    format!("{number} {}", dice.word(STREETS))
}

/// A broker's name. Patterns times names give some thousands of them; with its town, more than enough.
pub(super) fn broker(dice: &mut Dice, town: &str) -> String {
    let (name, other) = (dice.word(FAMILY), dice.word(FAMILY));
    match dice.below(14) {
        0 => format!("Cabinet {name}"),
        1 => format!("{name} Assurances"),
        2 => format!("{name} Courtage"),
        3 => format!("{name} & {other} Courtiers"),
        4 => format!("{name} et Fils"),
        5 => format!("Agence {name}"),
        6 => format!("Groupe {name} Conseil"),
        7 => format!("{name} Prévoyance"),
        8 => format!("{name} Patrimoine"),
        9 => format!("SARL {name} Assurances Conseil"),
        10 => format!("Courtage {town}"),
        11 => format!("Assurances de {town}"),
        12 => format!("Cabinet {name} {other}"),
        _ => format!("{name} Santé Courtage"),
    }
}

/// Letters that any e-mail address takes.
pub(super) fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let folded = lower.chars().map(|letter| match letter {
        'à' | 'â' | 'ä' => 'a',
        'ç' => 'c',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'a'..='z' | '0'..='9' => letter,
        _ => '-',
    });
    let mut address = String::new();
    for letter in folded {
        if letter != '-' || !address.ends_with('-') {
            address.push(letter);
        }
    }
    address.trim_matches('-').to_owned()
}
