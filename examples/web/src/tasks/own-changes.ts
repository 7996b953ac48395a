/** The changes of this tab. Events report them too, and often before their mutation ends. */
const sent = new Set<Promise<unknown>>();
const deleted = new Set<string>();
const versions = new Map<string, number>();

/** Notes a mutation until it ends. */
export async function sendChange<T>(mutation: Promise<T>): Promise<T> {
  sent.add(mutation);
  try {
    return await mutation;
  } finally {
    sent.delete(mutation);
  }
}

/** Waits for the mutations of this tab: their payloads have the rows and the counts. */
export async function changesEnded(): Promise<void> {
  await Promise.allSettled(sent);
}

export const noteDeletion = (id: string): void => void deleted.add(id);

/** Whether this tab deleted the task. */
export const isDeletedHere = (id: string): boolean => deleted.has(id);

interface Versioned {
  readonly id: string;
  readonly version: number;
}

/** Notes the row in the payload of a mutation. */
export function noteVersion(task: Versioned | null | undefined): void {
  if (task) versions.set(task.id, task.version);
}

/** Whether a payload had this version, or a later one. A query may have it too, and the other lists still lack it. */
export const isMadeHere = ({ id, version }: Versioned): boolean => version <= (versions.get(id) ?? 0);
