// How GraphiQL reaches the server: requests over HTTP, subscriptions over one WebSocket.
import { Kind, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { config } from './config.js';
import { post } from './http.js';
import { current, freshToken, renew, send, subscribe } from './session.js';
import { texts } from './texts.js';

const UNAUTHORIZED = 4401;

/** A fetcher for the person signed in now, and what ends it. */
export function createTransport() {
  let token = current().session?.accessToken;
  const client = createClient({
    url: socketAddress(),
    connectionParams: async () => {
      token = await freshToken();
      return { Authorization: `Bearer ${token}` };
    },
    // At once the first time, which is the usual change of token; then 1, 2, 4 and 8 seconds.
    retryWait: (tries) => pause(tries === 0 ? 0 : 500 * 2 ** tries * (1 + Math.random() / 2)),
  });
  // The server closes a socket whose token has expired: reconnect with the new one before it does.
  const unsubscribe = subscribe(() => {
    const next = current().session?.accessToken;
    if (next && next !== token) client.terminate();
    token = next;
  });
  const fetcher = (params, { headers } = {}) => {
    const { operation, operationName } = chosen(params);
    const exact = { ...params, operationName };
    return operation === 'subscription' ? listen(client, exact) : request(exact, headers);
  };
  const dispose = () => {
    unsubscribe();
    client.dispose();
  };
  return { fetcher, dispose };
}

function request(params, headers) {
  const ownToken = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'authorization');
  return ownToken ? post(params, null, headers) : send(params, headers);
}

// GraphiQL notes the operation's name a moment after one has stopped typing: whoever runs it sooner
// would ask for an operation that is no longer there.
function chosen({ query, operationName }) {
  const operations = operationsOf(query);
  const named = operations.find(({ name }) => name?.value === operationName);
  if (named || operations.length !== 1) return { operation: named?.operation, operationName };
  return { operation: operations[0].operation, operationName: operations[0].name?.value };
}

function operationsOf(query) {
  try {
    return parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  } catch {
    return []; // The server says what is wrong with it.
  }
}

// An observable, so that GraphiQL's stop button ends it at once, waiting for no event.
function listen(client, params) {
  return {
    subscribe(observer) {
      let stop = () => {};
      const start = (mayRenew) => {
        stop = client.subscribe(params, {
          next: (result) => observer.next(result),
          complete: () => observer.complete(),
          error: (problem) => (mayRenew && problem?.code === UNAUTHORIZED ? resume(start, observer) : report(problem, observer)),
        });
      };
      start(true);
      return { unsubscribe: () => stop() };
    },
  };
}

// After a long sleep the token has expired before it could be renewed: renew it, then go on once.
async function resume(start, observer) {
  try {
    await renew(current().session?.accessToken);
    if (current().session) start(false);
    else observer.complete();
  } catch (error) {
    observer.error(error);
  }
}

function report(problem, observer) {
  if (Array.isArray(problem)) {
    observer.next({ errors: problem });
    observer.complete();
  } else if (problem instanceof Error) {
    observer.error(problem);
  } else {
    const { code, reason } = problem ?? {};
    observer.error(new Error(code ? texts.socketClosed(code, reason) : texts.socketFailed));
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function socketAddress() {
  const address = new URL(config.socket, location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  return address.href;
}
