/** Executes one operation by HTTP: enough for a script, for Relay, and for the hooks of this package. */
import { toHallpassError } from "../errors/parse.js";
import { asArray, asObject, isObject, type JsonObject } from "../json.js";
import type { TypedRequest } from "./documents.js";
import { hallpassFetch, type FetchOptions } from "./fetch.js";
import { documentText } from "./print.js";

export interface GraphQlRequest {
  readonly query?: string;
  /** Hash of a trusted document, in place of `query`. */
  readonly documentId?: string;
  readonly variables?: JsonObject;
  readonly operationName?: string;
}

/** A response of the server. `errors` are as it sent them: `hallpassErrors` reads them. */
export interface GraphQlResponse<Result = JsonObject> {
  readonly data: Result | null;
  readonly errors: readonly unknown[];
}

export type Executor = (request: GraphQlRequest, signal?: AbortSignal) => Promise<GraphQlResponse>;

/** Executes operations: strings, and documents with types, whose data and variables have these types. */
export interface TypedExecutor {
  (request: GraphQlRequest, signal?: AbortSignal): Promise<GraphQlResponse>;
  <Result, Variables>(request: TypedRequest<Result, Variables>, signal?: AbortSignal): Promise<GraphQlResponse<Result>>;
}

export interface ExecutorOptions extends FetchOptions {
  /** Address of the GraphQL endpoint. */
  readonly url: string;
}

const ACCEPT = "application/graphql-response+json, application/json;q=0.9";

export function createExecutor(options: ExecutorOptions): TypedExecutor {
  const send = hallpassFetch(options);
  function execute(request: GraphQlRequest, signal?: AbortSignal): Promise<GraphQlResponse>;
  function execute<Result, Variables>(
    request: TypedRequest<Result, Variables>,
    signal?: AbortSignal,
  ): Promise<GraphQlResponse<Result>>;
  async function execute(
    { query, ...rest }: GraphQlRequest | TypedRequest<unknown, unknown>,
    signal?: AbortSignal,
  ): Promise<GraphQlResponse> {
    try {
      const response = await send(options.url, {
        method: "POST",
        headers: { "content-type": "application/json", accept: ACCEPT },
        body: JSON.stringify(query === undefined ? rest : { ...rest, query: documentText(query) }),
        signal: signal ?? null,
      });
      return read(await response.json(), response.status);
    } catch (error) {
      // The caller of `abort` knows why: as with `fetch`, it is no error of the API.
      throw signal?.aborted === true ? error : toHallpassError(error);
    }
  }
  return execute;
}

function read(body: unknown, status: number): GraphQlResponse {
  const { data, errors } = asObject(body);
  if (data === undefined && errors === undefined) throw new Error(`The response with status ${status} is not GraphQL.`);
  return { data: isObject(data) ? data : null, errors: asArray(errors) };
}
