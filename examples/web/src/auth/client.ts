import { createAuthClient } from "better-auth/react";
import { authUrl } from "../config";

export const authClient = createAuthClient({ baseURL: authUrl });
