// graphql-ws: the socket itself, its tokens, and coming back.

import './support/browser';

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { print } from 'graphql';
import { CloseCode, createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { MeDocument, QueueChangedDocument, QueueDocument, ValidateOrderDocument } from '../src/generated/operations';
import { Session } from '../src/session';
import { renew, sockets } from '../src/sockets';
import { Heard, soon, until } from './support/patience';
import { ORIGIN, Server, signIn } from './support/server';
import { ask, submitted } from './support/world';

const ADDRESS = `${ORIGIN.replace(/^http/, 'ws')}/graphql/ws`;
const ME = { query: print(MeDocument) };
const FOLLOW = print(QueueChangedDocument);

/** What of an event counts here. */
type Event = { data?: { workQueueChanged: { cursor: string; change: string; item: { order: { id: string } | null } | null } } | null };

const of = (id: string) => ({ data }: Event) => data?.workQueueChanged.item?.order?.id === id;
const orders = (heard: Heard<Event>) => heard.all.map(({ data }) => data?.workQueueChanged.item?.order?.id).filter((id) => id);

/** Where the queue of somebody stands. */
async function cursor(session: Session): Promise<string> {
  return (await ask(session, QueueDocument, { first: 1 })).workQueue.liveCursor;
}

/** Soon, instead of after the usual pause of seconds. */
const atOnce = { retryWait: () => new Promise<void>((resolve) => setTimeout(resolve, 50)), retryAttempts: 200 };

describe('graphql-ws', { timeout: 180_000 }, () => {
  let delegate: Session;
  let manager: Session;

  before(async () => {
    delegate = await signIn('delegate');
    manager = await signIn('rr');
  });

  it('answers queries and mutations as HTTP does', async () => {
    const client = sockets(manager);
    const answer = new Heard<any>();
    client.subscribe(ME, answer.sink);
    await answer.end('the end of a query');
    assert.deepEqual(answer.all.map(({ data }) => data.viewer.roles[0].code), ['RR']);

    const order = await submitted(delegate);
    const decision = new Heard<any>();
    const variables = { input: { id: order.id, decision: 'APPROVE', expectedVersion: order.version } };
    client.subscribe({ query: print(ValidateOrderDocument), variables }, decision.sink);
    await decision.end('the end of a mutation');
    assert.equal(decision.all[0].data.validateOrder.order.status, 'PENDING_PDV');
    await client.dispose();
  });

  it('refuses an operation that is wrong with an error, and goes on', async () => {
    const client = sockets(delegate);
    const wrong = new Heard<any>();
    client.subscribe({ query: '{ viewer { nobody } }' }, wrong.sink);
    const errors = (await wrong.failure('an unknown field')) as { extensions: { code: string } }[];
    assert.equal(errors[0]?.extensions.code, 'BAD_USER_INPUT');
    const answer = new Heard<any>();
    client.subscribe(ME, answer.sink);
    await answer.end('a query behind it');
    await client.dispose();
  });

  it('closes with 4403 on a token that proves nothing, and on none', async () => {
    for (const connectionParams of [{ authorization: 'Bearer wrong' }, { authorization: '' }, undefined]) {
      const client = createClient({ url: ADDRESS, connectionParams, retryAttempts: 0 });
      const heard = new Heard<any>();
      client.subscribe(ME, heard.sink);
      const failure = (await heard.failure('a refusal')) as { code: number; reason: string };
      assert.equal(failure.code, CloseCode.Forbidden);
      assert.match(failure.reason, /^Forbidden: /);
    }
  });

  it('closes with 4401 on whoever asks before signing in', async () => {
    const socket = new WebSocket(ADDRESS, 'graphql-transport-ws');
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    socket.once('open', () => socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: ME })));
    assert.equal(await soon(closed, 'the end of the socket'), CloseCode.Unauthorized);
  });

  it('answers pings, and pings are sent', async () => {
    const pongs: number[] = [];
    let sent = 0;
    let active!: WebSocket;
    const client = sockets(manager, {
      keepAlive: 100,
      lazy: false,
      on: {
        connected: (socket) => void (active = socket as WebSocket),
        ping: (received) => void (received || (sent = Date.now())),
        pong: (received) => void (received && pongs.push(Date.now() - sent)),
      },
    });
    await until(() => pongs.length >= 3, 'three pongs');
    assert.ok(Math.min(...pongs) < 1_000);
    assert.equal(active.readyState, WebSocket.OPEN);
    await client.dispose();
  });

  it('misses nothing and hears nothing twice when the line is cut', async () => {
    let line: WebSocket | undefined;
    let times = 0;
    const client = sockets(manager, { ...atOnce, on: { connected: (socket) => void ((line = socket as WebSocket), (times += 1)) } });
    const heard = new Heard<Event>();
    client.subscribe({ query: FOLLOW, variables: { after: await cursor(manager) } }, heard.sink);
    const before = await submitted(delegate);
    await heard.first(of(before.id), 'an order before the cut');

    line!.terminate();
    const meanwhile = await submitted(delegate);
    await heard.first(of(meanwhile.id), 'an order during the cut');
    await until(() => times === 2, 'a second connection');
    const behind = await submitted(delegate);
    await heard.first(of(behind.id), 'an order after the cut');
    assert.deepEqual(orders(heard), [before.id, meanwhile.id, behind.id]);
    await client.dispose();
  });

  it('without the cursor, what happened meanwhile would be lost', async () => {
    // What resuming() is for: the same client without it does not hear of what happened while it was away.
    let line: WebSocket | undefined;
    const client = createClient({
      url: ADDRESS,
      connectionParams: async () => ({ authorization: `Bearer ${await manager.token()}` }),
      ...atOnce,
      retryWait: () => away,
      shouldRetry: () => true,
      on: { connected: (socket) => void (line = socket as WebSocket) },
    });
    let back!: () => void;
    const away = new Promise<void>((resolve) => (back = resolve));
    const plain = new Heard<Event>();
    client.subscribe({ query: FOLLOW }, plain.sink);
    await until(async () => {
      await submitted(delegate);
      return plain.all.length > 0;
    }, 'a first event');
    line!.terminate();
    const missed = await submitted(delegate);
    back();
    await until(async () => {
      const later = await submitted(delegate);
      await new Promise((resolve) => setTimeout(resolve, 100));
      return plain.all.some(of(later.id));
    }, 'an event after the cut');
    assert.ok(!plain.all.some(of(missed.id)));
    await client.dispose();
  });

  describe('with tokens that live six seconds', () => {
    let server: Server;
    let owner: Session;
    const short = { SESAME_ACCESS_TOKEN_SECONDS: '6' };

    before(async () => {
      server = await Server.start(short);
      owner = await signIn('delegate', server.origin);
    });
    after(() => server.remove());

    it('keeps a socket open whose token is renewed in place', async () => {
      const session = await signIn('rr', server.origin);
      let active: WebSocket | undefined;
      const closes: unknown[] = [];
      const holds: string[] = [];
      const client = sockets(session, {
        lazy: false,
        on: {
          connected: (socket) => void (active = socket as WebSocket),
          closed: (event) => void closes.push(event),
          pong: (_received, payload) => void (payload?.['expiresAt'] && holds.push(String(payload['expiresAt']))),
        },
      });
      const heard = new Heard<Event>();
      client.subscribe({ query: FOLLOW, variables: { after: await cursor(session) } }, heard.sink);
      await until(() => active !== undefined, 'a connection');
      const begun = Date.now();
      while (Date.now() - begun < 8_000) {
        await renew(active!, session);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
      assert.deepEqual(closes, [], 'it has outlived its first token');
      assert.ok(new Set(holds).size >= 2, 'each pong says until when');
      const order = await submitted(owner);
      await heard.first(of(order.id), 'an order on the old socket');
      await client.dispose();
    });

    it('comes back by itself when a token runs out, with another one, and goes on where it was', async () => {
      const session = await signIn('rr', server.origin);
      const codes: number[] = [];
      let times = 0;
      const client = sockets(session, {
        ...atOnce,
        on: { connected: () => void (times += 1), closed: (event) => void codes.push((event as { code: number }).code) },
      });
      const heard = new Heard<Event>();
      client.subscribe({ query: FOLLOW, variables: { after: await cursor(session) } }, heard.sink);
      const ids: string[] = [];
      while (times < 3) {
        ids.push((await submitted(owner)).id);
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.ok(ids.length < 120, 'the token never ran out');
      }
      await heard.first(of(ids.at(-1)!), 'the last order');
      assert.deepEqual(new Set(codes), new Set([CloseCode.Forbidden]));
      assert.deepEqual(orders(heard), ids);
      await client.dispose();
    });

    it('goes on behind a server that was restarted, and behind one that was killed', async () => {
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const session = await signIn('rr', server.origin);
        const codes: number[] = [];
        const client = sockets(session, {
          ...atOnce,
          shouldRetry: () => true,
          on: { closed: (event) => void codes.push((event as { code: number }).code) },
        });
        const heard = new Heard<Event>();
        client.subscribe({ query: FOLLOW, variables: { after: await cursor(session) } }, heard.sink);
        const first = await submitted(owner);
        await heard.first(of(first.id), 'an order before');
        await server.stop(signal);
        await until(() => codes.length > 0, 'a closed socket');
        assert.equal(codes[0], signal === 'SIGTERM' ? 1001 : 1006);
        await server.resume();
        const second = await submitted(owner);
        await heard.first(of(second.id), 'an order after');
        assert.deepEqual(orders(heard), [first.id, second.id]);
        await client.dispose();
      }
    });
  });
});
