/** Responses that arrive late: the server has computed them, and they are held until a test releases them. */

export interface Held {
  /** The response is there, and held. */
  readonly computed: Promise<void>;
  /** Lets the client have it. */
  release(): void;
}

export interface HoldingFetch {
  readonly fetch: typeof fetch;
  /** The names of the operations that were sent. */
  readonly sent: string[];
  /** Holds the response to the next operation of this name. */
  hold(name: string): Held;
}

interface Gate {
  readonly held: Held;
  readonly open: Promise<void>;
  readonly reached: () => void;
}

function gate(): Gate {
  let reached = (): void => undefined;
  let release = (): void => undefined;
  const computed = new Promise<void>((resolve) => (reached = resolve));
  const open = new Promise<void>((resolve) => (release = resolve));
  return { held: { computed, release: () => release() }, open, reached: () => reached() };
}

export function holdingFetch(): HoldingFetch {
  const gates = new Map<string, Gate>();
  const sent: string[] = [];
  const holding: typeof fetch = async (input, init) => {
    const name = /"operationName":"(\w+)"/.exec(typeof init?.body === "string" ? init.body : "")?.[1] ?? "";
    sent.push(name);
    const passed = gates.get(name);
    gates.delete(name);
    const response = await fetch(input, init);
    if (passed === undefined) return response;
    // The whole of it: nothing of the response is read from the server later.
    const body = await response.arrayBuffer();
    passed.reached();
    await passed.open;
    return new Response(body, response);
  };
  const hold = (name: string): Held => {
    const added = gate();
    gates.set(name, added);
    return added.held;
  };
  return { fetch: holding, sent, hold };
}

/** Ends after the timers that were set before. */
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
