// GET /api/admin/users/{id}, for a caller with the key: the user as they are now. Better Auth's own
// admin endpoints want the session of an administrator, which a server does not have.
import { createHash, timingSafeEqual } from "node:crypto";
import { parseUserOutput } from "better-auth/db";

const digest = (text) => createHash("sha256").update(text).digest(); // timingSafeEqual wants equal lengths

export const userLookup = (auth, key) => {
  if (!key) throw new Error("SSO_API_KEY is not set");
  const expected = digest(`Bearer ${key}`);

  return async (request) => {
    const given = digest(request.headers.get("authorization") ?? "");
    if (!timingSafeEqual(given, expected)) return Response.json({ message: "Unauthorized" }, { status: 401 });
    const id = decodeURIComponent(new URL(request.url).pathname.replace(/.*\//, ""));
    const { internalAdapter, options } = await auth.$context;
    const user = await internalAdapter.findUserById(id);
    if (!user) return Response.json({ message: "User not found" }, { status: 404 });
    return Response.json(parseUserOutput(options, user)); // without the fields that are `returned: false`
  };
};
