// Waiting: always for something, never for long.

/** The longest that anything here may take. */
export const PATIENCE = 20_000;

/** The same promise, which fails when it takes too long. */
export async function soon<T>(promise: Promise<T>, what: string, most = PATIENCE): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${most} ms`)), most);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, most = PATIENCE): Promise<void> {
  const end = Date.now() + most;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${most} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a subscription says, in order, to be waited for. */
export class Heard<T> {
  readonly all: T[] = [];
  #failure: unknown;
  #over = false;

  readonly sink = {
    next: (value: T) => void this.all.push(value),
    error: (failure: unknown) => void (this.#failure = failure ?? new Error('an error without a word')),
    complete: () => void (this.#over = true),
  };

  /** The first that is like that, come or still to come. */
  async first(like: (value: T) => boolean, what: string): Promise<T> {
    await until(() => this.#failure !== undefined || this.#over || this.all.some(like), what);
    const found = this.all.find(like);
    if (found !== undefined) return found;
    throw this.#failure ?? new Error(`${what}: it ended without`);
  }

  /** How it failed. */
  async failure(what: string): Promise<unknown> {
    await until(() => this.#failure !== undefined, what);
    return this.#failure;
  }

  /** Waits for the end. */
  async end(what: string): Promise<void> {
    await until(() => this.#over, what);
  }
}
