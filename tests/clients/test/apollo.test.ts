// Apollo Client: a delegate's screens.

import './support/browser';

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { gql } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import type { Client as Sockets } from 'graphql-ws';

import { apollo } from '../src/apollo';
import {
  CreateOrderDocument,
  MeDocument,
  OrderCardFragmentDoc,
  OrderChangedDocument,
  OrderDocument,
  OrdersDocument,
  SubmitOrderDocument,
  UpdateOrderDocument,
} from '../src/generated/operations';
import { intention, outcome } from '../src/orders';
import { type Session, signed } from '../src/session';
import { sockets } from '../src/sockets';
import { Heard, until } from './support/patience';
import { ORIGIN, signIn } from './support/server';
import { anOrder, draft, submitted } from './support/world';

describe('Apollo Client', { timeout: 120_000 }, () => {
  let session: Session;
  let live: Sockets;

  before(async () => {
    session = await signIn('delegate');
    live = sockets(session);
  });
  after(() => live.dispose());

  it('tells who is signed in, and what they may do', async () => {
    const client = apollo(session, live);
    const { data } = await client.query({ query: MeDocument });
    assert.deepEqual(data?.viewer.roles.map(({ code }) => code), ['DELEGATE']);
    const may = data.viewer.permissions.map(({ name }) => name);
    assert.ok(may.includes('submitOrder'));
    assert.ok(!may.includes('validateOrder'));
  });

  it('drafts an order, shows what can be done with it, and submits it', async () => {
    const client = apollo(session, live);
    const created = await client.mutate({
      mutation: CreateOrderDocument,
      variables: { input: { ...(await anOrder(session)), idempotencyKey: intention() } },
    });
    const { order, userErrors } = created.data!.createOrder;
    assert.deepEqual(userErrors, []);

    const seen = await client.query({ query: OrderDocument, variables: { id: order!.id } });
    const submit = seen.data?.order?.availableActions.find(({ action }) => action === 'SUBMIT');
    assert.deepEqual([submit?.allowed, submit?.reasons], [true, []]);

    const { data } = await client.mutate({
      mutation: SubmitOrderDocument,
      variables: { input: { id: order!.id, expectedVersion: order!.version, idempotencyKey: intention() } },
    });
    const done = outcome(data!.submitOrder.order, data!.submitOrder.userErrors);
    assert.equal(done.kind, 'done');
    assert.match(data!.submitOrder.order!.number!, /^ACOR-2026-\d{6}$/);
    assert.deepEqual(data!.submitOrder.order!.rrReasons, ['ABOVE_THRESHOLD']);
  });

  it('shows every reason of a refusal, and the place in the form', async () => {
    const client = apollo(session, live);
    const { lines: _none, ...empty } = await anOrder(session);
    const created = await client.mutate({ mutation: CreateOrderDocument, variables: { input: empty } });
    const { id, version } = created.data!.createOrder.order!;
    const { data, error } = await client.mutate({
      mutation: SubmitOrderDocument,
      variables: { input: { id, expectedVersion: version } },
    });
    assert.equal(error, undefined, 'a refusal by a rule is an answer, not an error');
    const refused = outcome(data!.submitOrder.order, data!.submitOrder.userErrors);
    assert.ok(refused.kind === 'refused');
    assert.deepEqual(refused.reasons.map(({ code, field }) => [code, field]), [['NO_LINES', ['lines']]]);
    assert.equal(data!.submitOrder.order?.status, 'DRAFT', 'the payload has the order as it is');
  });

  it('knows an object by its id wherever it turns up', async () => {
    const client = apollo(session, live);
    const { id, version } = await draft(session, 'Vitrophanie');
    const variables = { first: 5, filter: { text: 'Vitrophanie' } };
    await client.query({ query: OrdersDocument, variables });
    await client.mutate({ mutation: SubmitOrderDocument, variables: { input: { id, expectedVersion: version } } });
    const list = client.readQuery({ query: OrdersDocument, variables });
    const card = list?.orders.edges.find(({ node }) => node.id === id)?.node;
    assert.equal(card?.status, 'PENDING_RR', 'the list shows it without being asked for again');
    assert.equal(client.cache.identify({ __typename: 'Order', id }), `Order:${id}`);
  });

  it('gets page after page, and loses none to those that come meanwhile', async () => {
    const client = apollo(session, live);
    for (let many = 0; many < 5; many += 1) await draft(session, 'Rallye');
    const variables = { first: 2, filter: { text: 'Rallye' } };
    const watched = client.watchQuery({ query: OrdersDocument, variables });
    let page = (await watched.refetch()).data!.orders;
    const total = page.totalCount!;
    // Somebody adds one on top of the list while it is being read: the cursors stay where they were.
    await draft(session, 'Rallye');
    while (page.pageInfo.hasNextPage) {
      const more = await watched.fetchMore({ variables: { after: page.pageInfo.endCursor } });
      page = more.data!.orders;
    }
    const ids = client.readQuery({ query: OrdersDocument, variables })!.orders.edges.map(({ node }) => node.id);
    assert.equal(ids.length, total);
    assert.equal(new Set(ids).size, total, 'and none twice');
  });

  it('hears what is wrong with a request by its code', async () => {
    const heard: string[] = [];
    const client = apollo(session, live, (code) => heard.push(code));
    const codeOf = async (request: Promise<unknown>) => {
      const failure = await request.then(() => undefined, (error: unknown) => error);
      assert.ok(CombinedGraphQLErrors.is(failure), String(failure));
      return failure.errors[0]!.extensions!['code'];
    };
    const misspelt = gql`query { viewer { nobody } }`;
    assert.equal(await codeOf(client.query({ query: misspelt })), 'BAD_USER_INPUT');
    // To a delegate, a regional manager's mutation does not exist: the same answer as to one that is misspelt.
    const foreign = gql`mutation { validateOrder(input: { id: "x", decision: APPROVE }) { order { id } } }`;
    assert.equal(await codeOf(client.mutate({ mutation: foreign })), 'BAD_USER_INPUT');
    const unseen = (await submitted(await signIn('delegate3'))).id;
    assert.equal(await codeOf(client.mutate({ mutation: SubmitOrderDocument, variables: { input: { id: unseen } } })), 'NOT_FOUND');
    const colleagues = (await draft(await signIn('delegate2'))).id;
    assert.equal(await codeOf(client.mutate({ mutation: SubmitOrderDocument, variables: { input: { id: colleagues } } })), 'FORBIDDEN');
    const nobody = { origin: ORIGIN, token: async () => 'wrong' } as unknown as Session;
    const stranger = apollo(nobody, live, (code) => heard.push(code));
    assert.equal(await codeOf(stranger.query({ query: MeDocument })), 'UNAUTHENTICATED');
    assert.deepEqual(heard, ['BAD_USER_INPUT', 'BAD_USER_INPUT', 'NOT_FOUND', 'FORBIDDEN', 'UNAUTHENTICATED']);
  });

  it('follows an order live, and its cache with it', async () => {
    const client = apollo(session, live);
    const order = await draft(session);
    const { id } = order;
    await client.query({ query: OrderDocument, variables: { id } });
    const heard = new Heard<any>();
    const following = client.subscribe({ query: OrderChangedDocument, variables: { id } }).subscribe(heard.sink);
    try {
      // A subscription begins some time after it is asked for: the title is changed until that is heard.
      let { version } = order;
      await until(async () => {
        const input = { id, expectedVersion: version, subject: `Salon ${version}` };
        const { data } = await client.mutate({ mutation: UpdateOrderDocument, variables: { input } });
        version = data!.updateOrder.order!.version;
        return heard.all.length > 0;
      }, 'a change of the title');
      await client.mutate({ mutation: SubmitOrderDocument, variables: { input: { id, expectedVersion: version } } });
      const event = await heard.first(({ data }) => data?.orderChanged.order.status === 'PENDING_RR', 'the submission');
      assert.equal(event.data.orderChanged.kind, 'order.submitted');
      const fragment = { fragment: OrderCardFragmentDoc, fragmentName: 'OrderCard', id: `Order:${id}` };
      assert.equal(client.readFragment(fragment)?.status, 'PENDING_RR');
    } finally {
      following.unsubscribe();
    }
  });

  it('asks again when an answer is lost, and nothing happens twice', async () => {
    const send = signed(session);
    let lost = 0;
    // The request arrives and is carried out; its answer never comes back.
    const tunnel: typeof fetch = async (input, init) => {
      const response = await send(input, init);
      if (String(init?.body).includes('CreateOrder') && lost++ < 2) throw new TypeError('the train is in a tunnel');
      return response;
    };
    const client = apollo(session, live, undefined, tunnel);
    const subject = `Tunnel ${intention()}`;
    const input = { ...(await anOrder(session, subject)), idempotencyKey: intention() };
    const { data } = await client.mutate({ mutation: CreateOrderDocument, variables: { input } });
    assert.equal(lost, 3);
    const { data: found } = await client.query({ query: OrdersDocument, variables: { first: 10, filter: { text: subject } } });
    assert.deepEqual(found?.orders.edges.map(({ node }) => node.id), [data!.createOrder.order!.id]);

    const other = { ...input, subject: 'Another' };
    const refused = await client.mutate({ mutation: CreateOrderDocument, variables: { input: other } });
    assert.deepEqual(refused.data!.createOrder.userErrors.map(({ code }) => code), ['IDEMPOTENCY_MISMATCH']);
  });
});
