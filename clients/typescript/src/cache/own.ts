/**
 * The changes of this client. Events report them too, and often before their mutation ends: without this, the effects of
 * a change were applied twice, and what a mutation deleted came back with an earlier event.
 */
import { asNumber, asString, type JsonObject } from "../json.js";
import { wait } from "../http/retry.js";
import { changedRows, knownUpdates, type MutationUpdates } from "./mutations.js";

export interface OwnChanges {
  /** Notes a mutation until the returned function is called. */
  begin(): () => void;
  /** Notes the rows in the data of a mutation. */
  note(data: unknown, updates: MutationUpdates): void;
  /** Does the work after the mutations that were sent before, in the order of the calls. */
  afterwards(work: () => void): Promise<void>;
  /**
   * Whether mutations of this client made the change: it has a version of the row that a payload had, or an earlier one, or
   * the mark of a payload.
   */
  isMade(data: unknown, updates: MutationUpdates): boolean;
}

const keyOf = (type: string, id: unknown): string => `${type}:${asString(id)}`;

export function createOwnChanges(): OwnChanges {
  const sent = new Set<Promise<void>>();
  const versions = new Map<string, number>();
  const marks = new Set<string>();
  let last = Promise.resolve();

  /** A deleted row has no later version. */
  const noteVersion = (key: string, version: number): void => void versions.set(key, Math.max(version, versions.get(key) ?? 0));
  const isKnown = (key: string, { version }: JsonObject): boolean =>
    (asNumber(version) ?? Number.POSITIVE_INFINITY) <= (versions.get(key) ?? 0);

  const begin = (): (() => void) => {
    let end = (): void => undefined;
    const mutation = new Promise<void>((resolve) => (end = resolve));
    sent.add(mutation);
    return () => {
      sent.delete(mutation);
      end();
    };
  };

  const ended = async (): Promise<void> => {
    if (sent.size === 0) return;
    await Promise.all(sent);
    await wait(0, null); // caches store the payload right after the end
  };

  return {
    begin,
    note: (data, updates) => {
      for (const [{ type, deleted, mark }, payload] of knownUpdates(data, updates)) {
        const made = mark?.(payload) ?? null;
        if (made !== null) marks.add(made);
        for (const row of changedRows(payload)) noteVersion(keyOf(type, row["id"]), asNumber(row["version"]) ?? 0);
        for (const id of deleted?.(payload) ?? []) noteVersion(keyOf(type, id), Number.POSITIVE_INFINITY);
      }
    },
    afterwards: (work) => {
      const done = last.then(ended).then(work);
      last = done.catch(() => undefined);
      return done;
    },
    isMade: (data, updates) =>
      knownUpdates(data, updates).every(([{ type, deleted, mark }, payload]) => {
        const made = mark?.(payload) ?? null;
        if (made !== null && marks.has(made)) return true;
        const gone = deleted?.(payload) ?? [];
        const rows = [...changedRows(payload), ...gone.map((id) => ({ id }))];
        return rows.length > 0 && rows.every((row) => isKnown(keyOf(type, row["id"]), row));
      }),
  };
}
