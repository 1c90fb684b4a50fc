import type { CodegenConfig } from '@graphql-codegen/cli';

// A front end for one role, from that role's own schema: what the role may not do does not compile.
const config: CodegenConfig = {
  schema: [
    { [`${process.env['SESAME_ORIGIN']}/graphql`]: { headers: { authorization: `Bearer ${process.env['SESAME_TOKEN']}` } } },
  ],
  documents: process.env['SESAME_DOCUMENTS'],
  generates: {
    'src/generated/delegate.ts': {
      plugins: ['typescript', 'typescript-operations', 'typed-document-node'],
      config: { defaultScalarType: 'string', enumsAsTypes: true, onlyOperationTypes: true },
    },
  },
};

export default config;
