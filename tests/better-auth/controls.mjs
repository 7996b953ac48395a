// Controls for tests: changes that an operator makes, without Better Auth's API. server.mjs lists them.
import { APIError, createEmailVerificationToken } from "better-auth/api";
import { createClient, logIn } from "./oauth.mjs";

async function findUser(auth, email) {
  const { internalAdapter } = await auth.$context;
  const found = await internalAdapter.findUserByEmail(String(email));
  if (!found) throw new APIError("NOT_FOUND", { message: "no such user" });
  return found.user;
}

// Writes the columns and nothing more: unlike the admin plugin's ban it leaves the sessions alive.
async function updateUser(auth, { email, hooks, ...columns }) {
  const allowed = ["role", "tier", "banned", "banReason", "banExpires"];
  for (const key of Object.keys(columns))
    if (!allowed.includes(key)) throw new APIError("BAD_REQUEST", { message: `unknown key ${key}` });
  if (columns.banExpires) columns.banExpires = new Date(columns.banExpires);
  if (isNaN(columns.banExpires ?? 0)) throw new APIError("BAD_REQUEST", { message: "banExpires is not a date" });
  const { id } = await findUser(auth, email);
  const { adapter, internalAdapter } = await auth.$context;
  if (Object.keys(columns).length === 0) return { id };
  if (hooks) await internalAdapter.updateUser(id, columns);
  else await adapter.update({ model: "user", where: [{ field: "id", value: id }], update: columns });
  return { id };
}

async function deleteUser(auth, { email }) {
  const { id } = await findUser(auth, email);
  await (await auth.$context).internalAdapter.deleteUser(id);
  return { id };
}

async function expireSession(auth, { token }) {
  const where = [{ field: "token", value: String(token) }];
  const update = { expiresAt: new Date(Date.now() - 1000) };
  const session = await (await auth.$context).adapter.update({ model: "session", where, update });
  if (!session) throw new APIError("NOT_FOUND", { message: "no such session" });
  return { id: session.id };
}

// What another process of a stateless server knows.
async function forgetSessions(auth) {
  const { adapter } = await auth.$context;
  return { count: await adapter.deleteMany({ model: "session", where: [] }) };
}

async function createApiKey(auth, { email, enabled = true, ...options }) {
  const userId = (await findUser(auth, email)).id;
  const { id, key } = await auth.api.createApiKey({ body: { ...options, userId } });
  const { configId } = options;
  if (!enabled) await auth.api.updateApiKey({ body: { keyId: id, configId, userId, enabled } });
  return { id, key };
}

async function createOrganization(auth, { email }) {
  const userId = (await findUser(auth, email)).id;
  const body = { name: "Organization", slug: crypto.randomUUID(), userId };
  return { id: (await auth.api.createOrganization({ body })).id };
}

// What the application's own server code does: the organization plugin has no endpoint for it.
async function addMember(auth, { email, organizationId, role = "member" }) {
  const userId = (await findUser(auth, email)).id;
  return { id: (await auth.api.addMember({ body: { userId, organizationId, role } })).id };
}

// The key in use expires now, so that the next signature makes a new one. JWKS still has the old one.
async function rotateKeys(auth) {
  const { adapter } = await auth.$context;
  await adapter.updateMany({ model: "jwks", where: [], update: { expiresAt: new Date() } });
  return {};
}

async function withdrawKeys(auth) {
  const { adapter } = await auth.$context;
  const keys = await adapter.findMany({ model: "jwks", sortBy: { field: "createdAt", direction: "desc" } });
  for (const { id } of keys.slice(1)) await adapter.delete({ model: "jwks", where: [{ field: "id", value: id }] });
  return { kid: keys[0]?.id ?? null };
}

// The token in the link that Better Auth mails to a user who has to confirm an address.
async function verificationToken(auth, { email }) {
  await findUser(auth, email);
  return { token: await createEmailVerificationToken((await auth.$context).secret, email) };
}

export const controls = {
  "POST /control/user": updateUser,
  "POST /control/delete-user": deleteUser,
  "POST /control/expire-session": expireSession,
  "POST /control/forget-sessions": forgetSessions,
  "POST /control/api-key": createApiKey,
  "POST /control/organization": createOrganization,
  "POST /control/add-member": addMember,
  "POST /control/oauth-client": createClient,
  "POST /control/oauth-login": logIn,
  "POST /control/rotate-keys": rotateKeys,
  "POST /control/withdraw-keys": withdrawKeys,
  "POST /control/verification-token": verificationToken,
};
