import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { hallpassFetch } from "@hallpass/client";
import { GraphQLClient } from "graphql-request";
import { print } from "graphql";
import { CREATE_TASK, TASK_NODES, TASKS } from "../src/documents.js";
import type { ChapterQuery, CreateTaskMutationVariables, DeleteTaskMutationVariables, TasksQuery } from "../src/gql/graphql.js";
import { developmentUrl, persona, unique } from "./support.js";

type Task = TasksQuery["tasks"]["edges"][number]["node"];
type Own = NonNullable<Task["own"]>;

/** Fails to compile if the types are not those of the strict schema. */
export const types = {
  tags: (own: Own): readonly string[] => own.tags,
  priority: (own: Own): "LOW" | "MEDIUM" | "HIGH" | "URGENT" => own.priority,
  // @ts-expect-error: the task may be another user's
  own: (task: Task): Own => task.own,
  // @ts-expect-error: a chapter may have no text
  text: (chapter: NonNullable<ChapterQuery["chapter"]>): string => chapter.personalized.body,
  id: ({ id }: DeleteTaskMutationVariables): string => id,
  constants: (tags: readonly string[]): CreateTaskMutationVariables => ({ input: { title: "constant", tags } }),
};

test("the types of graphql-codegen are what the server returns", async () => {
  const client = new GraphQLClient(developmentUrl, { fetch: hallpassFetch({ credentials: persona("free") }) });
  const title = unique("codegen");
  await client.request(CREATE_TASK, { input: { title, tags: ["one", "two"], priority: "LOW" } });
  const { tasks } = await client.request(TASKS, { first: 1 });
  assert.deepEqual(
    tasks.edges.map(({ node }) => [node.title, node.own?.priority, node.own?.tags]),
    [[title, "LOW", ["one", "two"]]],
  );
});

test("persisted-documents.json has the documents", () => {
  const manifest: Record<string, string | undefined> = JSON.parse(readFileSync("src/gql/persisted-documents.json", "utf8"));
  const names = Object.values(manifest).map((text) => /(?:query|mutation|subscription) (\w+)/.exec(text ?? "")?.[1]);
  assert.ok(names.includes("TaskNodes") && names.includes("CreateTask"), names.join());
  assert.match(print(TASK_NODES), /TaskNodes/);
});

test("the server checks persisted-documents.json", () => {
  const directory = mkdtempSync(join(tmpdir(), "hallpass-documents-"));
  const check = (file: string): number | null =>
    spawnSync(process.env["HALLPASS"] ?? "", ["documents", "check", file], { cwd: directory }).status;
  try {
    assert.equal(check(resolve("src/gql/persisted-documents.json")), 0);
    writeFileSync(join(directory, "bad.json"), JSON.stringify({ ["0".repeat(64)]: "{ nope }" }));
    assert.equal(check("bad.json"), 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
