import { config } from './config.js';
import { texts } from './texts.js';

/** One GraphQL request. Answers the parsed body; throws an `Error` fit to be shown. */
export async function post(body, token, extraHeaders = {}) {
  const headers = new Headers({
    'Content-Type': 'application/json',
    Accept: 'application/graphql-response+json, application/json',
  });
  if (token) headers.set('Authorization', `Bearer ${token}`);
  for (const [name, value] of Object.entries(extraHeaders)) headers.set(name, value);
  const response = await reach(headers, body);
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const start = text.trim().slice(0, 200);
    throw new Error([texts.unexpected(response.status), start].filter(Boolean).join('\n'));
  }
}

async function reach(headers, body) {
  try {
    return await fetch(config.endpoint, { method: 'POST', headers, body: JSON.stringify(body) });
  } catch (cause) {
    throw new Error(texts.unreachable, { cause });
  }
}

export function unauthenticated(answer) {
  return answer?.errors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED') ?? false;
}
