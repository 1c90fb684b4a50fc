// Live over server-sent events: graphql-sse in distinct-connections mode, where WebSockets do not get through.

import { type Client, type ClientOptions, createClient } from 'graphql-sse';

import type { Session } from './session';
import { resuming } from './sockets';

/** A client of `/graphql/stream`: one HTTP request for each subscription, under the same rights and limits. */
export function streams(session: Session, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({
    url: `${session.origin}/graphql/stream`,
    headers: async () => ({ authorization: `Bearer ${await session.token()}` }),
    retryAttempts: 10,
    ...options,
  });
  return resuming(client as never);
}
