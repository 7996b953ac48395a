/** Subscriptions over WebSocket, which go on when the credential has expired or the connection was lost. */
import {
  createClient,
  type Client,
  type ClientOptions,
  type FormattedExecutionResult,
  type Sink,
  type SubscribePayload,
} from "graphql-ws";
import { anonymous, type Credentials } from "../auth/credentials.js";
import { firstError } from "../errors/parse.js";
import type { AnyRequest, TypedRequest } from "../http/documents.js";
import { documentText } from "../http/print.js";
import { backoff, wait } from "../http/retry.js";
import { isObject } from "../json.js";
import { closeSilent, KEEP_ALIVE, onOnline } from "./broken.js";
import { createConnection, type ConnectionState } from "./connection.js";
import { iterate } from "./iterate.js";
import { createSubscriptions } from "./subscriptions.js";

export type { ConnectionState } from "./connection.js";

export interface LiveClientOptions {
  /** Address of the socket, such as `wss://api.example.com/graphql/ws`. */
  readonly url: string;
  /** Default: anonymous. With cookies, the browser sends them in the handshake. */
  readonly credentials?: Credentials;
  /**
   * Called when events may have been missed: after a lost connection, and after a slow one, such as the first one of a
   * page whose queries were answered long before. The application queries the data that it displays. Not called if all
   * subscriptions have the variable `$since`: the server sends them what they missed, or an event that asks to query.
   */
  readonly onGap?: () => void;
  /**
   * Called when the session has ended: the server rejects the credential (4401), or the auth server has none. All
   * subscriptions end: sign in again.
   */
  readonly onRejected?: (reason: string) => void;
  /** Further options of graphql-ws, such as `webSocketImpl`, or `keepAlive`, whose default is 10,000 ms. */
  readonly options?: Partial<Omit<ClientOptions, "url" | "connectionParams" | "retryAttempts" | "shouldRetry">>;
}

/** A valid credential has expired: a new one is requested. */
const EXPIRED = 4403;
/** The credential was rejected, revoked, or signed out: there is no point in asking again. */
const REJECTED = 4401;
/** This client closed the socket: another user signed in, the user signed out, or the connection is broken. */
const TERMINATED = 4499;
/** After so many milliseconds without active subscriptions, events may have been missed. */
const SLOW = 300;
/** The server stops: its clients spread over the first second. */
const GOING_AWAY = 1001;

interface Closed {
  readonly code: number;
  readonly reason: string;
}

function isClosed(event: unknown): event is Closed {
  return typeof event === "object" && event !== null && "code" in event && typeof event.code === "number";
}

function payloadOf({ query, variables, ...rest }: AnyRequest): SubscribePayload {
  return { ...rest, query: documentText(query), ...(isObject(variables) ? { variables } : {}) };
}

/** The credential for the next connection. graphql-ws does not survive a failure here: it is requested until known. */
async function acquire(
  credentials: Credentials,
  pause: (milliseconds: number) => Promise<void>,
  isDisposed: () => boolean,
): Promise<Readonly<Record<string, string>>> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await credentials.headers();
    } catch (error) {
      if (isDisposed()) return {};
      // The session ended meanwhile: the next credential is that of another user, or none.
      if (attempt > 0 || firstError(error)?.code !== "UNAUTHENTICATED") await pause(backoff(attempt));
    }
  }
}

/** A client of graphql-ws that also takes documents with types, whose data and variables have these types. */
export interface LiveClient extends Client {
  /**
   * Calls the listener with the state of the connection: at once, and when it changes. `reconnecting` is reported after a
   * second without a connection. Returns a function that ends that.
   */
  onConnection(listener: (state: ConnectionState) => void): () => void;
  subscribe: Client["subscribe"] &
    (<Result, Variables>(request: TypedRequest<Result, Variables>, sink: Sink<FormattedExecutionResult<Result, unknown>>) => () => void);
  iterate: Client["iterate"] &
    (<Result, Variables>(request: TypedRequest<Result, Variables>) => AsyncIterableIterator<FormattedExecutionResult<Result, unknown>>);
}

/** Creates a client of graphql-ws: use it with the links of this package for Apollo, urql and Relay, or as it is. */
export function createLiveClient(options: LiveClientOptions): LiveClient {
  const { credentials = anonymous(), onGap, onRejected } = options;
  let isDisposed = false;
  let headers: Readonly<Record<string, string>> = {};
  let last: number | undefined;
  let isConnected = false;
  let wasLost = false;
  let inactiveSince: number | undefined;
  let waits = new AbortController();
  const pause = (milliseconds: number): Promise<void> => wait(milliseconds, waits.signal).catch(() => undefined);
  const endWaits = (): void => {
    waits.abort();
    waits = new AbortController();
  };

  const isSlow = (): boolean => inactiveSince !== undefined && Date.now() - inactiveSince > SLOW;
  /** Subscriptions are active at the server once it has answered what was sent after them. */
  const onActive = (): void => {
    const wasSlow = isSlow();
    inactiveSince = undefined;
    if (wasSlow) onGap?.();
  };

  const connection = createConnection(() => {
    if (isConnected) return "connected";
    return subscriptions.areActive() && !isDisposed ? "reconnecting" : "closed";
  });
  const subscriptions = createSubscriptions(connection.update);
  const keepAlive = options.options?.keepAlive ?? KEEP_ALIVE;
  const client = createClient({
    ...options.options,
    keepAlive,
    url: async () => {
      headers = await acquire(credentials, pause, () => isDisposed);
      return options.url;
    },
    connectionParams: () => (Object.keys(headers).length > 0 ? { ...headers } : undefined),
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: async (attempt) => {
      if (attempt === 0 && (last === EXPIRED || last === TERMINATED)) return;
      await pause(attempt === 0 && last === GOING_AWAY ? Math.random() * 1000 : backoff(attempt));
    },
  });

  const onUnauthorized = (event: unknown): void => {
    const code = isClosed(event) ? event.code : undefined;
    if (code === EXPIRED || code === REJECTED) credentials.renew();
    if (code !== REJECTED || !isClosed(event)) return;
    onRejected?.(event.reason);
    // No subscription is left that connects again: the end of the session is noticed here.
    credentials.headers().catch(() => undefined);
  };
  client.on("closed", (event) => {
    last = isClosed(event) ? event.code : undefined;
    wasLost ||= isConnected;
    isConnected = false;
    connection.update();
    subscriptions.resumeAll();
    // The application may terminate the connection there, and graphql-ws has not finished with this close.
    queueMicrotask(() => onUnauthorized(event));
  });
  client.on("connecting", () => void (inactiveSince ??= Date.now()));
  client.on("connected", (_socket, _payload, wasRetry) => {
    isConnected = true;
    connection.update();
    // graphql-ws reconnects by itself only for active subscriptions, and subscribes again right after this event.
    const isGap = wasRetry && wasLost;
    if (isSlow()) subscriptions.resumeAll();
    if (isGap) inactiveSince = Date.now();
    wasLost = false;
    if (onGap === undefined || subscriptions.areResumed()) {
      inactiveSince = undefined;
      return;
    }
    setTimeout(() => {
      if (isGap) onGap();
      client.subscribe({ query: "{ __typename }" }, { next: () => undefined, error: onActive, complete: onActive });
    }, 0);
  });

  closeSilent(client, keepAlive);
  const reconnect = (): void => {
    client.terminate();
    endWaits();
  };
  const stopOnline = onOnline(reconnect);
  const stopListening = credentials.onChange?.((change) => {
    // The events that another user missed are not known.
    subscriptions.restartAll();
    reconnect();
    if (change === "ended") onRejected?.("The session has ended.");
  });

  function subscribe<D, X>(
    request: AnyRequest,
    sink: Sink<FormattedExecutionResult<D, X>>,
  ): () => void {
    return subscriptions.subscribe(client, payloadOf(request), sink, () => onGap?.());
  }
  function iterateOver<D, X>(
    request: AnyRequest,
  ): AsyncIterableIterator<FormattedExecutionResult<D, X>> {
    return iterate((sink) => subscribe<D, X>(request, sink));
  }
  return {
    ...client,
    onConnection: connection.listen,
    subscribe,
    iterate: iterateOver,
    dispose: async () => {
      isDisposed = true;
      connection.update();
      stopOnline();
      stopListening?.();
      // It fails if the connection that it waits for cannot be opened: there is none to close then.
      await Promise.resolve(client.dispose()).catch(() => undefined);
    },
  };
}
