// The events of the caller in graphcache: its console, and the lists that are displayed.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, mock, test } from "node:test";
import { Client } from "@urql/core";
import type { TypedExecutor } from "@hallpass/client";
import { applyChange, hallpassUrql, refetchDisplayed } from "@hallpass/client/urql";
import { hallpassGraphcache } from "@hallpass/client/urql/graphcache";
import { pipe, subscribe } from "wonka";
import { LIVE_EVENTS, ME_AND_TASKS } from "../src/documents.js";
import type { LiveEventsSubscription } from "../src/gql/graphql.js";
import { changeOf } from "./events.js";
import { developmentUrl, executor, liveUrl, persona, sleep, until, webSocketImpl } from "./support.js";

const strict = createRequire(import.meta.url)("@hallpass/client/schema/introspection.strict.json");
const caches = {
  graphcache: () => hallpassGraphcache(),
  "graphcache, strict": () => hallpassGraphcache(undefined, undefined, { schema: strict }),
};

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

type Event = LiveEventsSubscription["events"];

/** Applies an event, and returns its kind. */
function apply(client: Client, event: Event): string {
  if ("progress" in event) {
    const { chapter, ...progress } = event.progress;
    void applyChange(client, { recordProgress: { progress, chapter } });
    return "PROGRESS";
  }
  const change = changeOf(event);
  if (change === "RESYNC") refetchDisplayed(client);
  else void applyChange(client, change);
  return event.kind;
}

/** Has the server send each kind of event. */
async function causeEvents(execute: TypedExecutor): Promise<void> {
  const dueAt = new Date(Date.now() + 3000).toISOString();
  const input = { title: "one", dueAt };
  const { data } = await execute({ query: "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }", variables: { input } });
  const id = /"id":"([^"]+)"/.exec(JSON.stringify(data))?.[1] ?? assert.fail("no task");
  await execute({ query: "mutation($id: ID!) { updateTask(id: $id, input: {title: \"two\"}) { task { id } } }", variables: { id } });
  const chapters = await execute({ query: "{ chapters(first: 1) { nodes { id } } }" });
  const chapter = /"id":"([^"]+)"/.exec(JSON.stringify(chapters.data))?.[1] ?? assert.fail("no chapter");
  await execute({ query: "mutation($id: ID!) { recordProgress(chapterId: $id, percent: 10, reset: true) { progress { percent } } }", variables: { id: chapter } });
  await sleep(3500); // overdue
  await execute({ query: "mutation($id: ID!) { deleteTask(id: $id) { deletedTaskId } }", variables: { id } });
}

for (const [name, cache] of Object.entries(caches)) {
  test(`${name}: no warning, no null list`, async () => {
    const printed = [mock.method(console, "warn"), mock.method(console, "error")];
    const options = hallpassUrql({
      url: developmentUrl,
      liveUrl: liveUrl(developmentUrl),
      liveOptions: { options: { webSocketImpl } },
      credentials: persona("admin"),
      cache: cache(),
    });
    const client = new Client(options);
    const lists: unknown[] = [];
    const kinds = new Set<string>();
    const list = pipe(client.query(ME_AND_TASKS, { filter: { completed: false } }), subscribe(({ data }) => lists.push(data?.tasks)));
    const events = pipe(
      client.subscription(LIVE_EVENTS, { since: "" }),
      subscribe(({ data }) => void (data && kinds.add(apply(client, data.events)))),
    );
    ends.push(list.unsubscribe, events.unsubscribe, options.close);
    await until("the first event", () => kinds.has("RESYNC"));
    await causeEvents(executor("admin"));
    await until("all events", () => kinds.size === 6);
    await sleep(500);
    assert.deepEqual([...kinds].sort(), ["CREATED", "DELETED", "OVERDUE", "PROGRESS", "RESYNC", "UPDATED"]);
    assert.ok(lists.length > 1 && lists.every((tasks) => tasks !== null && tasks !== undefined));
    for (const { mock: calls } of printed) assert.deepEqual(calls.calls.map((call) => call.arguments[0]), []);
    printed.forEach((method) => method.mock.restore());
  });
}
