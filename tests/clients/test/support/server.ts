// The server that is tried: the one that `run` started, and others of the same binary for what would disturb it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Session } from '../../src/session';
import { PATIENCE, soon } from './patience';

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start these tests with tests/clients/run`);
  return value;
}

/** Where the server answers. */
export const ORIGIN = setting('SESAME_ORIGIN');

/** The accounts of the demonstration. */
export const ACCOUNTS = [
  'delegate',
  'delegate2',
  'delegate3',
  'assistant',
  'rr',
  'rr2',
  'pdv',
  'sales-admin',
  'director',
  'engagement',
  'platform-admin',
] as const;
export type Account = (typeof ACCOUNTS)[number];

/** Signs somebody in. */
export function signIn(account: Account, origin = ORIGIN): Promise<Session> {
  return Session.signIn(origin, `${account}@demo.example`, 'sesame-demo');
}

/** A server of its own, on a copy of the demonstration. */
export class Server {
  #process: ChildProcess | undefined;
  #data = mkdtempSync(join(tmpdir(), 'sesame-clients-'));

  private constructor(readonly environment: Record<string, string>, private port: number) {
    cpSync(setting('SESAME_TEMPLATE'), this.#data, { recursive: true });
  }

  static async start(environment: Record<string, string> = {}): Promise<Server> {
    const server = new Server(environment, 0);
    await server.resume();
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts again, where it was. */
  async resume(): Promise<void> {
    const options = ['demo', '--today', setting('SESAME_TODAY'), '--port', String(this.port)];
    const started = spawn(setting('SESAME_BIN'), options, {
      env: { ...process.env, ...this.environment, SESAME_DATA: this.#data },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = started;
    const address = new Promise<number>((resolve, reject) => {
      // Its log counts only where it does not start.
      let said = '';
      started.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-10_000)));
      started.stdout!.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        const found = /http:\/\/127\.0\.0\.1:(\d+)\/graphql\b/.exec(said);
        if (found) resolve(Number(found[1]));
      });
      started.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
    });
    this.port = await soon(address, 'a server that starts', 60_000);
  }

  /** Ends it, or kills it. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    if (!ending || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await soon(ended, 'a server that ends');
  }

  /** Runs another command of the server on the same data; what it said. */
  command(...words: string[]): string {
    const environment = { ...process.env, ...this.environment, SESAME_DATA: this.#data };
    return execFileSync(setting('SESAME_BIN'), words, { env: environment, encoding: 'utf8', timeout: PATIENCE });
  }

  /** Ends it for good. */
  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.#data, { recursive: true, force: true });
  }
}
