import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { GraphiQL } from 'graphiql';
import { useMonaco } from '@graphiql/react';
import { example } from './example.js';
import { current, subscribe } from './session.js';
import { SignIn } from './SignIn.jsx';
import { texts } from './texts.js';
import { TopBar } from './TopBar.jsx';
import { createTransport } from './transport.js';

export function App() {
  const { session, notice } = useSyncExternalStore(subscribe, current);
  if (!session) return <SignIn notice={notice} />;
  return (
    <div className="signed-in">
      <TopBar session={session} />
      <Editor key={session.id} />
    </div>
  );
}

/** GraphiQL for one person: built anew with the next, so that neither schema nor answers stay behind. */
function Editor() {
  const transport = useMemo(createTransport, []);
  useEffect(() => transport.dispose, [transport]);
  return (
    <main className="editor" aria-label={texts.editor}>
      <GraphiQL fetcher={transport.fetcher} defaultQuery={example} inputValueDeprecation schemaDescription showPersistHeadersSettings={false}>
        <GraphiQL.Logo>{' '}</GraphiQL.Logo>
        <ForgetSchema />
      </GraphiQL>
    </main>
  );
}

// Completion runs in a worker that outlives the editor: it must not suggest the former person's fields.
function ForgetSchema() {
  const monacoGraphQL = useMonaco((state) => state.monacoGraphQL);
  useEffect(() => () => monacoGraphQL?.setSchemaConfig([]), [monacoGraphQL]);
  return null;
}
