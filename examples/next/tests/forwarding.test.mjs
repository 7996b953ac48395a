// What a rendering sends to the API: recorded by a proxy in front of it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request as send } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { freePort, startHallpass, startNext } from "../scripts/servers.mjs";
import { createTask, createUser, getPage } from "./support.mjs";

const directory = mkdtempSync(join(tmpdir(), "hallpass-next-forwarding-"));
const [apiPort, proxyPort, webPort] = [await freePort(), await freePort(), await freePort()];
const received = [];
const proxy = createServer((request, response) => {
  received.push(request.headers);
  const { method, headers, url: path } = request;
  const forwarded = send({ port: apiPort, host: "localhost", method, headers, path }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  request.pipe(forwarded);
}).listen(proxyPort, "localhost");
await once(proxy, "listening");

const apiUrl = `http://localhost:${proxyPort}`;
const next = await startNext({ mode: "start", directory, port: webPort, apiUrl, secret: "a secret of the tests, 32 bytes long" });
const api = await startHallpass({ directory, port: apiPort, authUrl: next.url });
const servers = { directory, url: next.url, apiUrl: api.url };

after(async () => {
  proxy.close();
  proxy.closeAllConnections();
  await api.stop();
  await next.stop();
  rmSync(directory, { recursive: true });
});

test("the session cookie alone is forwarded, without an origin", async () => {
  const user = await createUser({ servers });
  await createTask(user, "Through the proxy", servers);
  const headers = { cookie: `theme=dark; ${user.cookie}; _ga=GA1.2.3`, origin: next.url };
  const { text: html } = await getPage("/", { url: next.url, headers });
  assert.match(html, /Through the proxy/);
  const withCookie = received.filter(({ cookie }) => cookie !== undefined);
  assert.deepEqual(withCookie.map(({ cookie }) => cookie), [user.cookie]);
  for (const { origin, authorization } of received) assert.deepEqual([origin, authorization], [undefined, undefined]);
});

test("each rendering queries the tasks again, and visitors are sent no user's tasks", async () => {
  const user = await createUser({ servers });
  const render = (visitor) => getPage("/", { url: next.url, ...(visitor === undefined ? {} : { user: visitor }) });
  await render(user);
  await createTask(user, "After the first rendering", servers);
  assert.match((await render(user)).text, /After the first rendering/);
  const before = received.length;
  assert.doesNotMatch((await render()).text, /After the first rendering/);
  for (const { cookie } of received.slice(before)) assert.equal(cookie, undefined);
});
