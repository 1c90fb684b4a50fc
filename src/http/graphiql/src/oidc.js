// Signing in at the company's issuer: Authorization Code with PKCE, as a public client. The page knows no
// password; what it gets is the access token that the API takes.
import { config } from './config.js';
import { texts } from './texts.js';

const PENDING = 'sesame:pending';
const back = `${location.origin}/graphiql`;

/** Whether people sign in at an issuer, and not here. */
export const elsewhere = config.oidc !== null;

/** Goes to the issuer. It comes back to this page, with a code. */
export async function leave() {
  const { authorization, client, scope, parameters } = config.oidc;
  if (!authorization || !client) throw new Error(client ? texts.issuerAway : texts.noClient);
  const [verifier, state] = [random(), random()];
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state }));
  const address = new URL(authorization);
  const asked = {
    client_id: client,
    response_type: 'code',
    redirect_uri: back,
    scope,
    state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of [...Object.entries(asked), ...new URLSearchParams(parameters)]) {
    address.searchParams.append(name, value);
  }
  location.assign(address);
}

/** What the issuer gave, where the page was opened by its sending somebody back; `null` where it was not. */
export async function arrive() {
  const said = new URLSearchParams(location.search);
  if (!elsewhere || !(said.has('code') || said.has('error'))) return null;
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null');
  sessionStorage.removeItem(PENDING);
  // A code is good for once, and nobody's business.
  history.replaceState(null, '', back);
  if (said.has('error')) throw new Error(said.get('error_description') ?? said.get('error'));
  if (!pending || said.get('state') !== pending.state) throw new Error(texts.notAsked);
  return ask({ grant_type: 'authorization_code', code: said.get('code'), redirect_uri: back, code_verifier: pending.verifier });
}

/** A new access token for a refresh token. */
export const refresh = (token) => ask({ grant_type: 'refresh_token', refresh_token: token });

async function ask(asked) {
  const { token, client, parameters } = config.oidc;
  const body = new URLSearchParams({ ...asked, client_id: client });
  for (const [name, value] of new URLSearchParams(parameters)) body.append(name, value);
  const response = await fetch(token, { method: 'POST', body, credentials: 'omit' }).catch((cause) => {
    throw new Error(texts.issuerAway, { cause });
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const reason = answer.error_description ?? answer.error ?? texts.unexpected(response.status);
    throw Object.assign(new Error(reason), { refused: response.status < 500 });
  }
  return { accessToken: answer.access_token, refreshToken: answer.refresh_token ?? null, seconds: answer.expires_in };
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
