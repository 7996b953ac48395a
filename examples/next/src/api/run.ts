import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { hallpassErrors, toHallpassError, type Executor, type HallpassError } from "@hallpass/client";
import { print } from "graphql";

/** Data and errors: a response may have both. Without a response, the error is why. */
export interface Result<Data> {
  readonly data: Data | null;
  readonly errors: readonly HallpassError[];
}

/** Executes a typed document. It never throws. */
export async function run<Data, Variables extends Record<string, unknown>>(
  execute: Executor,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result<Data>> {
  try {
    const response = await execute({ query: print(document), variables }, signal);
    // The type is generated from the schema by which the server responds.
    return { data: response.data as Data | null, errors: hallpassErrors(response.errors) };
  } catch (error) {
    return { data: null, errors: [toHallpassError(error)] };
  }
}
