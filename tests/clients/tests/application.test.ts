import assert from "node:assert/strict";
import { test } from "node:test";
import { gql } from "@apollo/client";
import { createHallpassApollo, createdRows, deletedIds, hallpassCache, type MutationUpdates } from "@hallpass/client/apollo";
import { hallpassUrql } from "@hallpass/client/urql";
import { hallpassGraphcache } from "@hallpass/client/urql/graphcache";
import { errorFromExtensions, parseCommon, registerErrorCode, type CommonExtensions } from "@hallpass/client";

declare module "@hallpass/client" {
  interface ErrorExtensions {
    QUOTA: CommonExtensions & { readonly left: number };
  }
}

test("an application has error codes of its own", () => {
  const parts = { message: "The quota is used up.", extensions: { code: "QUOTA", left: 0, requestId: "r" } };
  assert.equal(errorFromExtensions(parts).code, "UNKNOWN_ERROR");
  registerErrorCode("QUOTA", (raw) => ({ ...parseCommon(raw), left: Number(raw["left"]) }));
  const error = errorFromExtensions(parts);
  assert.ok(error.code === "QUOTA");
  assert.deepEqual(error.extensions, { requestId: "r", left: 0 });
});

const facts = {
  possibleTypes: {},
  typesWithoutId: ["NotePayload", "NoteStats"],
  typesWithLocalId: [],
  connections: [{ type: "Query", field: "notes", keyArgs: [], edge: "NoteEdge" }],
} as const;

const note = { type: "Note", lists: ["notes"], values: ["noteStats"], stale: ["noteTags"] };
const updates: MutationUpdates = {
  createNote: { ...note, created: createdRows("note", "edge") },
  deleteNote: { ...note, deleted: deletedIds("deletedNoteId") },
};

test("an application states what its mutations change in the caches", async () => {
  const url = "http://api.test/graphql";
  const data = {
    createNote: {
      __typename: "CreateNotePayload",
      edge: { __typename: "NoteEdge", cursor: "b", node: { __typename: "Note", id: "2", text: "new" } },
    },
  };
  const answer: typeof fetch = async (_input, init) => {
    const page = { notes: { __typename: "NoteConnection", nodes: [{ __typename: "Note", id: "1", text: "old" }] } };
    const body = String(init?.body).includes("createNote") ? data : page;
    return new Response(JSON.stringify({ data: body }), { headers: { "content-type": "application/json" } });
  };
  const { client, close } = createHallpassApollo({ url, fetch: answer, cache: hallpassCache(facts), updates });
  const query = gql("{ notes { nodes { id text } } }");
  await client.query({ query });
  await client.mutate({ mutation: gql("mutation { createNote { edge { cursor node { id text } } } }") });
  assert.match(JSON.stringify(client.readQuery({ query })), /"new".*"old"/);
  close();
  hallpassUrql({ url, cache: hallpassGraphcache(facts, updates), updates }).close();
});
