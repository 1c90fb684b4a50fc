// Documents by id: what a build of the client collected, and what clients register by themselves.

import './support/browser';

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';

import { MeDocument } from '../src/generated/operations';
import { type Session, signed } from '../src/session';
import { Server, signIn } from './support/server';
import { draft } from './support/world';

describe('documents by id', { timeout: 120_000 }, () => {
  let server: Server;
  let session: Session;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sesame-documents-'));
    server = await Server.start({ SESAME_AUTOMATIC_PERSISTED_QUERIES: 'true' });
    session = await signIn('delegate', server.origin);
  });
  after(async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const post = async (body: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await signed(session)(`${server.origin}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
    return (await response.json()) as { data?: any; errors?: { extensions: { code: string } }[] };
  };

  it('are those that relay-compiler wrote down, once they are published', async () => {
    for (const part of ['src', 'relay.persisted.json', 'schema.graphql']) cpSync(part, join(folder, part), { recursive: true });
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'operations.json'), '{}');
    execFileSync(process.execPath, ['node_modules/relay-compiler/cli.js', 'relay.persisted.json'], { cwd: folder, stdio: 'pipe' });
    const written = JSON.parse(readFileSync(join(folder, 'operations.json'), 'utf8')) as Record<string, string>;
    const [documentId] = Object.entries(written).find(([, text]) => text.startsWith('query ordersCardQuery'))!;
    const { id } = await draft(session);

    const before = await post({ documentId, variables: { id } });
    assert.equal(before.data, undefined);
    const said = server.command('operations', 'publish', join(folder, 'operations.json'), '--client', 'desk', '--version', '1');
    assert.match(said, new RegExp(`${Object.keys(written).length} operations added`));
    const { data, errors } = await post({ documentId, variables: { id } });
    assert.equal(errors, undefined);
    assert.equal(data.node.id, id);
  });

  it('are those that Apollo registers by their hash', async () => {
    const bodies: any[] = [];
    const send = signed(session);
    const watching: typeof fetch = (input, init) => {
      bodies.push(JSON.parse(String(init?.body)));
      return send(input, init);
    };
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const ask = () => {
      const link = new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri: `${server.origin}/graphql`, fetch: watching }));
      return new ApolloClient({ link, cache: new InMemoryCache() }).query({ query: MeDocument });
    };
    assert.equal((await ask()).data?.viewer.roles[0]?.code, 'DELEGATE');
    assert.deepEqual(bodies.map(({ query }) => Boolean(query)), [false, true], 'the hash first, then the document with it');
    assert.equal((await ask()).data?.viewer.roles[0]?.code, 'DELEGATE');
    assert.deepEqual(bodies.map(({ query }) => Boolean(query)), [false, true, false], 'and the hash alone from then on');
  });
});
