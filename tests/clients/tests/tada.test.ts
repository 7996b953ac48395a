import assert from "node:assert/strict";
import { test } from "node:test";
import type { introspection } from "@hallpass/client/schema/gql-tada";
import { initGraphQLTada, type ResultOf, type VariablesOf } from "gql.tada";
import { executor, unique } from "./support.js";

const graphql = initGraphQLTada<{ introspection: introspection; scalars: { DateTime: string; Date: string } }>();

const CREATE = graphql(`
  mutation Create($input: CreateTaskInput!) {
    createTask(input: $input) { task { id own { priority dueAt } viewer { canUpdate } } }
  }
`);
const NODE = graphql(`query Node($id: ID!) { node(id: $id) { __typename ... on Task { title } } }`);

type Own = NonNullable<ResultOf<typeof CREATE>["createTask"]["task"]["own"]>;

/** Fails to compile if the types are not those of the strict schema. */
export const types = {
  isPriority: (own: Own): "LOW" | "MEDIUM" | "HIGH" | "URGENT" => own.priority,
  // @ts-expect-error: null is part of the type of a field that may be null
  dueAt: (own: Own): string => own.dueAt,
  // @ts-expect-error: an unknown priority
  input: (): VariablesOf<typeof CREATE> => ({ input: { title: "t", priority: "HIGHEST" } }),
  // @ts-expect-error: a number
  request: () => executor("free")({ query: NODE, variables: { id: 1 } }),
  id: ({ id }: VariablesOf<typeof NODE>): string => id,
  // @ts-expect-error: a number
  number: (): VariablesOf<typeof NODE> => ({ id: 1 }),
};

test("gql.tada's types are what the server returns", async () => {
  const execute = executor("free");
  const variables: VariablesOf<typeof CREATE> = { input: { title: unique("tada"), priority: "HIGH" } };
  const { data, errors } = await execute({ query: CREATE, variables });
  assert.deepEqual(errors, []);
  const id = data?.createTask.task.id ?? "";
  assert.match(JSON.stringify(data), /"own":\{"priority":"HIGH","dueAt":null\},"viewer":\{"canUpdate":true\}/);
  const found = await execute({ query: NODE, variables: { id } });
  assert.match(JSON.stringify(found.data), /"__typename":"Task","title":"tada /);
});
