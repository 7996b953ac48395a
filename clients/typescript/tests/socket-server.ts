/** A server of graphql-transport-ws that a test controls. */
import { once } from "node:events";
import { WebSocketServer, type WebSocket } from "ws";
import { asObject, asString, parseJson, type JsonObject } from "../src/json.js";

/** A subscription that the server received. */
export interface Received {
  readonly variables: JsonObject;
  /** Sends a response. */
  next(payload: object): void;
  complete(): void;
  fail(errors: readonly object[]): void;
  /** Whether the client has ended it. */
  isCompleted(): boolean;
  /** Breaks the connection. */
  cut(): void;
  /** Closes the connection. */
  close(code: number, reason: string): void;
}

export interface SocketServer {
  readonly url: string;
  readonly subscriptions: Received[];
  /** The token of each connection. */
  readonly tokens: (string | null)[];
  /** Number of connections so far. */
  connections(): number;
  /** From now on, the server answers nothing. */
  freeze(): void;
  close(): void;
}

function received(socket: WebSocket, message: JsonObject): Received {
  const id = message["id"];
  const send = (type: string, rest: object = {}): void => socket.send(JSON.stringify({ id, type, ...rest }));
  let isCompleted = false;
  socket.on("message", (data) => {
    const message = asObject(parseJson(String(data)));
    isCompleted ||= message["type"] === "complete" && message["id"] === id;
  });
  return {
    isCompleted: () => isCompleted,
    fail: (payload) => send("error", { payload }),
    variables: asObject(asObject(message["payload"])["variables"]),
    next: (payload) => send("next", { payload }),
    complete: () => send("complete"),
    cut: () => socket.terminate(),
    close: (code, reason) => socket.close(code, reason),
  };
}

export async function socketServer(): Promise<SocketServer> {
  const subscriptions: Received[] = [];
  const tokens: (string | null)[] = [];
  let connections = 0;
  let isFrozen = false;
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "graphql-transport-ws" });
  server.on("connection", (socket) => {
    connections += 1;
    const reply = (type: string, id?: unknown): void => socket.send(JSON.stringify({ type, id }));
    socket.on("message", (data) => {
      const message = asObject(parseJson(String(data)));
      if (message["type"] === "connection_init") {
        tokens.push(asString(asObject(message["payload"])["authorization"]));
        return reply("connection_ack");
      }
      if (isFrozen) return;
      if (message["type"] === "ping") return reply("pong");
      if (message["type"] !== "subscribe") return;
      const isEvents = asString(asObject(message["payload"])["query"])?.startsWith("subscription") === true;
      if (isEvents) subscriptions.push(received(socket, message));
      else reply("complete", message["id"]);
    });
  });
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `ws://127.0.0.1:${port}`,
    subscriptions,
    tokens,
    connections: () => connections,
    freeze: () => void (isFrozen = true),
    close: () => {
      server.clients.forEach((socket) => socket.terminate());
      server.close();
    },
  };
}
