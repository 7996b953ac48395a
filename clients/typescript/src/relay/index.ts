/** Relay for Hallpass. */
import {
  Environment,
  Network,
  Observable,
  RecordSource,
  ROOT_TYPE,
  Store,
  type FetchFunction,
  type GraphQLResponse,
  type MissingFieldHandler,
  type PayloadError,
  type RequestParameters,
  type SubscribeFunction,
  type Variables,
} from "relay-runtime";
import type { Client } from "graphql-ws";
import { createChanges } from "../cache/changes.js";
import type { SchemaFacts } from "../cache/facts.js";
import { toHallpassError } from "../errors/parse.js";
import { createExecutor, type ExecutorOptions, type GraphQlRequest } from "../http/executor.js";
import { asArray, asString, isObject } from "../json.js";
import * as shipped from "../schema/index.js";

function requestOf({ id, text, name }: RequestParameters, variables: Variables): GraphQlRequest {
  const document = text === null ? { documentId: id ?? "" } : { query: text };
  return { ...document, variables, operationName: name };
}

function isPayloadError(value: unknown): value is PayloadError {
  return isObject(value) && typeof value["message"] === "string";
}

/** A response for Relay. One without data fails with its first error. */
function toResponse({ data, errors }: { readonly data?: unknown; readonly errors?: unknown }): GraphQLResponse {
  if (!isObject(data)) throw toHallpassError(errors);
  const list = Array.isArray(errors) ? errors.filter(isPayloadError) : [];
  return list.length > 0 ? { data, errors: list } : { data };
}

/** Executes queries and mutations by HTTP. A query is sent again if a mutation ended before its response: see `Changes`. */
export function relayFetch(options: ExecutorOptions): FetchFunction {
  const execute = createExecutor(options);
  const changes = createChanges();
  const send = async (request: RequestParameters, variables: Variables): Promise<GraphQLResponse> => {
    const isOutdated = changes.since();
    const response = await execute(requestOf(request, variables));
    if (request.operationKind === "mutation") changes.note();
    else if (isOutdated()) return send(request, variables);
    return toResponse(response);
  };
  return send;
}

/** Subscriptions over the socket. */
export function relaySubscribe(live: Client): SubscribeFunction {
  return (request, variables) =>
    Observable.create((sink) => {
      const { query = "", ...rest } = requestOf(request, variables);
      return live.subscribe(
        { ...rest, query },
        {
          next: (value) => sink.next(toResponse(value)),
          error: (error) => sink.error(toHallpassError(error)),
          complete: () => sink.complete(),
        },
      );
    });
}

const isRoot = (parent: { getType(): string } | null | undefined): boolean => parent?.getType() === ROOT_TYPE;

/** `node(id:)` is in the store if the row is, from whichever field it came. */
export const nodeHandler: MissingFieldHandler = {
  kind: "linked",
  handle: (field, parent, args) => (isRoot(parent) && field.name === "node" ? asString(args["id"]) : undefined),
};

/** `nodes(ids:)` is in the store if all of its rows are. */
export const nodesHandler: MissingFieldHandler = {
  kind: "pluralLinked",
  handle: (field, parent, args) => (isRoot(parent) && field.name === "nodes" ? asArray(args["ids"]).map(asString) : undefined),
};

/** IDs in the store: a global id as it is, and the id of another type with the name of the type before it. */
export function dataId(facts: Pick<SchemaFacts, "typesWithLocalId"> = shipped): (value: unknown, type: string) => string | null {
  const local = new Set(facts.typesWithLocalId);
  return (value, type) => {
    const id = isObject(value) ? asString(value["id"]) : null;
    return id !== null && local.has(type) ? `${type}:${id}` : id;
  };
}

/** What a mutation of Relay calls at its end. */
export interface MutationHandlers<Response> {
  readonly onCompleted?: (response: Response) => void;
  /** Called with all errors of the mutation: `firstError` and `fieldErrors` read them. */
  readonly onError: (error: unknown) => void;
}

/**
 * The callbacks of `useMutation` and `commitMutation`. Relay reports the errors of fields, such as an invalid input, to
 * `onCompleted`, and those of whole requests to `onError`: with these callbacks, all arrive in `onError`.
 */
export function mutationHandlers<Response>({ onCompleted, onError }: MutationHandlers<Response>): {
  readonly onCompleted: (response: Response, errors: readonly PayloadError[] | null | undefined) => void;
  readonly onError: (error: Error) => void;
} {
  return {
    onCompleted: (response, errors) => (errors?.length ? onError({ errors }) : onCompleted?.(response)),
    onError,
  };
}

export interface RelayOptions extends ExecutorOptions {
  /** The client of subscriptions. Default: none. */
  readonly live?: Client;
  readonly facts?: SchemaFacts;
}

export function createRelayEnvironment({ live, facts, ...options }: RelayOptions): Environment {
  const subscribe = live === undefined ? undefined : relaySubscribe(live);
  return new Environment({
    network: Network.create(relayFetch(options), subscribe),
    store: new Store(new RecordSource()),
    missingFieldHandlers: [nodeHandler, nodesHandler],
    getDataID: dataId(facts),
  });
}
