// Tells Hallpass at once of a session that has ended and of a user who has changed:
//   betterAuth({ databaseHooks: revocationHooks({ url: "https://api.example.com/revocations", secret }) })
// Better Auth waits for it: once a sign-out or a ban is answered, Hallpass knows. If Hallpass cannot be
// reached, the sign-out succeeds all the same. Messages are signed as standardwebhooks.com specifies.
import { createHmac, randomUUID } from "node:crypto";

export function revocationHooks({ url, secret }) {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;

  async function tell(type, data) {
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
    await send().catch(send).catch((error) => console.error(`Hallpass was not told of ${body}:`, error));
  }

  const sessionRevoked = (session) => tell("session.revoked", { sessionId: session.id });
  const userChanged = async (user) => user && tell("user.changed", { userId: user.id }); // null: no such row
  return {
    session: { delete: { after: sessionRevoked } },
    user: { update: { after: userChanged }, delete: { after: userChanged } },
  };
}
