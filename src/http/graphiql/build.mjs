// Bundles src/ into dist/, which is committed: cargo embeds dist/ and never calls npm.
import { build } from 'esbuild';
import { readFileSync, readdirSync, rmSync, mkdirSync, writeFileSync, copyFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');

// Monaco's core with the parts that GraphiQL uses, instead of all of them.
const slimMonaco = {
  name: 'slim-monaco',
  setup(build) {
    build.onResolve({ filter: /\/editor\/edcore\.main\.js$/ }, () => ({ path: join(here, 'src/monaco.js') }));
  },
};

// GraphiQL formats the variables with prettier's Babel plugin (half a megabyte); jsonc-parser, which
// is in the bundle anyway, does that too. Fails loudly when GraphiQL's file no longer looks as expected.
const slimJsonFormatter = {
  name: 'slim-json-formatter',
  setup(build) {
    build.onLoad({ filter: /@graphiql\/react\/dist\/utility\/jsonc\.js$/ }, ({ path }) => {
      const original = readFileSync(path, 'utf8');
      const contents = original.replace(
        /async function formatJSONC\(content\) \{[\s\S]*?\n\}\n/,
        `import { applyEdits, format } from "jsonc-parser";
async function formatJSONC(content) {
  return applyEdits(content, format(content, undefined, { tabSize: 2, insertSpaces: true, eol: "\\n" }));
}
`,
      );
      if (contents === original) throw new Error(`formatJSONC not found in ${path}`);
      return { contents, loader: 'js' };
    });
  },
};

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  charset: 'utf8',
  legalComments: 'none',
  target: ['es2022'],
  define: { 'process.env.NODE_ENV': '"production"' },
  metafile: true,
  logLevel: 'warning',
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

const page = await build({
  ...common,
  entryPoints: { app: 'src/main.jsx' },
  outdir: 'dist',
  format: 'esm',
  jsx: 'automatic',
  loader: { '.ttf': 'file' },
  assetNames: '[name]',
  alias: { 'prettier/parser-graphql': 'prettier/plugins/graphql' },
  plugins: [slimMonaco, slimJsonFormatter],
});

// One worker for Monaco's three jobs: they share most of their code.
const worker = await build({
  ...common,
  entryPoints: { worker: 'src/worker.js' },
  outdir: 'dist',
  format: 'iife',
  alias: { 'prettier/parser-graphql': 'prettier/plugins/graphql' },
});

copyFileSync(join(here, 'src/favicon.svg'), join(dist, 'favicon.svg'));
writeFileSync(join(dist, 'LICENSES.txt'), licences([page, worker]));

for (const file of readdirSync(dist)) {
  console.log(String(statSync(join(dist, file)).size).padStart(9), file);
}

// The bundle contains other people's work: their notices travel with it.
function licences(results) {
  const folders = new Set();
  for (const input of results.flatMap(({ metafile }) => Object.keys(metafile.inputs))) {
    const match = input.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/);
    if (match) folders.add(match[0]);
  }
  return [...folders].sort().map(notice).join('\n');
}

function notice(folder) {
  const about = JSON.parse(readFileSync(join(here, folder, 'package.json'), 'utf8'));
  const texts = readdirSync(join(here, folder))
    .filter((file) => /^(licen[cs]e|copying|notice|thirdpartynotices)/i.test(file))
    .filter((file) => statSync(join(here, folder, file)).isFile())
    .map((file) => readFileSync(join(here, folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
  const title = `${about.name} ${about.version} (${about.license ?? 'see below'})`;
  return [`${'='.repeat(78)}`, title, `${'='.repeat(78)}`, ...texts, ''].join('\n');
}
