/** Called once by Next.js when the server starts: creates the tables of Better Auth. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { migrate } = await import("./auth/server");
  await migrate();
}
