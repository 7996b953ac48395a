// POST /api/verify-api-key, {"key": "…"}: what Better Auth says of an API key, and whose it is. Better
// Auth itself has no such endpoint, its verifyApiKey is a function of the server.
import { parseUserOutput } from "better-auth/db";

// A key belongs to a user or to an organization, and does not say to which: its configuration does.
// `configurations` names those of the api-key plugin whose keys belong to users.
export const verifyApiKey = (auth, configurations = ["default"]) => async (request) => {
  const { key } = await request.json();
  const { internalAdapter, options } = await auth.$context;
  const result = await auth.api.verifyApiKey({ body: { key } });
  const ofUser = result.valid && configurations.includes(result.key.configId ?? "default");
  const user = ofUser ? await internalAdapter.findUserById(result.key.referenceId) : null;
  return Response.json({ ...result, user: user && parseUserOutput(options, user) });
};
