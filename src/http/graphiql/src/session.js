// Who is signed in, in this browser tab: kept in sessionStorage, renewed silently.
import { post, unauthenticated } from './http.js';
import * as oidc from './oidc.js';
import { texts } from './texts.js';

const STORED = 'sesame:session';
const TOKENS = 'session { accessToken refreshToken accessTokenExpiresAt } userErrors { code message }';
const SIGN_IN = `mutation SignIn($input: SignInInput!) { signIn(input: $input) { ${TOKENS} } }`;
const REFRESH = `mutation RefreshSession($input: RefreshSessionInput!) { refreshSession(input: $input) { ${TOKENS} } }`;
const SIGN_OUT = 'mutation SignOut { signOut(input: {}) { userErrors { code } } }';
const VIEWER = 'query Viewer { viewer { user { displayName } roles { code label } } }';

const LONGEST_TIMER = 2 ** 31 - 1;
const RETRY_AFTER = 15_000;

// `state.session` is { id, serial, email, accessToken, refreshToken, renewAt } or null. `id` stays the
// same while the session is renewed, so that whatever hangs on the person is rebuilt only with the
// person; `serial` counts the renewals.
let state = { session: load(), notice: null };
const listeners = new Set();
let renewal = null;
let timer;

// Sent back by the issuer, the page is opened with a code, for which it gives tokens.
oidc.arrive().then(
  (tokens) => tokens && begin('', renewable(tokens)),
  (error) => end(error.message),
);

// A duplicated tab starts with the same refresh token, which is good for one use only: one tab renews
// at a time and tells the others; whoever hears of an older state than its own answers with its own.
const otherTabs = new BroadcastChannel('sesame-session');
otherTabs.onmessage = ({ data }) => {
  const { session } = state;
  if (session?.id !== data.id) return;
  if (data.ended) end(texts.ended);
  else if (data.session.serial > session.serial) change({ session: data.session, notice: null });
  else if (data.session.serial < session.serial) tell();
};
tell();
const heard = state.session ? pause(150) : Promise.resolve();

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) renewIfDue();
});
schedule();

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const current = () => state;

/** Signs in; throws an `Error` with the server's reason when refused. */
export async function signIn(email, password) {
  begin(email, await askTokens(SIGN_IN, 'signIn', { email, password }));
}

function begin(email, tokens) {
  const former = state.session;
  const id = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  change({ session: { id, serial: 0, email, ...tokens }, notice: null });
  if (former) revoke(former);
}

/** Forgets the session here at once, and asks the server to end it. */
export function signOut() {
  const former = state.session;
  end(null);
  if (former) revoke(former);
}

/** The access token, renewed first when it is about to expire; `null` when nobody is signed in. */
export async function freshToken() {
  await renewIfDue();
  return state.session?.accessToken ?? null;
}

/** Replaces the token `stale`. Whoever asks meanwhile waits for the same renewal. */
export function renew(stale) {
  renewal ??= oneTabAtATime(() => renewOnce(stale)).finally(() => {
    renewal = null;
  });
  return renewal;
}

/** Sends `body` for the person signed in, renewing the token once if the server refuses it. */
export async function send(body, extraHeaders) {
  const token = await freshToken();
  const answer = await post(body, token, extraHeaders);
  if (!token || !unauthenticated(answer)) return answer;
  await renew(token);
  return state.session ? post(body, state.session.accessToken, extraHeaders) : answer;
}

/** The person's name and roles, as far as the server tells them. */
export async function viewer() {
  const answer = await send({ query: VIEWER, operationName: 'Viewer' });
  return answer.data?.viewer ?? null;
}

async function askTokens(query, field, input) {
  const operationName = field[0].toUpperCase() + field.slice(1);
  const answer = await post({ query, operationName, variables: { input } }, null);
  const payload = answer.data?.[field];
  if (payload?.session) return withRenewal(payload.session);
  const reasons = [...(payload?.userErrors ?? []), ...(answer.errors ?? [])].map(({ message }) => message);
  throw Object.assign(new Error([...new Set(reasons)].join('\n') || texts.refused), {
    refused: payload?.userErrors?.length > 0 || unauthenticated(answer),
  });
}

async function renewOnce(stale) {
  await heard;
  const { session } = state;
  if (session?.accessToken !== stale) return;
  try {
    const tokens = await renewed(session.refreshToken);
    if (state.session !== session) return;
    change({ session: { ...session, ...tokens, serial: session.serial + 1 }, notice: null });
    tell();
    await pause(50); // Lets the others hear it before the next of them may renew.
  } catch (error) {
    if (!error.refused) throw error;
    if (state.session === session) end(texts.ended);
  }
}

async function renewed(refreshToken) {
  if (!oidc.elsewhere) return askTokens(REFRESH, 'refreshSession', { refreshToken });
  if (!refreshToken) throw Object.assign(new Error(texts.ended), { refused: true });
  const tokens = await oidc.refresh(refreshToken);
  return renewable({ ...tokens, refreshToken: tokens.refreshToken ?? refreshToken });
}

// Without a refresh token, the session ends with its access token.
function renewable({ accessToken, refreshToken, seconds }) {
  const renewAt = refreshToken && seconds > 0 ? Date.now() + seconds * 1000 - Math.min(30_000, seconds * 500) : null;
  return { accessToken, refreshToken, renewAt };
}

async function renewIfDue() {
  const { session } = state;
  if (!session?.renewAt || Date.now() < session.renewAt) return;
  try {
    await renew(session.accessToken);
  } catch {
    // The server cannot be reached just now: what needs it will say so. Try again later.
    clearTimeout(timer);
    timer = setTimeout(renewIfDue, RETRY_AFTER);
  }
}

function oneTabAtATime(task) {
  return navigator.locks ? navigator.locks.request('sesame-renewal', task) : task();
}

// Reckons by the token's own lifetime: the server's clock may differ from this one, and in a
// demonstration it may live on another day altogether. Unknown lifetime: renewed when refused.
function withRenewal({ accessToken, refreshToken, accessTokenExpiresAt }) {
  const lifetime = lifetimeOf(accessToken) ?? Date.parse(accessTokenExpiresAt) - Date.now();
  const renewAt = lifetime > 0 ? Date.now() + lifetime - Math.min(30_000, lifetime / 2) : null;
  return { accessToken, refreshToken, renewAt };
}

function lifetimeOf(token) {
  try {
    const claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    const seconds = claims.exp - claims.iat;
    return Number.isFinite(seconds) ? seconds * 1000 : null;
  } catch {
    return null;
  }
}

function revoke({ id, accessToken }) {
  otherTabs.postMessage({ id, ended: true });
  post({ query: SIGN_OUT, operationName: 'SignOut' }, accessToken).catch(() => {});
}

function tell() {
  const { session } = state;
  if (session) otherTabs.postMessage({ id: session.id, session });
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function end(notice) {
  change({ session: null, notice });
}

function change(next) {
  state = next;
  store(state.session);
  schedule();
  for (const listener of listeners) listener();
}

function schedule() {
  clearTimeout(timer);
  const { session } = state;
  if (!session?.renewAt) return;
  timer = setTimeout(renewIfDue, Math.min(Math.max(0, session.renewAt - Date.now()), LONGEST_TIMER));
}

function store(session) {
  if (session) sessionStorage.setItem(STORED, JSON.stringify(session));
  else sessionStorage.removeItem(STORED);
}

function load() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED));
  } catch {
    return null;
  }
}
