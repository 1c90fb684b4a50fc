// graphql-sse in distinct-connections mode: subscriptions where sockets do not get through.

import './support/browser';

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { print } from 'graphql';
import { createClient } from 'graphql-sse';

import { MeDocument, QueueChangedDocument, QueueDocument, ValidateOrderDocument } from '../src/generated/operations';
import { type Session, signed } from '../src/session';
import { streams } from '../src/streams';
import { Heard, until } from './support/patience';
import { ORIGIN, Server, signIn } from './support/server';
import { ask, submitted } from './support/world';

const FOLLOW = print(QueueChangedDocument);

type Event = { data?: { workQueueChanged: { cursor: string; change: string; item: { order: { id: string } | null } | null } } | null };

const of = (id: string) => ({ data }: Event) => data?.workQueueChanged.item?.order?.id === id;

/** Whether this server has the address at all. */
async function isServed(session: Session): Promise<boolean> {
  const response = await signed(session)(`${ORIGIN}/graphql/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query: '{ __typename }' }),
  });
  await response.body?.cancel();
  return response.status !== 404;
}

describe('graphql-sse', { timeout: 120_000 }, () => {
  let delegate: Session;
  let manager: Session;
  let served: boolean;

  before(async () => {
    delegate = await signIn('delegate');
    manager = await signIn('rr');
    served = await isServed(manager);
  });

  /** A test that is left out where the server answers 404, and says so. */
  const its = (what: string, test: () => Promise<void>) =>
    it(what, async (t) => (served ? test() : t.skip('/graphql/stream answers 404: no server-sent events here')));

  its('answers a query and a mutation', async () => {
    const client = streams(manager);
    const answer = new Heard<any>();
    client.subscribe({ query: print(MeDocument) }, answer.sink);
    await answer.end('the end of a query');
    assert.equal(answer.all[0].data.viewer.roles[0].code, 'RR');
    const order = await submitted(delegate);
    const decision = new Heard<any>();
    const variables = { input: { id: order.id, decision: 'APPROVE', expectedVersion: order.version } };
    client.subscribe({ query: print(ValidateOrderDocument), variables }, decision.sink);
    await decision.end('the end of a mutation');
    assert.equal(decision.all[0].data.validateOrder.order.status, 'PENDING_PDV');
    client.dispose();
  });

  its('sees an order arrive and leave', async () => {
    const client = streams(manager);
    const heard = new Heard<Event>();
    const { workQueue } = await ask(manager, QueueDocument, { first: 1 });
    const end = client.subscribe({ query: FOLLOW, variables: { after: workQueue.liveCursor } }, heard.sink as never);
    const order = await submitted(delegate);
    const came = await heard.first(of(order.id), 'the order in the queue');
    assert.equal(came.data?.workQueueChanged.change, 'ADDED');
    const input = { id: order.id, decision: 'APPROVE', expectedVersion: order.version } as const;
    await ask(manager, ValidateOrderDocument, { input });
    await heard.first(({ data }) => data?.workQueueChanged.change === 'REMOVED', 'the order out of the queue');
    end();
    client.dispose();
  });

  its('says what is wrong with a request', async () => {
    const client = streams(delegate);
    const wrong = new Heard<any>();
    client.subscribe({ query: 'subscription { nothing { id } }' }, wrong.sink);
    await until(() => wrong.all.length > 0, 'an answer');
    assert.equal(wrong.all[0].errors[0].extensions.code, 'BAD_USER_INPUT');
    client.dispose();
  });

  its('lets nobody in without a token', async () => {
    const client = createClient({ url: `${ORIGIN}/graphql/stream`, headers: { authorization: 'Bearer wrong' }, retryAttempts: 0 });
    const heard = new Heard<any>();
    client.subscribe({ query: FOLLOW }, heard.sink);
    const failure = (await heard.failure('a refusal')) as { response?: { status: number } };
    assert.equal(failure.response?.status, 401);
  });

  its('misses nothing and hears nothing twice when the line is cut', async () => {
    let line: AbortController | undefined;
    let times = 0;
    const client = streams(manager, {
      retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
      fetchFn: (url: string, init: RequestInit) => {
        times += 1;
        line = new AbortController();
        init.signal?.addEventListener('abort', () => line?.abort());
        return fetch(url, { ...init, signal: line.signal });
      },
    });
    const heard = new Heard<Event>();
    const { workQueue } = await ask(manager, QueueDocument, { first: 1 });
    client.subscribe({ query: FOLLOW, variables: { after: workQueue.liveCursor } }, heard.sink as never);
    const before = await submitted(delegate);
    await heard.first(of(before.id), 'an order before the cut');
    line!.abort();
    const meanwhile = await submitted(delegate);
    await heard.first(of(meanwhile.id), 'an order during the cut');
    assert.equal(times, 2);
    const orders = heard.all.map(({ data }) => data?.workQueueChanged.item?.order?.id);
    assert.deepEqual(orders.filter((id) => id), [before.id, meanwhile.id]);
    client.dispose();
  });

  its('goes on behind a server that was restarted', async () => {
    const server = await Server.start();
    try {
      const [owner, decides] = [await signIn('delegate', server.origin), await signIn('rr', server.origin)];
      const client = streams(decides, { retry: () => new Promise((resolve) => setTimeout(resolve, 50)), retryAttempts: 400 });
      const heard = new Heard<Event>();
      const { workQueue } = await ask(decides, QueueDocument, { first: 1 });
      client.subscribe({ query: FOLLOW, variables: { after: workQueue.liveCursor } }, heard.sink as never);
      const first = await submitted(owner);
      await heard.first(of(first.id), 'an order before');
      await server.stop();
      await server.resume();
      const second = await submitted(owner);
      await heard.first(of(second.id), 'an order after');
      const orders = heard.all.map(({ data }) => data?.workQueueChanged.item?.order?.id);
      assert.deepEqual(orders.filter((id) => id), [first.id, second.id]);
      client.dispose();
    } finally {
      await server.remove();
    }
  });
});
