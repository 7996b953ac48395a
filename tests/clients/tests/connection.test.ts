import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bearerToken } from "@hallpass/client";
import { createHallpassApollo } from "@hallpass/client/apollo";
import type { ConnectionState } from "@hallpass/client/ws";
import { freePort, startHallpass, stopServer, token, type Started } from "#servers";
import { TASK_EVENTS } from "../src/documents.js";
import { liveUrl, until, variable, webSocketImpl } from "./support.js";

const program = variable("HALLPASS");
const directory = mkdtempSync(join(tmpdir(), "hallpass-connection-"));
let port = "";
let server: Started;
const start = async (): Promise<void> => void (server = await startHallpass(program, directory, { API_PORT: port }));

before(async () => {
  port = `${await freePort()}`;
  await start();
});
after(async () => {
  await stopServer(server.child);
  rmSync(directory, { recursive: true });
});

test("a page learns that its socket is down, and up", async () => {
  const url = `${server.url}/graphql`;
  const credentials = bearerToken(() => token(program, directory, "premium"));
  const { client, live, close } = createHallpassApollo({
    url,
    liveUrl: liveUrl(url),
    liveOptions: { options: { webSocketImpl } },
    credentials,
  });
  const states: ConnectionState[] = [];
  live?.onConnection((state) => states.push(state));
  const errors: unknown[] = [];
  const events = client.subscribe({ query: TASK_EVENTS, fetchPolicy: "no-cache" }).subscribe({ error: (error) => errors.push(error) });
  await until("the connection", () => states.at(-1) === "connected");
  await stopServer(server.child);
  await until("the lost connection", () => states.at(-1) === "reconnecting");
  await start();
  await until("the next connection", () => states.at(-1) === "connected", 30);
  events.unsubscribe();
  await until("the end", () => states.at(-1) === "closed");
  assert.deepEqual(states, ["closed", "connected", "reconnecting", "connected", "closed"]);
  assert.deepEqual(errors, []);
  close();
});
