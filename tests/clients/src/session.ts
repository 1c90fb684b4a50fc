// Signing in, and a token that is always good for the next request.

/** What Sésame answers to `signIn` and `refreshSession`. */
interface Tokens {
  accessToken: string;
  refreshToken: string;
}

interface Answer {
  session: Tokens | null;
  userErrors: { code: string; message: string }[];
}

/** Nobody is signed in: the password was wrong, or the session has ended. */
export class NotSignedIn extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

const FIELDS = 'session { accessToken refreshToken } userErrors { code message }';
const SIGN_IN = `mutation SignIn($input: SignInInput!) { answer: signIn(input: $input) { ${FIELDS} } }`;
const REFRESH = `mutation Refresh($input: RefreshSessionInput!) { answer: refreshSession(input: $input) { ${FIELDS} } }`;

/** A signed-in person. */
export class Session {
  #renewing: Promise<string> | undefined;
  #renewAt: number;

  private constructor(readonly origin: string, private tokens: Tokens) {
    this.#renewAt = Date.now() + (lifetime(tokens.accessToken) * 1000) / 2;
  }

  static async signIn(origin: string, email: string, password: string): Promise<Session> {
    return new Session(origin, await tokens(origin, SIGN_IN, { email, password }));
  }

  /** The access token; another one when half of its life is over. Ask again for each request. */
  async token(): Promise<string> {
    if (Date.now() < this.#renewAt) return this.tokens.accessToken;
    // A refresh token is good for one use: whoever asks meanwhile waits for the same renewal.
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renew(): Promise<string> {
    this.tokens = await tokens(this.origin, REFRESH, { refreshToken: this.tokens.refreshToken });
    this.#renewAt = Date.now() + (lifetime(this.tokens.accessToken) * 1000) / 2;
    return this.tokens.accessToken;
  }
}

/** A `fetch` that says who asks: every client below takes it. */
export function signed(session: Session): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${await session.token()}`);
    return fetch(input, { ...init, headers });
  };
}

async function tokens(origin: string, query: string, input: object): Promise<Tokens> {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { data, errors } = (await response.json()) as {
    data?: { answer: Answer };
    errors?: { message: string; extensions: { code: string } }[];
  };
  const refused = errors?.map(({ message, extensions }) => ({ message, code: extensions.code })) ?? data?.answer.userErrors;
  if (data?.answer.session) return data.answer.session;
  throw new NotSignedIn(refused?.[0]?.code ?? 'INTERNAL', refused?.[0]?.message ?? response.statusText);
}

/** Seconds that a token lives: a duration, so that a wrong clock of this machine does no harm. */
function lifetime(token: string): number {
  const { iat, exp } = JSON.parse(atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/')));
  return exp - iat;
}
