// Tells Hallpass at once of a session that ended or changed, of a user, an API key or a membership that changed:
//   betterAuth({ plugins: [revocations({ url: "https://api.example.com/revocations", secret })] })
// Better Auth waits for it: once a sign-out or a ban is answered, Hallpass knows. If Hallpass cannot be
// reached, the sign-out succeeds all the same. Messages are signed as standardwebhooks.com specifies.
import { createHmac, randomUUID } from "node:crypto";
import { createAuthMiddleware } from "better-auth/api";
import { parseUserOutput } from "better-auth/db";

// The plugin: what the database hooks see, and what Better Auth does without them.
export const revocations = ({ url, secret }) => {
  const tell = sender(url, secret);
  return {
    id: "hallpass-revocations",
    init: (auth) => ({ options: { databaseHooks: databaseHooks(tell, auth.options) } }),
    hooks: {
      before: [{ matcher: ({ context }) => endsUnseen(context), handler: createAuthMiddleware(async ({ context }) => watch(context.internalAdapter, tell)) }],
      after: [afterApiKeyChange(tell), ...afterOrganizationChanges(tell)],
    },
  };
};

// The database hooks alone, for an application that cannot take a plugin: they do not see API keys and
// organizations, nor sessions that only secondary storage holds.
export const revocationHooks = ({ url, secret }) => databaseHooks(sender(url, secret));

// What a guest of the anonymous plugin made becomes the account's that they sign in to:
//   anonymous({ onLinkAccount: handOver({ url: "https://api.example.com/identities/link", secret }) })
export const handOver = ({ url, secret }) => {
  const tell = sender(url, secret);
  return ({ anonymousUser, newUser }) =>
    tell("identity.linked", { fromUserId: anonymousUser.user.id, toUserId: newUser.user.id });
};

function sender(url, secret) {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;
  return async function tell(type, data) {
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

function databaseHooks(tell, options) {
  // What a token of theirs would say: by it Hallpass tells the tokens that still agree from those that do not.
  const shown = (user, context) => {
    const known = options ?? context?.context.options;
    if (!known) return undefined;
    const short = (value) => value !== null && (typeof value !== "string" || value.length <= 500);
    return Object.fromEntries(Object.entries(parseUserOutput(known, user)).filter(([, value]) => short(value)));
  };
  const ended = (session) => tell("session.revoked", { sessionId: session.id });
  const changed = async (session) => session?.id && tell("session.changed", { sessionId: session.id });
  // null: no such row
  const userChanged = async (user, context) =>
    user?.id && tell("user.changed", { userId: user.id, user: shown(user, context) });
  const userDeleted = async (user) => user && tell("user.changed", { userId: user.id });
  return {
    session: { update: { after: changed }, delete: { after: ended } },
    user: { update: { after: userChanged }, delete: { after: userDeleted } },
  };
}

// Sessions that only secondary storage holds end without any database hook.
const endsUnseen = ({ options }) => options.secondaryStorage && !options.session?.storeSessionInDatabase;

const watched = new WeakSet();

function watch(adapter, tell) {
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
      await Promise.all(sessions.map(({ session }) => tell("session.revoked", { sessionId: session.id })));
      return done;
    };
  }
}

// The api-key plugin writes its table without hooks.
const afterApiKeyChange = (tell) => ({
  matcher: ({ path }) => path === "/api-key/update" || path === "/api-key/delete",
  handler: createAuthMiddleware(async ({ body, context }) => {
    if (!(context.returned instanceof Error)) await tell("api-key.changed", { apiKeyId: body.keyId });
  }),
});

// The organization plugin too. By path, or by the id of an operation that has none: what its answer says.
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

const afterOrganizationChanges = (tell) =>
  Object.entries(organizationChanges).map(([name, said]) => ({
    matcher: ({ path, operationId }) => (path ?? operationId) === name,
    handler: createAuthMiddleware(async ({ body, context: { returned } }) => {
      if (returned && !(returned instanceof Error)) await tell(...said(returned, body));
    }),
  }));
