// Accounts at Better Auth, with a tier that only the operator sets.
import Database from "libsql";
import { join } from "node:path";

export const PASSWORD = "correct-horse-battery";
export const accounts = [
  { name: "Frida Free", email: "free@example.com", tier: "free" },
  { name: "Petra Premium", email: "premium@example.com", tier: "premium" },
];

function setTier(directory, { email, tier }) {
  const database = new Database(join(directory, "auth.db"));
  database.exec("PRAGMA busy_timeout = 5000");
  database.prepare('UPDATE "user" SET tier = ? WHERE email = ?').run(tier, email);
  database.close();
}

/** Creates an account, if there is none. `address` is that of the client, for the rate limit of Better Auth. */
export async function createAccount({ directory, url }, { tier, ...user }, address) {
  const response = await fetch(`${url}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url, "x-forwarded-for": address },
    body: JSON.stringify({ ...user, password: PASSWORD }),
  });
  if (!response.ok && response.status !== 422) throw new Error(`sign-up: ${response.status} ${await response.text()}`);
  setTier(directory, { email: user.email, tier });
  return response.headers.getSetCookie();
}
