// An OpenID Connect issuer on loopback for the trials: npm's `oidc-provider`, with a few addresses of its own
// under /test to have tokens made, keys rotated, fetches counted, and the issuer taken away and brought back.
//
//   node issuer.mjs [PORT]        prints {"issuer": "http://127.0.0.1:…"} and serves until its stdin is closed
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { join } from 'node:path';

// What the provider warns of goes where nobody reads it as an answer.
console.info = console.warn = console.error;

// Its needs are installed outside the tree: SESAME_OIDC_MODULES is the folder that holds node_modules.
const require = createRequire(join(process.env.SESAME_OIDC_MODULES ?? import.meta.dirname, 'package.json'));
const { default: Provider } = await import(require.resolve('oidc-provider'));

const AUDIENCE = 'urn:sesame';
// Besides these, whoever signs in is called as they typed, and their e-mail address is theirs.
const UNVERIFIED = 'unverified:';

let keys = [makeKey()];
let clients = { sesame: {} };
let life = 300;
let away = false;
const counts = { discovery: 0, jwks: 0, token: 0 };

function makeKey(kid = randomUUID()) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' };
}

function client(more) {
  return {
    client_id: 'sesame-web',
    token_endpoint_auth_method: 'none',
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/graphiql'],
    ...more,
  };
}

/** The person behind a subject: `sub|email`, or `unverified:sub|email`. */
function claimsOf(sub) {
  const [subject, email = subject] = sub.replace(UNVERIFIED, '').split('|');
  return { sub, email, email_verified: !sub.startsWith(UNVERIFIED), name: subject };
}

function make() {
  const provider = new Provider(issuer, {
    clients: [client(clients.sesame)],
    jwks: { keys },
    cookies: { keys: ['for trials only'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    clientBasedCORS: () => true,
    conformIdTokenClaims: false,
    // Its own way out goes nowhere near this machine.
    fetch: (address, { dispatcher: _, ...options }) => fetch(address, options),
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    findAccount: (_, sub) => ({ accountId: sub, claims: () => claimsOf(sub) }),
    extraTokenClaims: (_, token) => {
      const { email, email_verified } = claimsOf(token.accountId);
      return { email, email_verified, ...(token.sessionUid && { sid: token.sessionUid }), ...token.extra?.more };
    },
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'openid email',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: life,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  provider.on('server_error', (_, error) => console.error(error));
  return provider;
}

let issuer;
let provider;
let handle;

const base64 = (bytes) => Buffer.from(bytes).toString('base64url');

const server = createServer(async (request, response) => {
  if (request.url.startsWith('/test/')) return control(request, response);
  if (away) return request.socket.destroy();
  if (request.url.startsWith('/.well-known/')) counts.discovery += 1;
  if (request.url.startsWith('/jwks')) counts.jwks += 1;
  if (request.url.startsWith('/token')) counts.token += 1;
  handle(request, response);
});

async function control(request, response) {
  let text = '';
  for await (const chunk of request) text += chunk;
  const asked = text ? JSON.parse(text) : {};
  try {
    const answer = (await does[request.url.slice('/test/'.length)](asked)) ?? {};
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error?.stack ?? error));
  }
}

const does = {
  /** A token that the provider makes, as if somebody had signed in. */
  async token({ sub, sid, life: seconds, audience = AUDIENCE, scope = 'openid email' }) {
    const { AccessToken, Client, ResourceServer } = provider;
    const token = new AccessToken({
      accountId: sub,
      client: await Client.find('sesame-web'),
      grantId: randomUUID(),
      gty: 'authorization_code',
      scope,
      aud: audience,
      ...(sid && { sessionUid: sid }),
    });
    token.resourceServer = new ResourceServer(audience, {
      audience,
      scope,
      accessTokenFormat: 'jwt',
      accessTokenTTL: seconds ?? life,
      jwt: { sign: { alg: 'RS256' } },
    });
    token.expiresIn = seconds ?? life;
    return { token: await token.save() };
  },
  /** New keys; `keep`: the ones before are published, too, but sign no more. */
  rotate({ keep = false }) {
    keys = [makeKey(), ...(keep ? keys : [])];
    restart();
    return { kid: keys[0].kid };
  },
  /** A token that the provider would never make: any header and claims, signed with its key, or another. */
  sign({ header = {}, claims = {}, by = 'issuer' }) {
    const mine = createPrivateKey({ key: keys[0], format: 'jwk' });
    const { privateKey: another } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: issuer, aud: AUDIENCE, sub: 'somebody', iat: now, exp: now + life, client_id: 'sesame-web' };
    const whole = { alg: 'RS256', typ: 'at+jwt', kid: keys[0].kid, ...header };
    if (whole.jwk === 'another') whole.jwk = createPublicKey(another).export({ format: 'jwk' });
    const text = [whole, { ...usual, ...claims }].map((part) => base64(JSON.stringify(part))).join('.');
    const secret = createPublicKey(mine).export({ format: 'pem', type: 'spki' });
    const signatures = {
      issuer: () => sign('sha256', text, mine),
      another: () => sign('sha256', text, another),
      // What a verifier computes that takes the public key for a shared secret.
      secret: () => createHmac('sha256', secret).update(text).digest(),
      nobody: () => Buffer.alloc(0),
    };
    return { token: `${text}.${base64(signatures[by]())}` };
  },
  counts: () => counts,
  away() {
    away = true;
    server.closeIdleConnections();
  },
  back() {
    away = false;
  },
  /** What is registered of the client. */
  client(more) {
    clients = { sesame: { ...clients.sesame, ...more } };
    restart();
  },
  /** Tells the client that somebody has logged out. */
  async logout({ sub, sid }) {
    const found = await provider.Client.find('sesame-web');
    await found.backchannelLogout(sub, sid);
  },
};

function restart() {
  provider = make();
  handle = provider.callback();
}

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  restart();
  console.log(JSON.stringify({ issuer }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
