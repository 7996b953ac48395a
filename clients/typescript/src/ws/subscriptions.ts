/** The subscriptions of a live client. */
import type { Client, FormattedExecutionResult, Sink, SubscribePayload } from "graphql-ws";
import { hasCode } from "../errors/error.js";
import { hallpassErrors } from "../errors/parse.js";
import { isObject } from "../json.js";
import { placeOf, type Place } from "./place.js";

export interface Subscriptions {
  /** Subscribes, and again when the server dropped events. `onGap` is called if it does not send those. */
  subscribe<D, X>(
    client: Client,
    payload: SubscribePayload,
    sink: Sink<FormattedExecutionResult<D, X>>,
    onGap: () => void,
  ): () => void;
  /** Has each subscription go on where it was when it is sent next. */
  resumeAll(): void;
  /** Has no subscription go on where it was: the next events are those of another user. */
  restartAll(): void;
  /** Whether each subscription goes on where it was. */
  areResumed(): boolean;
  /** Whether there are any. */
  areActive(): boolean;
}

function isMissed(value: unknown): boolean {
  const errors: unknown = isObject(value) ? value["errors"] : value;
  return Array.isArray(errors) && hallpassErrors(errors).some((error) => hasCode(error, "EVENTS_MISSED"));
}

/** `onChange` is called when a subscription begins or ends. */
export function createSubscriptions(onChange: () => void): Subscriptions {
  const active = new Map<symbol, Place | undefined>();
  const remove = (key: symbol): void => {
    active.delete(key);
    onChange();
  };
  const places = (): readonly (Place | undefined)[] => [...active.values()];

  function subscribe<D, X>(
    client: Client,
    payload: SubscribePayload,
    sink: Sink<FormattedExecutionResult<D, X>>,
    onGap: () => void,
  ): () => void {
    const key = Symbol();
    const place = placeOf(payload);
    active.set(key, place);
    onChange();
    let stop = (): void => undefined;
    const restart = (): void => {
      if (!active.has(key)) return;
      place?.resume();
      start();
      if (place === undefined) setTimeout(onGap, 0);
    };
    const start = (): void => {
      let wasMissed = false;
      const next = (value: FormattedExecutionResult<D, X>): void => {
        wasMissed ||= isMissed(value);
        if (wasMissed) return;
        place?.note(value.data);
        sink.next(value);
      };
      const end = (report: () => void): void => {
        remove(key);
        report();
      };
      stop = client.subscribe<D, X>(place?.payload ?? payload, {
        next,
        error: (error) => (isMissed(error) ? restart() : end(() => sink.error(error))),
        complete: () => (wasMissed ? restart() : end(() => sink.complete())),
      });
    };
    start();
    return () => {
      remove(key);
      stop();
    };
  }

  return {
    subscribe,
    resumeAll: () => places().forEach((place) => place?.resume()),
    restartAll: () => places().forEach((place) => place?.restart()),
    areResumed: () => active.size > 0 && places().every((place) => place?.isKnown() === true),
    areActive: () => active.size > 0,
  };
}
