import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { mutationUpdates } from "../src/cache/mutations.js";
import { createOwnChanges } from "../src/cache/own.js";

test("events are applied after the mutations that were sent, in order", async () => {
  const own = createOwnChanges();
  const done: string[] = [];
  const end = own.begin();
  void own.afterwards(() => void done.push("first"));
  await sleep(20);
  end();
  done.push("end");
  void own.afterwards(() => void done.push("second"));
  await sleep(20);
  assert.deepEqual(done, ["end", "first", "second"]);
});

test("an event that cannot be applied does not keep the next one", async () => {
  const own = createOwnChanges();
  await assert.rejects(own.afterwards(() => assert.fail("no")));
  let isDone = false;
  await own.afterwards(() => void (isDone = true));
  assert.ok(isDone);
});

test("a change is known by the version of its rows, or as a deletion", () => {
  const own = createOwnChanges();
  const isMade = (data: object): boolean => own.isMade(data, mutationUpdates);
  const row = (id: string, version?: number): object => ({ id, version });
  const edges = [{ cursor: "c", node: row("2", 1) }];
  own.note({ updateTask: { task: row("1", 3), query: { task: row("3", 1) } }, createTasks: { edges } }, mutationUpdates);
  own.note({ deleteTask: { deletedTaskId: "4" } }, mutationUpdates);
  for (const known of [row("1", 3), row("1", 2), row("2", 1), row("4", 9), row("4")]) assert.ok(isMade({ updateTask: { task: known } }));
  for (const other of [row("1", 4), row("1"), row("2", 2), row("3", 1), null]) assert.ok(!isMade({ updateTask: { task: other } }));
  assert.ok(isMade({ deleteTask: { deletedTaskId: "4" } }));
  assert.ok(!isMade({ deleteTask: { deletedTaskId: "1" } }));
  assert.ok(!isMade({ updateTasks: { tasks: [row("1", 3), row("2", 2)] } }));
});

test("a change of progress is known by the chapter, the percentage and the time", () => {
  const own = createOwnChanges();
  const progress = { percent: 60, updatedAt: "2031-01-01T00:00:00Z" };
  const isMade = (data: object): boolean => own.isMade({ recordProgress: data }, mutationUpdates);
  own.note({ recordProgress: { progress: { ...progress, chapter: { id: "1" } } } }, mutationUpdates);
  assert.ok(isMade({ progress, chapter: { id: "1" } }));
  assert.ok(isMade({ chapter: { id: "1", progress } }));
  assert.ok(!isMade({ progress, chapter: { id: "2" } }));
  assert.ok(!isMade({ progress: { percent: 60 }, chapter: { id: "1" } }));
  assert.ok(!isMade({ progress: { ...progress, percent: 70 }, chapter: { id: "1" } }));
});
