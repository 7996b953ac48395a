/** The browser's own connection to the API: mutations by HTTP, events by WebSocket, both with a JWT of Better Auth. */
import { betterAuthToken, createExecutor, type Executor, type TokenCredentials } from "@hallpass/client";
import { createLiveClient } from "@hallpass/client/ws";
import { print } from "graphql";
import { authClient } from "@/auth/client";
import type { TaskEventsSubscription } from "@/gql/graphql";
import { TaskEvents } from "./events";
import { whileSignedIn } from "./while-signed-in";

export type TaskEvent = NonNullable<TaskEventsSubscription["taskEvents"]>;
export type Status = "connecting" | "live" | "reconnecting" | "ended";

interface Listener {
  onStatus(status: Status): void;
  onEvent(event: TaskEvent): void;
  /** What was rendered on the server may be outdated. */
  onStale(): void;
}

export interface Connection {
  readonly execute: Executor;
  close(): void;
}

let pageCredentials: TokenCredentials | undefined;

/** One for the life of the page: it listens to the sign-ins of the auth client. */
const credentials = (): TokenCredentials => (pageCredentials ??= betterAuthToken(authClient));

export function connect(apiUrl: string, { onStatus, onEvent, onStale }: Listener): Connection {
  const token = credentials();
  const live = createLiveClient({
    url: `${apiUrl.replace(/^http/, "ws")}/graphql/ws`,
    // Without `onChange`: the subscription of one user is not connected again for the next one.
    credentials: { mode: token.mode, headers: token.headers, renew: token.renew },
    onGap: onStale,
    onRejected: onStale,
  });
  live.on("connected", () => {
    onStatus("live");
    // What happened since the page was rendered.
    onStale();
  });
  live.on("closed", () => onStatus("reconnecting"));
  const subscribe = (): (() => void) =>
    live.subscribe<TaskEventsSubscription>(
      { query: print(TaskEvents) },
      {
        next: ({ data }) => {
          if (data?.taskEvents) onEvent(data.taskEvents);
        },
        error: () => onStatus("ended"),
        complete: () => onStatus("ended"),
      },
    );
  const unsubscribe = whileSignedIn(token, subscribe);
  // Another user may have signed in, in another tab.
  const stopListening = token.onChange?.(onStale);
  const close = (): void => {
    stopListening?.();
    unsubscribe();
    void live.dispose();
  };
  return { execute: createExecutor({ url: `${apiUrl}/graphql`, credentials: token }), close };
}
