import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'src/operations/*.graphql',
  generates: {
    'src/generated/operations.ts': {
      plugins: ['typescript', 'typescript-operations', 'typed-document-node'],
      config: {
        // Every scalar of Sésame's own is a string on the wire: money is exact, days have no time.
        defaultScalarType: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        dedupeFragments: true,
        onlyOperationTypes: true,
      },
    },
  },
};

export default config;
