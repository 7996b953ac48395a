import "./dom.js";
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createRoot, type Root } from "react-dom/client";
import { act, useState, type ReactNode } from "react";
import { bearerToken, createExecutor, hallpassErrors, perUser, type HallpassError } from "@hallpass/client";
import { ClientPerUser, HallpassProvider, Locked, useCan, useFieldErrors } from "@hallpass/client/react";
import { developmentUrl, executor, unique, until } from "./support.js";

const roots: Root[] = [];
after(() => act(async () => roots.forEach((root) => root.unmount())));

async function render(element: ReactNode): Promise<{ readonly text: () => string; readonly show: (next: ReactNode) => Promise<void> }> {
  const container = document.createElement("div");
  const root = createRoot(container);
  roots.push(root);
  const show = (next: ReactNode): Promise<void> => act(async () => root.render(next));
  await show(element);
  return { text: () => container.textContent ?? "", show };
}

async function settle(what: string, isMet: () => boolean): Promise<void> {
  await until(what, async () => {
    await act(async () => new Promise((resolve) => setTimeout(resolve, 20)));
    return isMet();
  });
}

type Action = Parameters<typeof useCan>[0];

/** Fails to compile if the action is not of the schema. */
export const types = {
  shipped: () => useCan("DELETE_TASK", "id"),
  // @ts-expect-error: no action of the schema
  unknown: () => useCan("NO_ACTION", "id"),
  other: () => useCan<"READ_NOTE">("READ_NOTE", "id"),
  // @ts-expect-error: no action of the other schema
  otherUnknown: () => useCan<"READ_NOTE">("DELETE_TASK", "id"),
};

function Permission<A extends string = Action>({ action, id }: { readonly action: A; readonly id: string }): ReactNode {
  const { decision, allowed, isLoading, error } = useCan<A>(action, id);
  if (isLoading) return "loading";
  return error?.code ?? `${allowed ? "yes" : "no"}: ${decision?.why} ${decision?.missing.join()}`;
}

test("useCan asks the server, and again for another row", async () => {
  const execute = executor("premium");
  const create = "mutation($title: String!) { createTask(input: {title: $title, isPublic: true}) { task { id } } }";
  const { data } = await execute({ query: create, variables: { title: unique("can") } });
  const id = /"id":"([^"]+)"/.exec(JSON.stringify(data))?.[1] ?? "";
  const page = (name: "premium" | "free", action: string): ReactNode => (
    <HallpassProvider executor={executors[name]}>
      <Permission action={action} id={id} />
    </HallpassProvider>
  );
  const executors = { premium: execute, free: executor("free") };
  const { text, show } = await render(page("premium", "DELETE_TASK"));
  await settle("the decision", () => text().startsWith("yes:"));
  await show(page("free", "DELETE_TASK"));
  assert.equal(text(), "loading");
  await settle("the decision for another caller", () => text().startsWith("no:"));
  await show(page("free", "NO_ACTION"));
  assert.equal(text(), "loading");
  await settle("the error", () => text() === "GRAPHQL_VALIDATION_FAILED" || text() === "BAD_USER_INPUT");
});

function Form({ error }: { readonly error: unknown }): ReactNode {
  return useFieldErrors(error)["input.title"] ?? "fine";
}

test("useFieldErrors shows the message of the input", async () => {
  const failed = await executor("free")({ query: 'mutation { createTask(input: {title: ""}) { task { id } } }' });
  const { text, show } = await render(<Form error={failed} />);
  assert.equal(text(), "this is required");
  await show(<Form error={undefined} />);
  assert.equal(text(), "fine");
});

test("Locked names the tier that the caller lacks", async () => {
  const locked = `{ chapters(first: 50) { nodes { requiredTier personalized { body } } } }`;
  const { errors } = await executor("free")({ query: locked });
  const found: readonly HallpassError[] = hallpassErrors(errors);
  const premium = found.filter((error) => error.message.startsWith("Premium"));
  assert.ok(premium.length > 0);
  const { text, show } = await render(<Locked error={premium}>the text</Locked>);
  assert.equal(text(), "Premium members can read this chapter.");
  await show(
    <Locked error={premium} path="chapters.nodes.personalized" fallback={({ tier }) => `needs ${tier}`}>
      the text
    </Locked>,
  );
  assert.equal(text(), "needs premium");
  await show(<Locked error={premium} path="chapters.nodes.progress">the text</Locked>);
  assert.equal(text(), "the text");
  await show(<Locked error={undefined}>the text</Locked>);
  assert.equal(text(), "the text");
});

test("Locked names the tier for an anonymous caller, and leaves a rejected credential to the page", async () => {
  const { errors } = await createExecutor({ url: developmentUrl })({
    query: "{ chapters(first: 50) { nodes { personalized { body } } } }",
  });
  const locks = <Locked error={errors} fallback={({ tier, isAnonymous }) => `needs ${tier}, anonymous: ${isAnonymous}`} />;
  const { text, show } = await render(locks);
  assert.equal(text(), "needs premium, anonymous: true");
  const rejected = createExecutor({ url: developmentUrl, credentials: bearerToken(() => "nonsense"), retry: false });
  const { errors: unauthenticated } = await rejected({ query: "{ viewer { id } }" });
  assert.equal(hallpassErrors(unauthenticated)[0]?.code, "UNAUTHENTICATED");
  await show(<Locked error={unauthenticated}>the text</Locked>);
  assert.equal(text(), "the text");
});

test("a hook outside of the provider fails", async () => {
  const outside = createRoot(document.createElement("div"));
  const failing = async (): Promise<void> => act(async () => outside.render(<Permission action="DELETE_TASK" id="x" />));
  await assert.rejects(failing, /HallpassProvider/);
});

test("another user has another client, and no state of the last one", async () => {
  const names = ["Alice", "Bob"];
  const credentials = bearerToken(() => names[0] ?? null);
  const closed: string[] = [];
  const clients = perUser(credentials, () => {
    const user = names.shift() ?? "";
    return { user, close: () => void closed.push(user) };
  });
  function Form({ user }: { readonly user: string }): ReactNode {
    const [typed] = useState(`typed by ${user}`);
    return `${user}: ${typed}`;
  }
  const { text } = await render(<ClientPerUser clients={clients}>{({ user }) => <Form user={user} />}</ClientPerUser>);
  assert.equal(text(), "Alice: typed by Alice");
  await act(async () => credentials.changed());
  assert.equal(text(), "Bob: typed by Bob");
  assert.deepEqual(closed, ["Alice"]);
});
