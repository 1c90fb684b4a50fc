// Apollo Client: queries and mutations over HTTP, subscriptions over the socket.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { ErrorLink } from '@apollo/client/link/error';
import { RetryLink } from '@apollo/client/link/retry';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import type { Client as Sockets } from 'graphql-ws';

import { type Session, signed } from './session';

/** What the whole application does about an error, by its code: sign in again, say «not found», … */
export type OnCode = (code: string, message: string) => void;

export function apollo(session: Session, sockets: Sockets, onCode: OnCode = () => {}, send = signed(session)) {
  const http = new HttpLink({ uri: `${session.origin}/graphql`, fetch: send });
  const live = new GraphQLWsLink(sockets);
  const link = ApolloLink.from([
    new ErrorLink(({ error }) => {
      if (!CombinedGraphQLErrors.is(error)) return;
      for (const { message, extensions } of error.errors) onCode(String(extensions?.['code']), message);
    }),
    // A lost answer is asked for again. That is safe for mutations, too: each carries its idempotencyKey.
    new RetryLink({ delay: { initial: 100, max: 2_000 }, attempts: { max: 5, retryIf: (error) => error instanceof TypeError } }),
    ApolloLink.split(({ operationType }) => operationType === 'subscription', live, http),
  ]);
  return new ApolloClient({ link, cache: cache() });
}

/** Objects are known by `id` wherever they turn up; pages of one list become one list. */
export function cache(): InMemoryCache {
  return new InMemoryCache({
    typePolicies: {
      Query: {
        fields: {
          orders: relayStylePagination(['filter', 'orderBy']),
          workQueue: relayStylePagination(['filter', 'orderBy']),
          accounts: relayStylePagination(['filter', 'orderBy']),
        },
      },
    },
  });
}
