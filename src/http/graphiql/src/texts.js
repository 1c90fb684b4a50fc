const fr = {
  title: 'Explorer l’API',
  email: 'Adresse e-mail',
  password: 'Mot de passe',
  signIn: 'Se connecter',
  signingIn: 'Connexion…',
  signOut: 'Se déconnecter',
  demoTitle: 'Comptes de démonstration',
  demoSwitch: 'Changer de compte…',
  signedInAs: 'Connecté en tant que',
  editor: 'Éditeur de requêtes',
  licences: 'Licences',
  ended: 'Votre session est terminée. Reconnectez-vous.',
  refused: 'Connexion refusée.',
  unreachable: 'Le serveur ne répond pas. Vérifiez qu’il tourne, puis réessayez.',
  unexpected: (status) => `Réponse inattendue du serveur (HTTP ${status}).`,
  socketClosed: (code, reason) => `La connexion temps réel a été fermée (${[code, reason].filter(Boolean).join(' ')}).`,
  socketFailed: 'La connexion temps réel n’a pas pu s’ouvrir.',
  close: 'Fermer',
};

const en = {
  title: 'Explore the API',
  email: 'E-mail address',
  password: 'Password',
  signIn: 'Sign in',
  signingIn: 'Signing in…',
  signOut: 'Sign out',
  demoTitle: 'Demonstration accounts',
  demoSwitch: 'Switch account…',
  signedInAs: 'Signed in as',
  editor: 'Query editor',
  licences: 'Licences',
  ended: 'Your session has ended. Please sign in again.',
  refused: 'Sign-in refused.',
  unreachable: 'The server does not answer. Check that it is running, then try again.',
  unexpected: (status) => `Unexpected answer from the server (HTTP ${status}).`,
  socketClosed: (code, reason) => `The live connection was closed (${[code, reason].filter(Boolean).join(' ')}).`,
  socketFailed: 'The live connection could not be opened.',
  close: 'Close',
};

/** French, unless the browser prefers English. */
export const language = /^en\b/i.test(navigator.language) ? 'en' : 'fr';
export const texts = language === 'en' ? en : fr;
