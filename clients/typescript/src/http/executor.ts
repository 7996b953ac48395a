/** Executes one operation by HTTP: enough for a script, for Relay, and for the hooks of this package. */
import { toHallpassError } from "../errors/parse.js";
import { asArray, asObject, isObject, type JsonObject } from "../json.js";
import { hallpassFetch, type FetchOptions } from "./fetch.js";

export interface GraphQlRequest {
  readonly query?: string;
  /** Hash of a trusted document, in place of `query`. */
  readonly documentId?: string;
  readonly variables?: JsonObject;
  readonly operationName?: string;
}

/** A response of the server. `errors` are as it sent them: `hallpassErrors` reads them. */
export interface GraphQlResponse {
  readonly data: JsonObject | null;
  readonly errors: readonly unknown[];
}

export type Executor = (request: GraphQlRequest, signal?: AbortSignal) => Promise<GraphQlResponse>;

export interface ExecutorOptions extends FetchOptions {
  /** Address of the GraphQL endpoint. */
  readonly url: string;
}

const ACCEPT = "application/graphql-response+json, application/json;q=0.9";

export function createExecutor(options: ExecutorOptions): Executor {
  const send = hallpassFetch(options);
  return async (request, signal) => {
    try {
      const response = await send(options.url, {
        method: "POST",
        headers: { "content-type": "application/json", accept: ACCEPT },
        body: JSON.stringify(request),
        signal: signal ?? null,
      });
      return read(await response.json(), response.status);
    } catch (error) {
      throw toHallpassError(error);
    }
  };
}

function read(body: unknown, status: number): GraphQlResponse {
  const { data, errors } = asObject(body);
  if (data === undefined && errors === undefined) throw new Error(`The response with status ${status} is not GraphQL.`);
  return { data: isObject(data) ? data : null, errors: asArray(errors) };
}
