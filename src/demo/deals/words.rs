//! What is written on the demonstration's deals. French, as their readers are.

/// What deals are about.
pub(super) const SUBJECTS: &[&str] = &[
    "Complémentaire santé collective",
    "Prévoyance des cadres",
    "Portail d'adhésion en ligne",
    "Plateforme de gestion des avantages salariés",
    "Gestion déléguée et tiers payant",
    "Externalisation des prestations santé",
    "Espace salarié et application mobile",
    "Surcomplémentaire facultative",
    "Épargne salariale et retraite",
    "Téléconsultation et prévention",
    "Reprise des contrats du groupe",
    "Interface avec la paie (DSN)",
    "Pilotage de l'absentéisme",
    "Assistance et services à la personne",
];

pub(super) const COMMERCIAL: &[&str] = &[
    "Contrat actuel chez un concurrent, échéance au 31 décembre. Budget validé par la direction.",
    "Première mise en place pour l'ensemble des salariés ; trois offres demandées.",
    "Client historique pour la santé, demande d'extension à la prévoyance.",
    "Appel à concurrence lancé par le courtier du groupe, prix actuel connu.",
];
pub(super) const STRUCTURAL: &[&str] = &[
    "Décision par la direction générale après avis du CSE ; la DRH porte le projet.",
    "Le directeur financier décide seul ; les achats négocient.",
    "Comité de pilotage de quatre personnes, décision en conseil d'administration.",
    "Décision du dirigeant, conseillé par son expert-comptable.",
];
pub(super) const FUNCTIONAL: &[&str] = &[
    "Adhésion en ligne, remboursement en 48 heures, réseau de soins national.",
    "Reprise de l'existant sans rupture de droits, tableau de bord mensuel.",
    "Trois niveaux de garanties au choix du salarié, options à sa charge.",
    "Gestion des entrées et sorties depuis la paie, espace pour les ressources humaines.",
];
pub(super) const TECHNICAL: &[&str] = &[
    "Logiciel de paie du marché, échanges par DSN ; authentification par l'annuaire de l'entreprise.",
    "Pas d'équipe informatique : tout est hébergé par nos soins.",
    "Interfaces par fichiers chiffrés, hébergement certifié pour les données de santé.",
    "Connexion unique demandée, reprise des données depuis un tableur.",
];
pub(super) const PITCH: &[&str] = &[
    "Nous pouvons faire mieux que le contrat actuel, à prix égal, avec une mise en place en six semaines.",
    "Le client cherche un interlocuteur unique ; notre délégation est à dix minutes.",
    "Référence régionale importante dans son secteur, deux filiales à suivre.",
    "Le service est la raison du changement : nos délais de remboursement font la différence.",
];
pub(super) const EXTENDED_PITCH: &str =
    "Affaire structurante : marge conforme, charge de mise en place confirmée, risque principal sur la reprise.";
pub(super) const UNCERTAINTIES: &[&str] = &[
    "Avis du CSE attendu.",
    "Budget à confirmer en conseil d'administration.",
    "Le concurrent en place peut encore s'aligner.",
    "Signature du dirigeant, en déplacement.",
];
pub(super) const COMPETITORS: &[&str] =
    &["Mutuelle du Ponant", "Assurances Réunies", "Prévia Santé", "Groupe Hexalis", "Néoprotec"];
pub(super) const STOPPED: &[&str] = &[
    "Échange avec le client ce matin, décision confirmée par courriel.",
    "Après trois relances, la situation est claire.",
    "Vu avec le responsable régional.",
    "Le client nous remercie et garde le contact pour la prochaine échéance.",
];
pub(super) const REOPENED: &[&str] = &[
    "Le client nous recontacte : l'offre retenue ne tient pas ses engagements.",
    "Nouveau dirigeant, projet relancé.",
    "Éléments nouveaux : périmètre réduit, marge rétablie.",
];
pub(super) const ANNULLED: &str = "Le client se rétracte avant la mise en place : rachat par un groupe déjà équipé.";
pub(super) const REASSIGNED: &str = "Réorganisation des portefeuilles de la délégation.";
pub(super) const GO_MINUTES: &[&str] = &[
    "Affaire simple, rentable, client connu : on y va.",
    "Go. Suivre de près la concurrence locale.",
    "Offre standard, charge faible, calendrier tenable.",
];
pub(super) const NO_GO_MINUTES: &str = "Marge insuffisante et calendrier intenable : nous ne répondons pas.";
pub(super) const REQUESTED: &[&str] = &[
    "Montant et engagement de mise en place : décision collégiale souhaitée.",
    "Demande hors standard du client sur les niveaux de service.",
    "Investissement en avant-vente nécessaire avant la réponse.",
];
pub(super) const DECLINED: &str = "Affaire standard : la décision du responsable régional suffit.";
pub(super) const MINUTES: &[&str] = &[
    "Présentation de l'affaire, revue des risques et de la charge. Tour de table.",
    "Revue du besoin, de la marge et du calendrier. L'avant-vente confirme la faisabilité.",
];
pub(super) const DECISIONS: &[&str] = &[
    "Avis favorable à l'unanimité.",
    "Favorable, sous réserve du suivi habituel.",
    "Accord, avec un point d'étape avant l'envoi de la proposition.",
];
pub(super) const REFUSED_BY_COMMITTEE: &str = "Risque et charge disproportionnés : nous ne répondons pas.";
pub(super) const ESCALATED: &str = "Engagement au-delà de notre délégation : au comité élargi de trancher.";
pub(super) const CONDITIONS: &[&str] = &[
    "Faire valider la clause de résiliation par le juridique.",
    "Obtenir le fichier du personnel avant l'envoi de la proposition.",
];
pub(super) const WAIVED: &str = "Point levé au téléphone avec le client, sans objet désormais.";
pub(super) const REVIEWED: &str = "Relecture complète, prix et calendrier vérifiés.";
pub(super) const DISCOUNT_NO: &str = "Marge déjà basse : tenir le prix et jouer sur les services.";
pub(super) const ANSWERS: &[&str] = &[
    "Nous confirmons la reprise des droits acquis sans délai de carence.",
    "Le calendrier de mise en place proposé est maintenu, à réception du fichier du personnel.",
    "L'indexation est plafonnée pendant deux ans, comme indiqué à l'article 7.",
];
pub(super) const NON_CONFORMING: &[&str] = &[
    "Signature manquante en dernière page.",
    "Document illisible, à numériser de nouveau.",
    "Montant différent du contrat.",
];
