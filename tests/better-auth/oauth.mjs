// Clients of the OAuth provider, and the authorization code flow as a browser and a client walk through it.
import { createHash, randomBytes } from "node:crypto";
import { APIError } from "better-auth/api";

const redirectUri = "http://127.0.0.1/callback";
const findOne = async (auth, model, field, value) =>
  (await auth.$context).adapter.findOne({ model, where: [{ field, value }] });

// Only a signed-in user can register a client, even on the server. Here it is the operator.
let operator;
async function operatorHeaders(auth) {
  const body = { name: "Operator", email: "operator@hallpass.test", password: randomBytes(16).toString("hex") };
  operator ??= auth.api.signUpEmail({ body, returnHeaders: true });
  const { headers } = await operator;
  return new Headers({ cookie: headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ") });
}

export async function createClient(auth, { confidential = true, resource, grants, scopes, authMethod }) {
  const headers = await operatorHeaders(auth);
  const grantTypes = grants ??
    ["authorization_code", "refresh_token", ...(confidential ? ["client_credentials"] : [])];
  const scopeList = scopes ?? ["openid", "profile", "email", "offline_access", "read:tasks", "write:tasks", "tasks:read", "tasks:write"];
  const body = {
    application_type: "native", // a web application's redirect URI has to be https
    redirect_uris: [redirectUri],
    grant_types: grantTypes,
    scope: scopeList.join(" "),
    token_endpoint_auth_method: confidential ? (authMethod ?? "client_secret_basic") : "none",
    skip_consent: true,
    // A machine has no profile: the provider allows it the API's own scopes only.
    client_credentials_scopes: grantTypes.includes("client_credentials")
      ? scopeList.filter((scope) => scope.includes(":"))
      : [],
  };
  const { client_id, client_secret } = await auth.api.adminCreateOAuthClient({ headers, body });
  if (resource) {
    if (!(await findOne(auth, "oauthResource", "identifier", resource)))
      await auth.api.adminCreateOAuthResource({ headers, body: { identifier: resource } });
    await auth.api.adminLinkClientResource({ headers, params: { identifier: resource, client_id } });
  }
  return { client_id, client_secret };
}

// Straight into Better Auth, past the server's counters and modes. Answers what the token endpoint does.
export async function logIn(auth, { cookie, client_id, client_secret, scope, resource, nonce }) {
  const endpoints = `${auth.options.baseURL}/api/auth/oauth2`;
  const client = await findOne(auth, "oauthClient", "clientId", client_id);
  if (!client) throw new APIError("NOT_FOUND", { message: "no such client" });
  const form = (fields) => new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined));
  const verifier = randomBytes(32).toString("base64url");

  const query = form({
    response_type: "code",
    client_id,
    redirect_uri: redirectUri,
    scope,
    resource,
    nonce,
    state: randomBytes(16).toString("base64url"),
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  const authorize = new Request(`${endpoints}/authorize?${query}`, { headers: { cookie } });
  const redirect = (await auth.handler(authorize)).headers.get("location");
  const code = redirect?.startsWith(`${redirectUri}?`) && new URL(redirect).searchParams.get("code");
  if (!code) throw new APIError("BAD_REQUEST", { message: `no code, but a redirect to ${redirect}` });

  const basic = client.tokenEndpointAuthMethod === "client_secret_basic";
  const token = new Request(`${endpoints}/token`, {
    method: "POST",
    headers: basic ? { authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` } : {},
    body: form({
      grant_type: "authorization_code",
      code,
      code_verifier: verifier,
      redirect_uri: redirectUri,
      resource,
      ...(basic ? {} : { client_id, client_secret }),
    }),
  });
  return (await auth.handler(token)).json();
}
