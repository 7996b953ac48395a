// Responses that arrive in another order than their requests were sent: Relay.
import assert from "node:assert/strict";
import { test } from "node:test";
import { betterAuthToken } from "@hallpass/client";
import { createRelayEnvironment } from "@hallpass/client/relay";
import { commitMutation, fetchQuery, type ConcreteRequest, type Environment, type MutationParameters } from "relay-runtime";
import CREATE, { type documentsCreateMutation } from "../src/relay/__generated__/documentsCreateMutation.graphql.js";
import DELETE, { type documentsDeleteRecordMutation } from "../src/relay/__generated__/documentsDeleteRecordMutation.graphql.js";
import TASKS, { type documentsTasksQuery } from "../src/relay/__generated__/documentsTasksQuery.graphql.js";
import { holdingFetch, type HoldingFetch } from "./held.js";
import { productionUrl, signUp } from "./support.js";

async function environmentOf({ fetch }: HoldingFetch): Promise<Environment> {
  const user = await signUp();
  return createRelayEnvironment({ url: productionUrl, credentials: betterAuthToken(user.client, { channel: user.email }), fetch });
}

function mutate<M extends MutationParameters>(of: Environment, mutation: ConcreteRequest, variables: M["variables"]): Promise<M["response"]> {
  return new Promise((resolve, reject) => {
    commitMutation<M>(of, { mutation, variables, onCompleted: (response, errors) => (errors ? reject(errors) : resolve(response)), onError: reject });
  });
}

const create = (of: Environment, title: string): Promise<documentsCreateMutation["response"]> =>
  mutate<documentsCreateMutation>(of, CREATE, { input: { title }, connections: [] });

async function titles(of: Environment): Promise<string | undefined> {
  const { tasks } = (await fetchQuery<documentsTasksQuery>(of, TASKS, { first: 10 }).toPromise()) ?? assert.fail("no response");
  return tasks?.edges.map(({ node }) => node.title).join();
}

test("Relay: a list from before a change is not stored", async () => {
  const network = holdingFetch();
  const environment = await environmentOf(network);
  await create(environment, "old");
  const list = network.hold("documentsTasksQuery");
  const shown = titles(environment);
  await list.computed;
  await create(environment, "new");
  list.release();
  assert.equal(await shown, "new,old");
});

test("Relay: a deleted record does not come back", async () => {
  const network = holdingFetch();
  const environment = await environmentOf(network);
  const { createTask } = await create(environment, "deleted");
  const id = createTask?.edge.node.id ?? "";
  const list = network.hold("documentsTasksQuery");
  const shown = titles(environment);
  await list.computed;
  await mutate<documentsDeleteRecordMutation>(environment, DELETE, { id });
  list.release();
  assert.equal(await shown, "");
  assert.equal(environment.getStore().getSource().get(id), null);
});
