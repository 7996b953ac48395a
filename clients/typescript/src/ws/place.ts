/** The place of a subscription in its events, from which it goes on after a reconnect. */
import type { SubscribePayload } from "graphql-ws";
import { asObject, asString } from "../json.js";

/** Asks the server for an event that says to query again: the events that were missed are not known. */
const UNKNOWN = "";

export interface Place {
  /** The request, whose variable `since` is the current place. */
  readonly payload: SubscribePayload;
  /** Whether the server sends what was missed. */
  isKnown(): boolean;
  /** Notes the `sequence` of an event. */
  note(data: unknown): void;
  /** Has the server send what was missed. */
  resume(): void;
  /** Forgets the place. */
  restart(): void;
}

function hasSince({ query, variables }: SubscribePayload): boolean {
  // The variables of a trusted document are known, and not its text.
  return /\$since\b/.test(query) || "since" in (variables ?? {});
}

/** The `sequence` of the event in a response. */
function sequenceOf(data: unknown): string | null {
  const sequences = Object.values(asObject(data)).map((event) => asString(asObject(event)["sequence"]));
  return sequences.find((sequence) => sequence !== null) ?? null;
}

/** The place of a subscription with the variable `$since`. Undefined for another one. */
export function placeOf(payload: SubscribePayload): Place | undefined {
  if (!hasSince(payload)) return undefined;
  let since = asString(payload.variables?.["since"]);
  return {
    payload: {
      ...payload,
      // graphql-ws writes the request whenever it subscribes.
      get variables() {
        return { ...payload.variables, since };
      },
    },
    isKnown: () => since !== null,
    note: (data) => void (since = sequenceOf(data) ?? since),
    resume: () => void (since ??= UNKNOWN),
    restart: () => void (since = UNKNOWN),
  };
}
