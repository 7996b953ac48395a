/**
 * The changes at the server that a client knows of.
 *
 * Responses arrive in any order. One to a query that was sent before a change may be from before it, and would bring
 * back what the change replaced or deleted: no later request corrects a deleted row that is stored again. Such a response
 * is not used, and its query is sent again.
 */
export interface Changes {
  /** Notes a change: a mutation has ended, also with errors, or an event has arrived. */
  note(): void;
  /** A check for a query that is sent now: whether there was a change since. */
  since(): () => boolean;
}

export function createChanges(): Changes {
  let count = 0;
  return {
    note: () => void (count += 1),
    since: () => {
      const before = count;
      return () => count !== before;
    },
  };
}
