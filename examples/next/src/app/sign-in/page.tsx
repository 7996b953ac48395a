import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { CredentialsForm } from "@/auth/credentials-form";
import { getSession } from "@/auth/server";

export default async function SignInPage(): Promise<ReactNode> {
  if ((await getSession()) !== null) redirect("/");
  return <CredentialsForm isNew={false} />;
}
