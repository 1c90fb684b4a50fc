// One order, three people, three clients, all of them live.

import './support/browser';

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { print } from 'graphql';
import type { Client as Sockets } from 'graphql-ws';

import { apollo } from '../src/apollo';
import {
  CreateOrderDocument,
  OrderChangedDocument,
  OrderCardFragmentDoc,
  QueueChangedDocument,
  type QueueChangedSubscription,
  QueueDocument,
  SubmitOrderDocument,
  ValidateOrderDocument,
} from '../src/generated/operations';
import { intention } from '../src/orders';
import type { Session } from '../src/session';
import { sockets } from '../src/sockets';
import { urql } from '../src/urql';
import { Heard, until } from './support/patience';
import { type Account, signIn } from './support/server';
import { anOrder, ask } from './support/world';

type Change = QueueChangedSubscription['workQueueChanged'];

describe('an order', { timeout: 120_000 }, () => {
  const people: { session: Session; live: Sockets }[] = [];
  const person = async (account: Account) => {
    const session = await signIn(account);
    people.push({ session, live: sockets(session) });
    return people.at(-1)!;
  };
  after(() => Promise.all(people.map(({ live }) => live.dispose())));

  let delegate: Awaited<ReturnType<typeof person>>;
  let manager: typeof delegate;
  let promotion: typeof delegate;
  before(async () => {
    delegate = await person('delegate');
    manager = await person('rr');
    promotion = await person('pdv');
  });

  it('goes from the delegate to the regional manager to the sales promotion, who all see it move', async () => {
    const apolloOfDelegate = apollo(delegate.session, delegate.live);
    const urqlOfManager = urql(manager.session, manager.live);

    // The regional manager and the sales promotion have their queues open.
    const queue = await urqlOfManager.query(QueueDocument, { first: 20 });
    const atManager = new Heard<Change>();
    urqlOfManager
      .subscription(QueueChangedDocument, { after: queue.data!.workQueue.liveCursor })
      .subscribe(({ data, error }) => (data ? atManager.sink.next(data.workQueueChanged) : atManager.sink.error(error)));
    const { workQueue } = await ask(promotion.session, QueueDocument, { first: 1 });
    const atPromotion = new Heard<{ data?: QueueChangedSubscription | null }>();
    promotion.live.subscribe({ query: print(QueueChangedDocument), variables: { after: workQueue.liveCursor } }, atPromotion.sink as never);

    // The delegate drafts, follows everything that happens to the own orders, and submits.
    const follows = new Heard<unknown>();
    apolloOfDelegate.subscribe({ query: OrderChangedDocument }).subscribe(follows.sink);
    let draft;
    do {
      // Until the subscription is heard to have begun.
      const input = { ...(await anOrder(delegate.session, 'Marché de Noël')), idempotencyKey: intention() };
      draft = (await apolloOfDelegate.mutate({ mutation: CreateOrderDocument, variables: { input } })).data!.createOrder.order!;
    } while (follows.all.length === 0);
    const { id } = draft;
    const submit = { id, expectedVersion: draft.version, idempotencyKey: intention() };
    await apolloOfDelegate.mutate({ mutation: SubmitOrderDocument, variables: { input: submit } });

    // It arrives, and is approved as it was seen.
    const came = await atManager.first(({ item }) => item?.order?.id === id, 'the order at the regional manager');
    const approve = { id, decision: 'APPROVE', expectedVersion: came.item!.version, idempotencyKey: intention() } as const;
    const decided = await urqlOfManager.mutation(ValidateOrderDocument, { input: approve });
    assert.deepEqual(decided.data!.validateOrder.userErrors, []);

    // It leaves one queue and is in the next.
    await atManager.first(({ change, itemId }) => change === 'REMOVED' && itemId === came.itemId, 'an empty place');
    const next = await atPromotion.first(({ data }) => data?.workQueueChanged.item?.order?.id === id, 'the order at the sales promotion');
    assert.equal(next.data!.workQueueChanged.item!.kind, 'PDV_VALIDATION');

    // The delegate's screen shows where it stands, without having asked.
    const card = () => apolloOfDelegate.readFragment({ id: `Order:${id}`, fragment: OrderCardFragmentDoc, fragmentName: 'OrderCard' });
    await until(() => card()?.status === 'PENDING_PDV', 'the status on the screen of the delegate');

    // A retry of each click changes nothing more, and has the answer of the first.
    const again = await urqlOfManager.mutation(ValidateOrderDocument, { input: approve });
    assert.deepEqual(again.data!.validateOrder, decided.data!.validateOrder);
    const resubmitted = await apolloOfDelegate.mutate({ mutation: SubmitOrderDocument, variables: { input: submit } });
    assert.deepEqual(resubmitted.data!.submitOrder.userErrors, []);
    assert.equal(card()?.version, decided.data!.validateOrder.order!.version);
  });
});
