// What every browser has, and older versions of node do not.

import { webcrypto } from 'node:crypto';

import WebSocket from 'ws';

globalThis.WebSocket ??= WebSocket as never;
globalThis.crypto ??= webcrypto as never;
