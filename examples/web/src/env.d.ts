interface ViteTypeOptions {
  strictImportMetaEnv: unknown;
}

interface ImportMetaEnv {
  /** Origin of the Better Auth server. */
  readonly VITE_AUTH_URL: string;
  /** Origin of Hallpass. */
  readonly VITE_API_URL: string;
  /** `true`: the sign-in page offers the demo accounts. */
  readonly VITE_DEMO?: string;
}
