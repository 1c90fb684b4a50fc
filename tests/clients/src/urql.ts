// urql, with the normalised cache; subscriptions over the same socket as Apollo's.

import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import type { Client as Sockets } from 'graphql-ws';
import { Client, fetchExchange, mapExchange, subscriptionExchange } from 'urql';

import type { OnCode } from './apollo';
import { type Session, signed } from './session';

/** What has no id is part of what it stands in. */
const part = () => null;

export function urql(session: Session, sockets: Sockets, onCode: OnCode = () => {}): Client {
  return new Client({
    url: `${session.origin}/graphql`,
    fetch: signed(session),
    preferGetMethod: false,
    exchanges: [
      mapExchange({
        onError({ graphQLErrors }) {
          for (const { message, extensions } of graphQLErrors) onCode(String(extensions['code']), message);
        },
      }),
      cacheExchange({
        keys: {
          AvailableAction: part,
          OrderActionRefusalError: part,
          OrderLine: part,
          PermissionGrant: part,
          Role: ({ code }) => String(code),
          Viewer: part,
          WorkKindCount: part,
          WorkQueueEvent: part,
        },
        resolvers: { Query: { orders: relayPagination(), workQueue: relayPagination() } },
      }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query: query ?? '', variables }, sink) }),
        }),
      }),
    ],
  });
}
