import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hallpassFetch } from "@hallpass/client";
import { GraphQLClient } from "graphql-request";
import { print } from "graphql";
import { CREATE_TASK, TASK_NODES, TASKS } from "../src/documents.js";
import type { ChapterQuery, TasksQuery } from "../src/gql/graphql.js";
import { developmentUrl, persona, unique } from "./support.js";

type Task = TasksQuery["tasks"]["edges"][number]["node"];

/** Fails to compile if the types are not those of the strict schema. */
export const types = {
  tags: (task: Task): readonly string[] => task.tags,
  priority: (task: Task): "LOW" | "MEDIUM" | "HIGH" | "URGENT" => task.priority,
  // @ts-expect-error: a chapter may have no text
  text: (chapter: NonNullable<ChapterQuery["chapter"]>): string => chapter.personalized.body,
};

test("the types of graphql-codegen are what the server returns", async () => {
  const client = new GraphQLClient(developmentUrl, { fetch: hallpassFetch({ credentials: persona("free") }) });
  const title = unique("codegen");
  await client.request(CREATE_TASK, { input: { title, tags: ["one", "two"], priority: "LOW" } });
  const { tasks } = await client.request(TASKS, { first: 1 });
  assert.deepEqual(
    tasks.edges.map(({ node }) => [node.title, node.priority, node.tags]),
    [[title, "LOW", ["one", "two"]]],
  );
});

test("persisted-documents.json has the documents", () => {
  const manifest: Record<string, string | undefined> = JSON.parse(readFileSync("src/gql/persisted-documents.json", "utf8"));
  const names = Object.values(manifest).map((text) => /(?:query|mutation|subscription) (\w+)/.exec(text ?? "")?.[1]);
  assert.ok(names.includes("TaskNodes") && names.includes("CreateTask"), names.join());
  assert.match(print(TASK_NODES), /TaskNodes/);
});
