// The tools of a front-end team, on schema.graphql: what they complain about is a fault of the schema.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { ESLint } from 'eslint';

import { PATIENCE } from './support/patience';
import { ORIGIN, signIn } from './support/server';

/** Findings of a rule without options that this schema is right about. */
const ACCEPTED = [
  // A `Deputy` is a mandate; `deputy` is the one person of its two who stands in for the other.
  'no-typename-prefix: Field "deputy" starts with the name of the parent type "Deputy"',
  // The specification's word (O-7); `type` alone would be a keyword in most clients' languages.
  'no-typename-prefix: Field "challengeType" starts with the name of the parent type "Challenge"',
  // An account has contact points, too, under the same name.
  'no-typename-prefix: Field "contactPoints" starts with the name of the parent type "Contact"',
];

const INSPECTOR = '.bin/graphql-inspector';
const CODEGEN = '.bin/graphql-codegen';
const RELAY = 'relay-compiler/cli.js';

/** Runs a tool of node_modules, by its file: two packages have a command called relay-compiler. */
async function tool(file: string, args: string[], cwd = '.', env = {}): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [resolve('node_modules', file), ...args], { cwd, env: { ...process.env, NO_COLOR: '1', ...env }, timeout: 3 * PATIENCE });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, said };
}

/** What the linter finds in a text of this name. */
async function lint(name: string, text: string): Promise<string[]> {
  const [result] = await new ESLint().lintText(text, { filePath: name });
  return result!.messages.map(({ ruleId, message }) => `${ruleId?.replace('@graphql-eslint/', '')}: ${message.split('\n')[0]}`);
}

describe('tools', { timeout: 300_000 }, () => {
  const schema = readFileSync('schema.graphql', 'utf8');
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sesame-tools-'));
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  describe('graphql-eslint', () => {
    it('finds nothing in the schema that is not meant so', async () => {
      assert.deepEqual((await lint('schema.graphql', schema)).sort(), [...ACCEPTED].sort());
    });

    it('would find what is wrong', async () => {
      const faults: [string, string, RegExp][] = [
        ['pageInfo: PageInfo!', 'pageInfo: PageInfo', /^relay-connection-types: /],
        ['hasNextPage: Boolean!', 'hasNextPage: Boolean', /^relay-page-info: /],
        ['\tnode: Order!', '\tnode: [Order!]!', /^relay-edge-types: /],
        ['type Order implements Node {', 'type order_thing { "It." a: Int }\ntype Order implements Node {', /^naming-convention: /],
        ['type Order implements Node {', 'type Nowhere { "It." a: Int }\ntype Order implements Node {', /^no-unreachable-types: /],
        ['\t\t"""\n\t\tGlobal ids, at most 100.\n\t\t"""\n', '', /^require-description: /],
        ['\tsubject: String!', '\tsubject: String! @deprecated(reason: "")', /^require-deprecation-/],
      ];
      for (const [from, to, rule] of faults) {
        assert.ok(schema.includes(from), from);
        const found = (await lint('schema.graphql', schema.replace(from, to))).filter((finding) => !ACCEPTED.includes(finding));
        assert.ok(found.some((finding) => rule.test(finding)), `${to}: ${found.join('; ')}`);
      }
    });

    it('finds nothing in the documents', async () => {
      const results = await new ESLint().lintFiles(['src/operations/*.graphql']);
      assert.deepEqual(results.flatMap(({ messages }) => messages.map(({ message }) => message)), []);
      assert.equal(results.length, 2);
    });
  });

  describe('graphql-inspector', () => {
    it('validates the documents', async () => {
      const { code, said } = await tool(INSPECTOR, ['validate', 'src/operations/*.graphql', 'schema.graphql']);
      assert.equal(code, 0, said);
      const without = join(folder, 'without.graphql');
      writeFileSync(without, schema.replaceAll('\tstatusLabel: String!', '\tlabelOfStatus: String!'));
      const refused = await tool(INSPECTOR, ['validate', 'src/operations/*.graphql', without]);
      assert.notEqual(refused.code, 0);
      assert.match(refused.said, /statusLabel/);
    });

    it('sees no break with the last release', async (t) => {
      const before = process.env['SESAME_BASELINE'] ?? '';
      if (!before) return t.skip('no earlier schema.graphql here');
      const { code, said } = await tool(INSPECTOR, ['diff', before, 'schema.graphql', '--rule', 'suppressRemovalOfDeprecatedField']);
      const isReleased = process.env['SESAME_RELEASE'] !== '';
      t.diagnostic(`against ${process.env['SESAME_RELEASE'] || 'the last commit, as nothing is released yet'}`);
      if (isReleased) return assert.equal(code, 0, said);
      for (const line of said.split('\n').filter((line) => line.includes('[log] ✖'))) t.diagnostic(line);
    });

    it('would see one, but for what was deprecated', async () => {
      const later = join(folder, 'later.graphql');
      writeFileSync(later, schema.replaceAll('\tstatusLabel: String!', '\tlabelOfStatus: String!'));
      const { code, said } = await tool(INSPECTOR, ['diff', 'schema.graphql', later]);
      assert.equal(code, 1, said);
      assert.match(said, /Field (')?statusLabel(')? .*was removed/);
      const announced = join(folder, 'announced.graphql');
      writeFileSync(announced, schema.replaceAll('\tstatusLabel: String!', '\tstatusLabel: String! @deprecated(reason: "Until 2027-01-01")'));
      const allowed = await tool(INSPECTOR, ['diff', announced, later, '--rule', 'suppressRemovalOfDeprecatedField']);
      assert.equal(allowed.code, 0, allowed.said);
    });
  });

  describe('relay-compiler', () => {
    it('refuses what the schema has not', async () => {
      for (const part of ['src', 'relay.config.json', 'schema.graphql']) cpSync(part, join(folder, part), { recursive: true });
      const file = join(folder, 'src/relay/orders.ts');
      const good = await tool(RELAY, ['--validate', 'relay.config.json'], folder);
      assert.equal(good.code, 0, good.said);
      writeFileSync(file, readFileSync(file, 'utf8').replace('    subject\n', '    sujet\n'));
      const { code, said } = await tool(RELAY, ['relay.config.json'], folder);
      assert.notEqual(code, 0);
      assert.match(said, /sujet/);
    });
  });

  describe('graphql-codegen', () => {
    it('makes types from the schema of a role, and refuses what that role has not', async () => {
      for (const part of ['src', 'codegen.role.ts']) cpSync(part, join(folder, part), { recursive: true });
      const token = await (await signIn('delegate')).token();
      const generate = (documents: string) =>
        tool(CODEGEN, ['--config', 'codegen.role.ts'], folder, { SESAME_ORIGIN: ORIGIN, SESAME_TOKEN: token, SESAME_DOCUMENTS: documents });
      const orders = await generate('src/operations/orders.graphql');
      assert.equal(orders.code, 0, orders.said);
      const types = readFileSync(join(folder, 'src/generated/delegate.ts'), 'utf8');
      assert.match(types, /export type SubmitOrderMutation /);
      const queue = await generate('src/operations/*.graphql');
      assert.notEqual(queue.code, 0);
      assert.match(queue.said, /ValidateOrderInput|validateOrder/);
    });
  });
});
