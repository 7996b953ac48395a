// Better Auth plugin that pushes revocations to Hallpass: ended or changed sessions, and changes of users, API keys
// and memberships.
//   betterAuth({ plugins: [revocations({ url: "https://api.example.com/revocations", secret })] })
// Better Auth waits for the push, so a sign-out or ban takes effect before it is answered. If Hallpass is
// unavailable, the sign-out still succeeds. Messages are signed per Standard Webhooks (standardwebhooks.com).
import { createHmac, randomUUID } from "node:crypto";
import { createAuthMiddleware } from "better-auth/api";
import { parseUserOutput } from "better-auth/db";

// The plugin: database hooks, and hooks for changes that trigger none.
export const revocations = ({ url, secret }) => {
  const push = sender(url, secret);
  return {
    id: "hallpass-revocations",
    init: (auth) => ({ options: { databaseHooks: databaseHooks(push, auth.options) } }),
    hooks: {
      before: [{ matcher: ({ context }) => endsUnseen(context), handler: createAuthMiddleware(async ({ context }) => watch(context.internalAdapter, push)) }],
      after: [afterApiKeyChange(push), ...afterOrganizationChanges(push)],
    },
  };
};

// The database hooks alone, for an application that cannot take a plugin: they do not see API keys and
// organizations, nor sessions that only secondary storage holds.
export const revocationHooks = ({ url, secret }) => databaseHooks(sender(url, secret));

// Transfers a guest's rows to the account that the guest signs in to:
//   anonymous({ onLinkAccount: handOver({ url: "https://api.example.com/identities/link", secret }) })
export const handOver = ({ url, secret }) => {
  const push = sender(url, secret);
  return ({ anonymousUser, newUser }) =>
    push("identity.linked", { fromUserId: anonymousUser.user.id, toUserId: newUser.user.id });
};

function sender(url, secret) {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;
  return async function push(type, data) {
    const id = `msg_${randomUUID()}`;
    const body = JSON.stringify({ type, data });
    const send = async () => {
      const timestamp = Math.floor(Date.now() / 1000);
      const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
      const headers = {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": `${timestamp}`,
        "webhook-signature": `v1,${signature}`,
      };
      const answer = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(2000) });
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
    };
    await send().catch(send).catch((error) => console.error(`${type} was not delivered to Hallpass:`, error));
  };
}

function databaseHooks(push, options) {
  // The user properties that tokens repeat: Hallpass rejects tokens that differ.
  const shown = (user, context) => {
    const known = options ?? context?.context.options;
    if (!known) return undefined;
    const short = (value) => value !== null && (typeof value !== "string" || value.length <= 500);
    return Object.fromEntries(Object.entries(parseUserOutput(known, user)).filter(([, value]) => short(value)));
  };
  const ended = (session) => push("session.revoked", { sessionId: session.id });
  const changed = async (session) => session?.id && push("session.changed", { sessionId: session.id });
  // null: no such row
  const userChanged = async (user, context) =>
    user?.id && push("user.changed", { userId: user.id, user: shown(user, context) });
  const userDeleted = async (user) => user && push("user.changed", { userId: user.id });
  return {
    session: { update: { after: changed }, delete: { after: ended } },
    user: { update: { after: userChanged }, delete: { after: userDeleted } },
  };
}

// Sessions that only secondary storage holds end without any database hook.
const endsUnseen = ({ options }) => options.secondaryStorage && !options.session?.storeSessionInDatabase;

const watched = new WeakSet();

function watch(adapter, push) {
  if (watched.has(adapter)) return;
  watched.add(adapter);
  const found = {
    deleteSession: (token) => adapter.findSessions([token]),
    deleteSessions: (tokens) => adapter.findSessions(tokens),
    deleteUserSessions: async (userId) => (await adapter.listSessions(userId)).map((session) => ({ session })),
  };
  for (const [name, find] of Object.entries(found)) {
    const end = adapter[name];
    adapter[name] = async (which) => {
      const sessions = await find(which);
      const done = await end(which);
      await Promise.all(sessions.map(({ session }) => push("session.revoked", { sessionId: session.id })));
      return done;
    };
  }
}

// The api-key plugin writes its table without hooks.
const afterApiKeyChange = (push) => ({
  matcher: ({ path }) => path === "/api-key/update" || path === "/api-key/delete",
  handler: createAuthMiddleware(async ({ body, context }) => {
    if (!(context.returned instanceof Error)) await push("api-key.changed", { apiKeyId: body.keyId });
  }),
});

// The organization plugin triggers no database hooks either: matched by path, or by operation id.
const organizationChanges = {
  "/organization/remove-member": ({ member }) => ["member.removed", ids(member)],
  "/organization/leave": (member) => ["member.removed", ids(member)],
  "/organization/update-member-role": (member) => ["member.added", ids(member)],
  "/organization/accept-invitation": ({ member }) => ["member.added", ids(member)],
  "/organization/add-member": (member) => ["member.added", ids(member)],
  addOrganizationMember: (member) => ["member.added", ids(member)],
  addMember: (member) => ["member.added", ids(member)],
  "/organization/delete": (_, { organizationId }) => ["organization.deleted", { organizationId }],
};

const ids = ({ userId, organizationId }) => ({ userId, organizationId });

const afterOrganizationChanges = (push) =>
  Object.entries(organizationChanges).map(([name, message]) => ({
    matcher: ({ path, operationId }) => (path ?? operationId) === name,
    handler: createAuthMiddleware(async ({ body, context: { returned } }) => {
      if (returned && !(returned instanceof Error)) await push(...message(returned, body));
    }),
  }));
