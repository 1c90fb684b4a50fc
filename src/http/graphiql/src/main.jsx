import { createRoot } from 'react-dom/client';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './page.css';
import { App } from './App.jsx';
import { language } from './texts.js';

self.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(new URL('worker.js', import.meta.url), { name: label }),
};

// Monaco cancels what an editor still had in hand when it is closed, and calls that an error.
self.addEventListener('unhandledrejection', (event) => {
  if (event.reason?.name === 'Canceled') event.preventDefault();
});

document.documentElement.lang = language;
createRoot(document.getElementById('app')).render(<App />);
