// What every screen that changes something does: it says what it saw, and can be tried again.

/** A refusal by a rule: to be shown next to the field that it names, or above the form. */
export interface UserError {
  code: string;
  message: string;
  field: string[];
}

/** What became of a mutation. */
export type Outcome<T> =
  | { kind: 'done'; object: T }
  /** Somebody was faster: here is the object as it is now; show it and ask again. */
  | { kind: 'conflict'; object: T }
  /** Rules refused it; every reason is there. */
  | { kind: 'refused'; reasons: UserError[] };

/** Reads a payload: `userErrors` are answers, not failures. */
export function outcome<T>(object: T | null | undefined, userErrors: UserError[]): Outcome<T> {
  if (object && userErrors.length === 0) return { kind: 'done', object };
  if (object && userErrors.some(({ code }) => code === 'CONFLICT')) return { kind: 'conflict', object };
  return { kind: 'refused', reasons: userErrors };
}

/** One key for one intention of the user: a retry of the same click carries the same key. */
export function intention(): string {
  return crypto.randomUUID();
}
