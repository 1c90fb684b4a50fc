// urql: a regional manager's queue, live.

import './support/browser';

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Client as Sockets } from 'graphql-ws';
import type { Client } from 'urql';

import {
  MeDocument,
  OrderDocument,
  OrdersDocument,
  QueueChangedDocument,
  type QueueChangedSubscription,
  QueueDocument,
  ValidateOrderDocument,
} from '../src/generated/operations';
import { outcome } from '../src/orders';
import type { Session } from '../src/session';
import { sockets } from '../src/sockets';
import { urql } from '../src/urql';
import { Heard } from './support/patience';
import { signIn } from './support/server';
import { submitted } from './support/world';

type Change = QueueChangedSubscription['workQueueChanged'];

/** Follows the queue from where it was read. */
async function follow(client: Client): Promise<{ changes: Heard<Change>; end: () => void }> {
  const queue = await client.query(QueueDocument, { first: 20 }, { requestPolicy: 'network-only' });
  const changes = new Heard<Change>();
  const { unsubscribe } = client
    .subscription(QueueChangedDocument, { after: queue.data!.workQueue.liveCursor })
    .subscribe(({ data, error }) => (data ? changes.sink.next(data.workQueueChanged) : changes.sink.error(error)));
  return { changes, end: unsubscribe };
}

describe('urql', { timeout: 120_000 }, () => {
  let delegate: Session;
  let manager: Session;
  let live: Sockets;
  let client: Client;
  const codes: string[] = [];
  const complaints: unknown[][] = [];
  const { warn } = console;

  before(async () => {
    delegate = await signIn('delegate');
    manager = await signIn('rr');
    live = sockets(manager);
    client = urql(manager, live, (code) => codes.push(code));
    // graphcache complains about what it cannot name.
    console.warn = (...words) => void complaints.push(words);
  });
  after(() => {
    console.warn = warn;
    return live.dispose();
  });

  it('sees an order arrive, approves it, and sees it leave', async () => {
    const { changes, end } = await follow(client);
    try {
      const order = await submitted(delegate);
      const came = await changes.first(({ item }) => item?.order?.id === order.id, 'the order in the queue');
      assert.deepEqual([came.change, came.item?.kind], ['ADDED', 'RR_VALIDATION']);

      const input = { id: order.id, decision: 'APPROVE', expectedVersion: came.item!.version } as const;
      const { data, error } = await client.mutation(ValidateOrderDocument, { input });
      assert.equal(error, undefined);
      const decided = outcome(data!.validateOrder.order, data!.validateOrder.userErrors);
      assert.ok(decided.kind === 'done');
      assert.equal(decided.object.status, 'PENDING_PDV');
      await changes.first(({ change, itemId }) => change === 'REMOVED' && itemId === came.itemId, 'the order out of the queue');
    } finally {
      end();
    }
  });

  it('approves what it saw, and is shown what changed meanwhile', async () => {
    const order = await submitted(delegate);
    const seen = await client.query(OrderDocument, { id: order.id });
    // A colleague is faster: the same person at another screen.
    const colleague = urql(await signIn('rr'), live);
    const input = { id: order.id, decision: 'APPROVE', expectedVersion: seen.data!.order!.version } as const;
    await colleague.mutation(ValidateOrderDocument, { input });

    const { data, error } = await client.mutation(ValidateOrderDocument, { input });
    assert.equal(error, undefined);
    const late = outcome(data!.validateOrder.order, data!.validateOrder.userErrors);
    assert.ok(late.kind === 'conflict');
    assert.equal(late.object.status, 'PENDING_PDV');
    assert.ok(late.object.version > input.expectedVersion);
    // The payload put the present state into the cache: the screen shows it without asking.
    const shown = await client.query(OrderDocument, { id: order.id }, { requestPolicy: 'cache-only' });
    assert.equal(shown.data?.order?.status, 'PENDING_PDV');
  });

  it('looks ahead with a dry run, and nothing moves', async () => {
    const order = await submitted(delegate);
    const input = { id: order.id, decision: 'REJECT', expectedVersion: order.version, dryRun: true } as const;
    const without = await client.mutation(ValidateOrderDocument, { input });
    assert.deepEqual(without.data!.validateOrder.userErrors.map(({ code, field }) => [code, field]), [['REASON_REQUIRED', ['reason']]]);
    const foreseen = await client.mutation(ValidateOrderDocument, { input: { ...input, reason: 'Budget' } });
    assert.equal(foreseen.data!.validateOrder.order?.status, 'REJECTED');
    const now = await client.query(OrderDocument, { id: order.id }, { requestPolicy: 'network-only' });
    assert.deepEqual([now.data!.order!.status, now.data!.order!.version], ['PENDING_RR', order.version]);
  });

  it('makes one list of the pages', async () => {
    const query = (after?: string | null) => client.query(OrdersDocument, { first: 3, after });
    const first = await query();
    const second = await query(first.data!.orders.pageInfo.endCursor);
    const ids = second.data!.orders.edges.map(({ node }) => node.id);
    assert.equal(new Set(ids).size, 6, 'relayPagination gives both pages');
    assert.deepEqual(ids.slice(0, 3), first.data!.orders.edges.map(({ node }) => node.id));
  });

  it('hears codes, in the language that it asks for', async () => {
    codes.length = 0;
    const english = { fetchOptions: { headers: { 'accept-language': 'en' } } };
    const unseen = await submitted(await signIn('delegate3'));
    const input = { id: unseen.id, decision: 'APPROVE' } as const;
    const answers = [await client.mutation(ValidateOrderDocument, { input }), await client.mutation(ValidateOrderDocument, { input }, english)];
    assert.deepEqual(codes, ['NOT_FOUND', 'NOT_FOUND']);
    const [french, other] = answers.map(({ error }) => error!.graphQLErrors[0]!.message);
    assert.notEqual(french, other);
  });

  it('can name all that it keeps', async () => {
    await client.query(MeDocument, {});
    await client.query(QueueDocument, { first: 5 });
    assert.deepEqual(complaints, []);
  });
});
