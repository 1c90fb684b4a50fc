// The types say what a program may do with an answer: each of these mistakes is found by `tsc`.

import type { CreateOrderInput, OrderCardFragment, SubmitOrderMutation } from '../src/generated/operations';
import { outcome } from '../src/orders';

export function mistakes(card: OrderCardFragment, answer: SubmitOrderMutation): unknown[] {
  const order: CreateOrderInput = { kind: 'STANDARD', broker: 'QWNjb3VudDox' };
  const done = outcome(answer.submitOrder.order, answer.submitOrder.userErrors);
  return [
    order,
    card.statusLabel.toUpperCase(),
    // @ts-expect-error a field that was not asked for
    card.comment,
    // @ts-expect-error a draft has no number
    card.number.length,
    // @ts-expect-error money is exact, no number
    card.total * 2,
    // @ts-expect-error a status that does not exist
    card.status === 'PENDING',
    // @ts-expect-error a code that this mutation never answers with
    answer.submitOrder.userErrors[0]?.code === 'PROOF_MISSING',
    // @ts-expect-error the object may be missing where it was refused
    done.object,
    // @ts-expect-error an order is for a broker
    { kind: 'STANDARD' } satisfies CreateOrderInput,
  ];
}
