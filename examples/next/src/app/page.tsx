import type { ReactNode } from "react";
import { problemOf } from "@/api/problem";
import { Home } from "@/api/queries";
import { query } from "@/api/server";
import { getSession } from "@/auth/server";
import { Courses } from "@/courses/courses";
import { LiveTasks } from "@/live/live-tasks";
import { Tasks } from "@/tasks/tasks";
import { Notice, ProblemNotice } from "@/ui/notice";

export default async function HomePage(): Promise<ReactNode> {
  const session = await getSession();
  const { data, errors } = await query(Home, { isSignedIn: session !== null });
  const problem = problemOf(errors[0]);
  if (data === null) return <ProblemNotice problem={problem} href="/" />;
  return (
    <>
      {session === null ? (
        <Notice title="Sign in to see your tasks" action={{ href: "/sign-in", label: "Sign in" }}>
          The courses below are open to everyone.
        </Notice>
      ) : (
        <LiveTasks key={session.user.id} apiUrl={process.env["PUBLIC_API_URL"] ?? ""}>
          <Tasks tasks={data.tasks?.nodes} stats={data.taskStats} problem={problem} />
        </LiveTasks>
      )}
      <Courses courses={data.courses?.nodes} chapters={data.chapters?.nodes} problem={problem} />
    </>
  );
}
