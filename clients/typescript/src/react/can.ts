import { useEffect, useState } from "react";
import { toHallpassError } from "../errors/parse.js";
import type { HallpassError } from "../errors/error.js";
import type { Executor } from "../http/executor.js";
import { asObject, asString, isObject, strings } from "../json.js";
import type { Action } from "../schema/index.js";
import { useExecutor } from "./provider.js";

/** Whether the caller may perform an action, and why. */
export interface Decision {
  readonly allowed: boolean;
  /** The reason, as a sentence to show to the user. */
  readonly why: string;
  readonly code: string | null;
  readonly rule: string | null;
  readonly missing: readonly string[];
}

/** `isLoading`: not yet known, and `decision` is undefined. */
export interface CanResult {
  readonly decision: Decision | undefined;
  /** False until it is known. */
  readonly allowed: boolean;
  readonly isLoading: boolean;
  readonly error: HallpassError | undefined;
}

const QUERY = "query Can($action: Action!, $id: ID!) { can(action: $action, id: $id) { allowed why code rule missing } }";

/** Asks the server whether the caller may perform the action on the object. */
export async function can<A extends string = Action>(
  execute: Executor,
  action: NoInfer<A>,
  id: string,
  signal?: AbortSignal,
): Promise<Decision> {
  const { data, errors } = await execute({ query: QUERY, variables: { action, id }, operationName: "Can" }, signal);
  const decision = data?.["can"];
  if (!isObject(decision)) throw toHallpassError(errors);
  return {
    allowed: decision["allowed"] === true,
    why: asString(decision["why"]) ?? "",
    code: asString(decision["code"]),
    rule: asString(decision["rule"]),
    missing: strings(asObject(decision)["missing"]),
  };
}

/** An answer, with what was asked. */
interface Answer {
  readonly execute: Executor;
  readonly action: string;
  readonly id: string;
  readonly decision?: Decision;
  readonly error?: HallpassError;
}

/**
 * Whether the caller may perform the action: queried again when the action, the id or the executor changes. The actions
 * are those of the shipped schema; with another schema, `useCan<Action>` takes the type that was generated from it.
 */
export function useCan<A extends string = Action>(action: NoInfer<A>, id: string): CanResult {
  const execute = useExecutor();
  const [answer, setAnswer] = useState<Answer>();
  useEffect(() => {
    const controller = new AbortController();
    const show = (result: Pick<Answer, "decision" | "error">): void => {
      if (!controller.signal.aborted) setAnswer({ execute, action, id, ...result });
    };
    can<A>(execute, action, id, controller.signal).then(
      (decision) => show({ decision }),
      (error: unknown) => show({ error: toHallpassError(error) }),
    );
    return () => controller.abort();
  }, [execute, action, id]);
  const isCurrent = answer?.execute === execute && answer.action === action && answer.id === id;
  const current = isCurrent ? answer : undefined;
  return {
    decision: current?.decision,
    allowed: current?.decision?.allowed ?? false,
    isLoading: current === undefined,
    error: current?.error,
  };
}
