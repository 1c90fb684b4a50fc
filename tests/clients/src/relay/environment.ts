// Relay: a network layer of a plain fetch, and subscriptions over the socket.

import type { Client as Sockets } from 'graphql-ws';
import { Environment, type FetchFunction, Network, Observable, RecordSource, Store, type SubscribeFunction } from 'relay-runtime';

import { type Session, signed } from '../session';

export function environment(session: Session, sockets: Sockets): Environment {
  const send = signed(session);
  const ask: FetchFunction = async ({ name, text }, variables) => {
    const response = await send(`${session.origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ operationName: name, query: text, variables }),
    });
    return response.json();
  };
  const follow: SubscribeFunction = ({ name, text }, variables) =>
    Observable.create((sink) => sockets.subscribe({ operationName: name, query: text ?? '', variables }, sink as never));
  return new Environment({ network: Network.create(ask, follow), store: new Store(new RecordSource()) });
}
