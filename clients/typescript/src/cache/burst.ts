/** Events come in bursts: what follows from them is done once, shortly after the first one. */
import { wait } from "../http/retry.js";

/** Milliseconds from the first event until the work. */
const BURST = 150;

export interface Burst {
  /** Has the work done soon: once for all calls until then. */
  start(): void;
  /** Resolves after the work, or at once if none is to be done. */
  ended(): Promise<void>;
}

export function createBurst(work: () => void): Burst {
  let end: Promise<void> | undefined;
  const finish = (): void => {
    end = undefined;
    work();
  };
  return {
    start: () => void (end ??= wait(BURST, null).then(finish)),
    ended: () => end ?? Promise.resolve(),
  };
}
