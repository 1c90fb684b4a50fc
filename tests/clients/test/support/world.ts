// What people do in the demonstration, by plain requests: the other side of what a client sees.

import { print } from 'graphql';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';

import {
  ArticlesDocument,
  BrokersDocument,
  CreateOrderDocument,
  type CreateOrderInput,
  MeDocument,
  type OrderCardFragment,
  SubmitOrderDocument,
} from '../../src/generated/operations';
import { type Session, signed } from '../../src/session';

interface Result<T> {
  data: T;
  errors?: { message: string; extensions: { code: string } }[];
}

/** Asks, typed. */
export async function ask<T, V>(session: Session, document: TypedDocumentNode<T, V>, variables: V): Promise<T> {
  const { data, errors } = await send<T>(session, print(document), variables);
  if (errors) throw new Error(errors.map(({ message }) => message).join('; '));
  return data;
}

/** Asks anything. */
export async function send<T = unknown>(session: Session, query: string, variables: unknown = {}): Promise<Result<T>> {
  const response = await signed(session)(`${session.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Result<T>;
}

/** The brokers of whoever asks, and something to order for them. */
export async function shop(session: Session): Promise<{ brokers: string[]; article: string; unitPrice: number }> {
  const { viewer } = await ask(session, MeDocument, {});
  const { accounts } = await ask(session, BrokersDocument, { owner: viewer.user.id, first: 100 });
  const { articles } = await ask(session, ArticlesDocument, {});
  const { id: article, unitPrice } = articles.nodes[0]!;
  return { brokers: accounts.edges.map(({ node }) => node.id), article, unitPrice: Number(unitPrice) };
}

/** An order that the regional manager has to see: from 500 euros on (O-20). */
export async function anOrder(session: Session, subject = 'Affiches de printemps'): Promise<CreateOrderInput> {
  const { brokers, article, unitPrice } = await shop(session);
  const broker = brokers[Math.floor(Math.random() * brokers.length)]!;
  return { kind: 'STANDARD', broker, subject, lines: [{ article, quantity: Math.ceil(510 / unitPrice) }] };
}

/** Drafts one. */
export async function draft(session: Session, subject?: string): Promise<OrderCardFragment> {
  const { createOrder } = await ask(session, CreateOrderDocument, { input: await anOrder(session, subject) });
  if (!createOrder.order) throw new Error(createOrder.userErrors.map(({ message }) => message).join('; '));
  return createOrder.order;
}

/** Drafts one and submits it: it waits for the regional manager then. */
export async function submitted(session: Session, subject?: string): Promise<OrderCardFragment> {
  const { id, version } = await draft(session, subject);
  const { submitOrder } = await ask(session, SubmitOrderDocument, { input: { id, expectedVersion: version } });
  if (!submitOrder.order) throw new Error(submitOrder.userErrors.map(({ message }) => message).join('; '));
  return submitOrder.order;
}
