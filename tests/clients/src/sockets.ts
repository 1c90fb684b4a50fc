// Live over one WebSocket: graphql-ws, for subscriptions of all clients.

import { type Client, type ClientOptions, createClient, type Sink } from 'graphql-ws';

import type { Session } from './session';

/** A client that signs in, comes back by itself, and stays signed in. */
export function sockets(session: Session, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({
    url: `${session.origin.replace(/^http/, 'ws')}/graphql/ws`,
    // Asked again for each connection: whoever comes back brings a token that is good.
    connectionParams: async () => ({ authorization: `Bearer ${await session.token()}` }),
    retryAttempts: 10,
    // A server that restarts closes with 1001, one whose token has run out with 4403: both are worth another try.
    shouldRetry: (failure) => !(failure instanceof Error),
    keepAlive: 20_000,
    ...options,
  });
  return resuming(client);
}

/**
 * After a lost connection, a subscription goes on behind the last event that arrived: nothing is missed and
 * nothing comes twice. It needs the variable `after`, and the `cursor` in what it selects.
 */
export function resuming<C extends Pick<Client, 'subscribe'>>(client: C): C {
  const subscribe: Client['subscribe'] = (payload, sink) => {
    const variables: Record<string, unknown> = { ...payload.variables };
    const watching: Sink<any> = {
      next(result) {
        for (const event of Object.values((result.data ?? {}) as Record<string, { cursor?: string } | null>)) {
          if (event?.cursor) variables['after'] = event.cursor;
        }
        sink.next(result);
      },
      error: (error) => sink.error(error),
      complete: () => sink.complete(),
    };
    // The payload is written anew at each connection, with the variables as they are then.
    return client.subscribe({ ...payload, variables }, watching);
  };
  return { ...client, subscribe };
}

/**
 * Renews the token of an open socket in place, so that it need not be closed: pass `on.connected`'s socket.
 * The server answers with a pong that says until when the new token holds.
 */
export async function renew(socket: { send(text: string): void }, session: Session): Promise<void> {
  const payload = { authorization: `Bearer ${await session.token()}` };
  socket.send(JSON.stringify({ type: 'ping', payload }));
}
