// The schema by graphql-eslint's rules for schemas and for Relay, and the documents by its rules for operations.

import { readFileSync } from 'node:fs';

import graphql from '@graphql-eslint/eslint-plugin';
import { buildSchema, getNamedType, isObjectType } from 'graphql';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
const objects = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.name.startsWith('__'));

// An id is for what is one thing wherever it turns up: that is what connections list, a report's figures and what an
// explanation tells of somebody aside; a policy is known by its version. Pages, payloads, refusals and parts of an
// object are known by where they stand.
const figures = ['PersonAccess', 'PersonAccessChange', 'Policy', 'SlippedDate', 'WaterfallRow'];
const listed = objects.filter(({ name }) => name.endsWith('Edge')).map((edge) => getNamedType(edge.getFields().node.type).name);
const parts = objects.map(({ name }) => name).filter((name) => !listed.includes(name) || figures.includes(name));

// One configuration for both: the plugin reads the first that it meets.
const languageOptions = {
  parser: graphql.parser,
  parserOptions: { graphQLConfig: { schema: 'schema.graphql', documents: 'src/operations/*.graphql' } },
};

export default [
  {
    files: ['schema.graphql'],
    languageOptions,
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      '@graphql-eslint/strict-id-in-types': ['error', { exceptions: { types: parts } }],
      // A list of user errors, of lines or of reasons is no page of a connection; and `nodes` stands beside `edges`.
      // A report's figures and the entries of a ledger are never asked for by themselves: Relay's own specification
      // wants no Node there.
      '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
      // Not only types and root fields: everything that has a name says what it is (G-19), but the arguments of
      // GraphQL's own directives.
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          ignoredSelectors: ['[parent.type=DirectiveDefinition]'],
        },
      ],
      // A deprecation says until when (G-19), a mutation takes one input and answers with a payload (G-11).
      '@graphql-eslint/require-deprecation-date': 'error',
      '@graphql-eslint/input-name': ['error', { checkInputType: false }],
      '@graphql-eslint/no-scalar-result-type-on-mutation': 'error',
    },
  },
  {
    files: ['src/operations/*.graphql'],
    languageOptions,
    plugins: { '@graphql-eslint': graphql },
    rules: graphql.configs['flat/operations-recommended'].rules,
  },
];
