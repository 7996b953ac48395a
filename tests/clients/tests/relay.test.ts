import assert from "node:assert/strict";
import { after, test } from "node:test";
import { firstError } from "@hallpass/client";
import { createRelayEnvironment } from "@hallpass/client/relay";
import { createLiveClient } from "@hallpass/client/ws";
import {
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  requestSubscription,
  type Environment,
  type MutationParameters,
  type OperationType,
} from "relay-runtime";
import CALLER, { type documentsCallerQuery } from "../src/relay/__generated__/documentsCallerQuery.graphql.js";
import CREATE, { type documentsCreateMutation } from "../src/relay/__generated__/documentsCreateMutation.graphql.js";
import EVENTS, { type documentsEventsSubscription } from "../src/relay/__generated__/documentsEventsSubscription.graphql.js";
import NODE, { type documentsNodeQuery } from "../src/relay/__generated__/documentsNodeQuery.graphql.js";
import TASKS, { type documentsTasksQuery } from "../src/relay/__generated__/documentsTasksQuery.graphql.js";
import { developmentUrl, liveUrl, persona, sleep, unique, until, webSocketImpl, type Persona } from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

function environment(name: Persona): Environment {
  const live = createLiveClient({ url: liveUrl(developmentUrl), credentials: persona(name), options: { webSocketImpl } });
  ends.push(() => void live.dispose());
  return createRelayEnvironment({ url: developmentUrl, credentials: persona(name), live });
}

function mutate<M extends MutationParameters>(of: Environment, mutation: typeof CREATE, variables: M["variables"]): Promise<M["response"]> {
  return new Promise((resolve, reject) => {
    commitMutation<M>(of, {
      mutation,
      variables,
      onCompleted: (response, errors) => (errors ? reject(errors) : resolve(response)),
      onError: reject,
    });
  });
}

async function query<Q extends OperationType>(of: Environment, node: typeof TASKS, variables: Q["variables"]): Promise<Q["response"]> {
  const response = await fetchQuery<Q>(of, node, variables).toPromise();
  return response ?? assert.fail("no response");
}

test("Relay reads, and finds a row of another query by node(id:)", async () => {
  const premium = environment("premium");
  const title = unique("relay");
  const created = await mutate<documentsCreateMutation>(premium, CREATE, { input: { title, tags: ["a"] } });
  assert.equal(created.createTask?.title, title);
  const { tasks } = await query<documentsTasksQuery>(premium, TASKS, { first: 1 });
  assert.equal(tasks?.edges[0]?.node.title, title);
  const id = tasks?.edges[0]?.node.id ?? "";

  const descriptor = createOperationDescriptor(NODE, { id });
  premium.retain(descriptor);
  assert.equal(premium.check(descriptor).status, "available");
  const unknown = createOperationDescriptor(NODE, { id: "unknown" });
  assert.equal(premium.check(unknown).status, "missing");
  const { node } = await query<documentsNodeQuery>(environment("premium"), NODE, { id });
  assert.equal(node?.title, title);
});

test("an id that two types have is two records", async () => {
  const admin = environment("admin");
  const source = admin.getStore().getSource();
  const records = async (): Promise<readonly unknown[]> => {
    const { me } = await query<documentsCallerQuery>(admin, CALLER, {});
    return ["Me", "User"].map((type) => source.get(`${type}:${me?.id}`)?.["__typename"]);
  };
  // The list has a user soon after the user's first request.
  await until("two records", async () => (await records()).join() === "Me,User");
});

test("an error of Relay has its code", async () => {
  const failing = mutate<documentsCreateMutation>(environment("premium"), CREATE, { input: { title: "" } });
  await assert.rejects(failing, (error) => firstError(error)?.code === "BAD_USER_INPUT");
});

test("a subscription of Relay receives events", async () => {
  const editor = environment("editor");
  const kinds: string[] = [];
  const { dispose } = requestSubscription<documentsEventsSubscription>(editor, {
    subscription: EVENTS,
    variables: {},
    onNext: (response) => kinds.push(`${response?.taskEvents?.kind}`),
    onError: (error) => kinds.push(error.message),
  });
  await until("an event", async () => {
    await mutate<documentsCreateMutation>(editor, CREATE, { input: { title: unique("event") } });
    await sleep(150);
    return kinds.length > 0;
  });
  assert.equal(kinds[0], "CREATED");
  dispose();
});
