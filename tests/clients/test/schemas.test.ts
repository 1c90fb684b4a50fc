// Each role's schema, as a client sees it: by introspection, and as text.

import './support/browser';

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';

import {
  buildClientSchema,
  buildSchema,
  type DocumentNode,
  getIntrospectionQuery,
  getNamedType,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  type IntrospectionQuery,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredInputField,
  isSpecifiedScalarType,
  Kind,
  lexicographicSortSchema,
  print,
  printSchema,
  typeFromAST,
  validate,
  validateSchema,
} from 'graphql';

import * as operations from '../src/generated/operations';
import { type Session, signed } from '../src/session';
import { ACCOUNTS, type Account, ORIGIN, signIn } from './support/server';
import { send } from './support/world';

const INTROSPECTION = getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, inputValueDeprecation: true, oneOf: true });

/** Everything that has a name: types, fields, arguments, values. */
function names(schema: GraphQLSchema): Set<string> {
  const found = new Set<string>();
  for (const type of Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))) {
    found.add(type.name);
    if (isEnumType(type)) type.getValues().forEach(({ name }) => found.add(`${type.name}.${name}`));
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        found.add(`${type.name}.${field.name}`);
        field.args.forEach(({ name }) => found.add(`${type.name}.${field.name}(${name})`));
      }
    }
    if (isInputObjectType(type)) Object.keys(type.getFields()).forEach((name) => found.add(`${type.name}.${name}`));
  }
  return found;
}

/** Every type that the roots lead to. */
function reached(schema: GraphQLSchema): Set<string> {
  const found = new Set<string>();
  const visit = (type: GraphQLNamedType) => {
    if (found.has(type.name)) return;
    found.add(type.name);
    if (isObjectType(type) || isInterfaceType(type)) {
      type.getInterfaces().forEach(visit);
      for (const { type: answer, args } of Object.values(type.getFields())) {
        [answer, ...args.map(({ type: given }) => given)].forEach((each) => visit(getNamedType(each)));
      }
    }
    if (isAbstractType(type)) schema.getPossibleTypes(type).forEach(visit);
    if (isInputObjectType(type)) Object.values(type.getFields()).forEach((field) => visit(getNamedType(field.type)));
  };
  [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].forEach((root) => root && visit(root));
  return found;
}

/** Something that a variable accepts, and with which nothing happens. */
function sample(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return sample(type.ofType);
  if (isListType(type)) return [];
  if (isEnumType(type)) return type.getValues()[0]!.name;
  if (!isInputObjectType(type)) return { ID: 'T3JkZXI6MA', Int: 1, Boolean: true, String: 'x' }[type.name] ?? '1.00';
  const needed = Object.values(type.getFields()).filter((field) => isRequiredInputField(field) || field.name === 'dryRun');
  return Object.fromEntries(needed.map((field) => [field.name, sample(field.type)]));
}

/** Variables for the operation of a document. */
function variables(schema: GraphQLSchema, document: DocumentNode): Record<string, unknown> {
  const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION)!;
  const needed = (operation.variableDefinitions ?? []).filter(({ type }) => type.kind === Kind.NON_NULL_TYPE);
  return Object.fromEntries(needed.map(({ variable, type }) => [variable.name.value, sample(typeFromAST(schema, type) as never)]));
}

/** What can be asked for. */
function roots(schema: GraphQLSchema): string[] {
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  return types.flatMap((type) => Object.keys(type?.getFields() ?? {}));
}

const documents = Object.entries(operations).filter(([name]) => name.endsWith('Document')) as [string, DocumentNode][];

const sorted = (schema: GraphQLSchema) => printSchema(lexicographicSortSchema(schema));

describe('schemas', { timeout: 180_000 }, () => {
  const whole = buildSchema(readFileSync('schema.graphql', 'utf8'));
  const everything = names(whole);
  const sessions = new Map<Account, Session>();
  const schemas = new Map<Account, GraphQLSchema>();

  before(async () => {
    for (const account of ACCOUNTS) {
      const session = await signIn(account);
      const { data, errors } = await send<IntrospectionQuery>(session, INTROSPECTION);
      assert.equal(errors, undefined);
      sessions.set(account, session);
      schemas.set(account, buildClientSchema(data));
    }
  });

  for (const account of ACCOUNTS) {
    describe(account, () => {
      it('is a sound schema', () => {
        assert.deepEqual(validateSchema(schemas.get(account)!), []);
      });

      it('is the same as text', async () => {
        const response = await signed(sessions.get(account)!)(`${ORIGIN}/schema.graphql`);
        const text = buildSchema(await response.text());
        assert.deepEqual(validateSchema(text), []);
        const [told, printed] = [schemas.get(account)!, text].map((schema) => sorted(schema).split('\n'));
        const lines = new Set(printed);
        assert.deepEqual(told!.filter((line) => !lines.has(line)), [], 'only introspection says so');
        assert.deepEqual(printed, told);
      });

      it('has no name of its own', () => {
        const foreign = [...names(schemas.get(account)!)].filter((name) => !everything.has(name));
        assert.deepEqual(foreign, [], 'each is part of schema.graphql');
      });

      it('has nothing that its roots do not lead to', () => {
        const schema = schemas.get(account)!;
        const lead = reached(schema);
        const known = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));
        assert.deepEqual(known.map(({ name }) => name).filter((name) => !lead.has(name)), []);
        const mine = new Set(roots(schema));
        for (const field of roots(whole).filter((name) => !mine.has(name))) {
          const pascal = field[0]!.toUpperCase() + field.slice(1);
          const own = [`${pascal}Payload`, `${pascal}Error`, `${pascal}ErrorCode`];
          assert.deepEqual(own.filter((name) => schema.getType(name)), [], `${field} is somebody else's`);
        }
      });

      it('is what the server goes by', async () => {
        // graphql-js and the server agree, document by document, on what this person may ask.
        const session = sessions.get(account)!;
        const known: string[] = [];
        for (const [name, document] of documents.filter(([, document]) => !print(document).includes('subscription '))) {
          const sound = validate(schemas.get(account)!, document).length === 0;
          const { errors } = await send(session, print(document), variables(whole, document));
          const unknown = errors?.some(({ message }) => /^Unknown (field|type|argument)/.test(message)) ?? false;
          assert.equal(sound, !unknown, `${name}: ${errors?.[0]?.message}`);
          if (sound) known.push(name);
        }
        assert.ok(known.includes('MeDocument'));
        assert.equal(known.includes('ValidateOrderDocument'), ['rr', 'rr2', 'pdv'].includes(account));
        assert.equal(known.includes('SubmitOrderDocument'), /^(delegate|assistant)/.test(account));
      });
    });
  }

  it('differ as the roles do', () => {
    const of = (account: Account) => roots(schemas.get(account)!);
    assert.ok(!of('platform-admin').some((name) => ['orders', 'accounts', 'budgets', 'workQueue'].includes(name)));
    assert.equal(schemas.get('platform-admin')!.getType('Order'), undefined);
    assert.deepEqual(of('delegate'), of('delegate3'));
    assert.notDeepEqual(of('delegate'), of('assistant'));
  });

  it('are next to nothing without a token', async () => {
    const ask = async (query: string) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${ORIGIN}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
      return response.json() as Promise<{ data?: IntrospectionQuery; errors?: { extensions: { code: string } }[] }>;
    };
    const { data } = await ask(INTROSPECTION);
    if (data) {
      const schema = buildClientSchema(data);
      assert.deepEqual(roots(schema).filter((name) => !['signIn', 'refreshSession'].includes(name)), []);
    }
    const { errors } = await ask('{ viewer { user { id } } }');
    assert.equal(errors?.[0]?.extensions.code, 'UNAUTHENTICATED');
  });
});
