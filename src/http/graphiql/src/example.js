import { language } from './texts.js';

const operation = (name) => `query ${name} {
  viewer {
    user {
      displayName
    }
    roles {
      code
      label
    }
    permissions {
      name
      step
      scopes
    }
  }
}
`;

const fr = `# Bienvenue dans Sésame.
#
# Ctrl+Entrée (ou le bouton rose) exécute la
# requête : elle dit qui vous êtes, quels sont
# vos rôles et ce qu’ils vous permettent.

${operation('QuiSuisJe')}
# À essayer ensuite :
#
# 1. Le livre, en haut à gauche, ouvre la
#    documentation. Elle ne montre que ce que
#    vos rôles permettent : sous un autre
#    compte, le schéma est un autre.
#
# 2. Ctrl+Espace propose les champs possibles à
#    l’endroit du curseur ; Ctrl+clic sur un nom
#    ouvre sa documentation.
#
# 3. Sélectionnez les lignes ci-dessous et tapez
#    Ctrl+/ pour ôter les dièses ; Ctrl+Entrée
#    exécute l’opération où est le curseur.
#
# query PremieresCommandes {
#   orders(first: 5) {
#     totalCount
#     nodes { id number statusLabel }
#   }
# }
#
# subscription EnDirect {
#   workQueueChanged {
#     change
#     item { label }
#   }
# }
`;

const en = `# Welcome to Sésame.
#
# Ctrl+Enter (or the pink button) runs the
# query: it tells who you are, which roles you
# have and what they allow.

${operation('WhoAmI')}
# To try next:
#
# 1. The book, top left, opens the
#    documentation. It shows only what your
#    roles allow: under another account the
#    schema is another one.
#
# 2. Ctrl+Space suggests the fields that fit at
#    the cursor; Ctrl+click on a name opens its
#    documentation.
#
# 3. Select the lines below and press Ctrl+/ to
#    remove the hashes; Ctrl+Enter runs the
#    operation that the cursor is in.
#
# query FirstOrders {
#   orders(first: 5) {
#     totalCount
#     nodes { id number statusLabel }
#   }
# }
#
# subscription Live {
#   workQueueChanged {
#     change
#     item { label }
#   }
# }
`;

export const example = language === 'en' ? en : fr;
