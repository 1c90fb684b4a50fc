// Relay, without React: its store, its network, pagination, refetching by id.

import './support/browser';

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Client as Sockets } from 'graphql-ws';
import {
  commitMutation,
  createOperationDescriptor,
  type Environment,
  fetchQuery,
  getFragment,
  getRequest,
  getSingularSelector,
  type GraphQLTaggedNode,
  type MutationParameters,
  requestSubscription,
  type SingularReaderSelector,
} from 'relay-runtime';

import { UpdateOrderDocument } from '../src/generated/operations';
import { intention, outcome } from '../src/orders';
import ordersCardQuery from '../src/relay/__generated__/ordersCardQuery.graphql';
import ordersNextPageQuery from '../src/relay/__generated__/ordersNextPageQuery.graphql';
import type { ordersCreateMutation } from '../src/relay/__generated__/ordersCreateMutation.graphql';
import type { ordersScreenQuery } from '../src/relay/__generated__/ordersScreenQuery.graphql';
import type { ordersSeveralQuery } from '../src/relay/__generated__/ordersSeveralQuery.graphql';
import type { orders_card$data } from '../src/relay/__generated__/orders_card.graphql';
import type { orders_list$data } from '../src/relay/__generated__/orders_list.graphql';
import { environment } from '../src/relay/environment';
import { card, changes, create, list, screen, several, submit } from '../src/relay/orders';
import type { Session } from '../src/session';
import { sockets } from '../src/sockets';
import { Heard, soon, until } from './support/patience';
import { signIn } from './support/server';
import { anOrder, ask, draft, shop } from './support/world';

describe('Relay', { timeout: 120_000 }, () => {
  let session: Session;
  let live: Sockets;
  let relay: Environment;
  const { warn, error } = console;
  const complaints: unknown[][] = [];

  before(async () => {
    session = await signIn('delegate');
    live = sockets(session);
    relay = environment(session, live);
    // Relay complains about records that do not fit: two types under one id, missing ids, …
    console.warn = console.error = (...words) => void complaints.push(words);
  });
  after(() => {
    Object.assign(console, { warn, error });
    return live.dispose();
  });

  /** What a fragment shows at this moment. */
  function look<T>(fragment: GraphQLTaggedNode, of: unknown): T {
    const selector = getSingularSelector(getFragment(fragment), of as never) as SingularReaderSelector;
    return relay.lookup(selector).data as T;
  }

  /** Opens the screen, and keeps it in the store. */
  async function open(variables: ordersScreenQuery['variables']) {
    const operation = createOperationDescriptor(getRequest(screen), variables);
    relay.retain(operation);
    await soon(relay.execute({ operation }).toPromise(), 'the screen');
    return relay.lookup(operation.fragment).data as ordersScreenQuery['response'];
  }

  const cards = (shown: orders_list$data) => shown.orders.edges.map(({ node }) => look<orders_card$data>(card, node));

  async function commit<M extends MutationParameters>(mutation: GraphQLTaggedNode, variables: M['variables']) {
    const done = new Promise<M['response']>((onCompleted, onError) =>
      commitMutation<M>(relay, { mutation, variables, onCompleted, onError }),
    );
    return soon(done, 'a mutation');
  }

  it('gets page after page into one list, whatever is added meanwhile', async () => {
    for (let many = 0; many < 5; many += 1) await draft(session, 'Kermesse');
    const filter = { text: 'Kermesse' };
    const data = await open({ first: 2, filter });
    let shown = look<orders_list$data>(list, data);
    const total = shown.orders.totalCount!;
    await draft(session, 'Kermesse');
    while (shown.orders.pageInfo.hasNextPage) {
      const page = { first: 2, after: shown.orders.pageInfo.endCursor, filter };
      await fetchQuery(relay, ordersNextPageQuery, page).toPromise();
      shown = look(list, data);
    }
    const ids = cards(shown).map(({ id }) => id);
    assert.deepEqual([ids.length, new Set(ids).size], [total, total]);
  });

  it('gets an object again by its id, and every list shows it', async () => {
    const subject = `Semaine ${intention()}`;
    const { id, version } = await draft(session, subject);
    const data = await open({ first: 5, filter: { text: subject } });
    assert.deepEqual(cards(look(list, data)).map(({ status }) => status), ['DRAFT']);
    const elsewhere = environment(session, live);
    const submitted = new Promise((onCompleted, onError) =>
      commitMutation(elsewhere, { mutation: submit, variables: { input: { id, expectedVersion: version } }, onCompleted, onError }),
    );
    await soon(submitted, 'the submission');
    await fetchQuery(relay, ordersCardQuery, { id }, { fetchPolicy: 'network-only' }).toPromise();
    assert.deepEqual(cards(look(list, data)).map(({ status }) => status), ['PENDING_RR']);
  });

  it('puts a new draft on top of the list', async () => {
    const subject = `Foire ${intention()}`;
    const data = await open({ first: 5, filter: { text: subject } });
    const lists = [look<orders_list$data>(list, data).orders.__id];
    const input = { ...(await anOrder(session, subject)), idempotencyKey: intention() };
    const { createOrder } = await commit<ordersCreateMutation>(create, { input, lists } as never);
    const made = outcome(createOrder.order, createOrder.userErrors as never);
    assert.equal(made.kind, 'done');
    assert.deepEqual(cards(look(list, data)).map((shown) => shown.subject), [subject]);
  });

  it('gets objects of several kinds at once, in their order, and none for what one may not read', async () => {
    const { id } = await draft(session);
    const { brokers } = await shop(session);
    const foreign = await draft(await signIn('delegate3'));
    const ids = [brokers[0]!, id, foreign.id];
    const found = await fetchQuery<ordersSeveralQuery>(relay, several, { ids }).toPromise();
    assert.deepEqual(found!.nodes.map((node) => node?.__typename), ['Account', 'Order', undefined]);
  });

  it('follows an order, and its card with it', async () => {
    const order = await draft(session);
    const { id } = order;
    let { version } = order;
    const heard = new Heard<any>();
    const following = requestSubscription(relay, { subscription: changes, variables: { id }, onNext: heard.sink.next, onError: heard.sink.error });
    try {
      await until(async () => {
        const input = { id, expectedVersion: version, subject: `Salon ${version}` };
        version = (await ask(session, UpdateOrderDocument, { input })).updateOrder.order!.version;
        return heard.all.length > 0;
      }, 'a change of the title');
      await commit(submit, { input: { id, expectedVersion: version } });
      await heard.first(({ orderChanged }) => orderChanged.kind === 'order.submitted', 'the submission');
      const last = heard.all.at(-1).orderChanged.order;
      assert.equal(look<orders_card$data>(card, last).status, 'PENDING_RR');
    } finally {
      following.dispose();
    }
  });

  it('finds every record where it expects it', () => {
    assert.deepEqual(complaints, []);
  });
});
