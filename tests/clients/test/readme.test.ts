// Every snippet of the page for front-end teams is part of a file that these tests run.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const page = readFileSync('README.md', 'utf8');

/** The fences of the page, each with the comment in front of it that names its file. */
const snippets = [...page.matchAll(/(?:<!-- (\S+) -->\n)?^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, file, language, text]) => ({
  file,
  language,
  text: text!,
}));

const unindented = (text: string) => text.split('\n').map((line) => line.trim()).join('\n');

describe('README.md', () => {
  it('has snippets for every client', () => {
    const files = new Set(snippets.map(({ file }) => file));
    for (const name of ['session', 'apollo', 'urql', 'sockets', 'streams', 'orders', 'relay/environment', 'relay/orders']) {
      assert.ok(files.has(`src/${name}.ts`), name);
    }
  });

  for (const { file, language, text } of snippets) {
    it(`takes «${text.split('\n')[0]}» from ${file}`, () => {
      if (language === 'sh') return assert.equal(file, undefined);
      assert.ok(file && existsSync(file), `a snippet without a file: ${text}`);
      assert.ok(unindented(readFileSync(file, 'utf8')).includes(unindented(text)), text);
    });
  }

  it('names no file that is not there', () => {
    for (const [, name] of page.matchAll(/\]\(((?!http)[^)#]+)\)/g)) assert.ok(existsSync(name!) || name!.startsWith('..'), name);
  });
});
