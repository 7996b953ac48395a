/** The accounts that scripts/seed.mjs creates. */
export const demoAccounts = [
  ["Free", "free@example.com"],
  ["Premium", "premium@example.com"],
  ["Editor", "editor@example.com"],
  ["Admin", "admin@example.com"],
] as const;

export const demoPassword = "correct-horse-battery";
