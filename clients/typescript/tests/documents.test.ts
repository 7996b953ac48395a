import assert from "node:assert/strict";
import { test } from "node:test";
import type { TypedDocumentNode } from "@apollo/client";
import { parse, print } from "graphql";
import { WebSocket } from "ws";
import { createExecutor, type Executor } from "../src/http/executor.js";
import { documentText } from "../src/http/print.js";
import { createLiveClient } from "../src/ws/index.js";

interface Task {
  readonly task: { readonly title: string } | null;
}

const TASK: TypedDocumentNode<Task, { id: string }> = parse("query Task($id: ID!) { task(id: $id) { title } }");
const ME: TypedDocumentNode<{ me: { id: string } }, Record<string, never>> = parse("{ me { id } }");
const EVENTS: TypedDocumentNode<{ taskEvents: { kind: string } }, { since?: string }> = parse(
  "subscription($since: String) { taskEvents(since: $since) { kind } }",
);

/** The string documents of graphql-codegen. */
class TypedDocumentString<Result, Variables> extends String {
  declare readonly __apiType?: (variables: Variables) => Result;
}

const sent: string[] = [];
const send: typeof fetch = async (_input, init) => {
  sent.push(String(init?.body));
  return new Response('{"data":{"task":{"title":"t"}}}');
};
const execute = createExecutor({ url: "http://api.test", fetch: send });
const live = createLiveClient({ url: "ws://api.test", options: { webSocketImpl: WebSocket } });

/** Fails to compile if the types are not those of the document. */
export const types = {
  title: async (): Promise<string | undefined> => (await execute({ query: TASK, variables: { id: "1" } })).data?.task?.title,
  // @ts-expect-error: no such field
  field: async () => (await execute({ query: TASK, variables: { id: "1" } })).data?.other,
  // @ts-expect-error: a number
  variable: () => execute({ query: TASK, variables: { id: 1 } }),
  // @ts-expect-error: the variables are missing
  missing: () => execute({ query: TASK }),
  none: async (): Promise<string | undefined> => (await execute({ query: ME })).data?.me.id,
  text: async (): Promise<unknown> => (await execute({ query: "{ me { id } }" })).data?.["me"],
  executor: execute satisfies Executor,
  kind: () => live.subscribe({ query: EVENTS }, { next: ({ data }) => data?.taskEvents.kind satisfies string | undefined, error: () => undefined, complete: () => undefined }),
  // @ts-expect-error: a number
  since: () => live.iterate({ query: EVENTS, variables: { since: 1 } }),
  async iterate(): Promise<string | undefined> {
    for await (const { data } of live.iterate({ query: EVENTS, variables: {} })) return data?.taskEvents.kind;
    return undefined;
  },
};

test("documents are sent as text", async () => {
  await execute({ query: TASK, variables: { id: "1" } });
  await execute({ query: new TypedDocumentString<Task, { id: string }>("query Text { me { id } }"), variables: { id: "1" } });
  assert.deepEqual(sent.map((body) => JSON.parse(body)), [
    { variables: { id: "1" }, query: "query Task($id: ID!) { task(id: $id) { title } }" },
    { variables: { id: "1" }, query: "query Text { me { id } }" },
  ]);
});

test("a printed document is the document", () => {
  const text = `
    query All($a: [Int!]! = [1, 2], $b: Input = {a: "x\\n\\"y\\"", b: null, c: {d: 1.5}} @dir, $c: E) @live(a: 1) {
      alias: field(a: $a, b: [$b], c: ENUM, d: true, e: """a "block" string""") @include(if: $c) { id ...Part @defer }
      ... on Type @skip(if: false) { id }
      ... { id }
      ... @include(if: true) { id }
    }
    fragment Part on Type @dir { name }
    mutation Change { change }
    subscription { events { id } }
  `;
  const normal = (document: string): string => print(parse(document)).replaceAll(/"""\s*(.*?)\s*"""/gs, (_all, value: string) => JSON.stringify(value));
  assert.equal(normal(documentText(parse(text))), normal(text));
  assert.throws(() => documentText(parse("type A { b: Int }")), /has no ObjectTypeDefinition/);
});
