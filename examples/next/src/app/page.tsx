import type { ReactNode } from "react";
import { getSession } from "@/auth/server";
import { CourseList } from "@/courses/courses";
import { required } from "@/env";
import { LiveTasks } from "@/live/live-tasks";
import { TaskList } from "@/tasks/tasks";
import { Notice } from "@/ui/notice";

export default async function HomePage(): Promise<ReactNode> {
  const session = await getSession();
  return (
    <>
      {session === null ? (
        <>
          <h1 className="spaced">Tasks</h1>
          <Notice title="Sign in to see your tasks" action={{ href: "/sign-in", label: "Sign in" }}>
            The courses below are open to everyone.
          </Notice>
        </>
      ) : (
        <LiveTasks key={session.user.id} apiUrl={required("PUBLIC_API_URL")}>
          <TaskList />
        </LiveTasks>
      )}
      <section className="section" aria-labelledby="courses">
        <h2 id="courses">Courses</h2>
        <CourseList />
      </section>
    </>
  );
}
