import { useEffect, type ReactNode } from "react";
import { ApiProvider } from "./api/provider";
import { isAdmin, isEditor, useViewer, ViewerProvider } from "./api/viewer";
import { AdminPage } from "./admin/admin-page";
import { CredentialsForm } from "./auth/credentials-form";
import { Require } from "./auth/require";
import { SessionProvider } from "./auth/session";
import { returnPath } from "./auth/sign-in-link";
import { ChapterPage } from "./courses/chapter-page";
import { CoursePage } from "./courses/course-page";
import { CoursesPage } from "./courses/courses-page";
import { EditorPage } from "./editor/editor-page";
import { leave, match, navigate, redirect, usePath } from "./router/router";
import { Shell } from "./shell/shell";
import { TasksPage } from "./tasks/tasks-page";
import { Page } from "./ui/page";
import { Notice } from "./ui/states";
import { ToastProvider } from "./ui/toast";

function Home(): ReactNode {
  useEffect(() => redirect("/courses"), []);
  return null;
}

/** After a sign-in: back to the page that needed it. */
function Return(): ReactNode {
  useEffect(() => leave(returnPath()), []);
  return null;
}

function SignIn({ isNew }: { readonly isNew: boolean }): ReactNode {
  return useViewer() === null ? <CredentialsForm key={String(isNew)} isNew={isNew} /> : <Return />;
}

type Parameters = Readonly<Record<string, string>>;

const routes: readonly (readonly [pattern: string, render: (parameters: Parameters) => ReactNode])[] = [
  ["/", () => <Home />],
  ["/sign-in", () => <SignIn isNew={false} />],
  ["/sign-up", () => <SignIn isNew />],
  ["/tasks", () => <Require title="Tasks" allows={(viewer) => viewer !== null}><TasksPage /></Require>],
  ["/courses", () => <CoursesPage />],
  ["/courses/:course", ({ course = "" }) => <CoursePage key={course} slug={course} />],
  ["/courses/:course/:chapter", ({ chapter = "" }) => <ChapterPage key={chapter} slug={chapter} />],
  ["/editor", () => <Require title="Editor" allows={isEditor}><EditorPage /></Require>],
  ["/editor/:chapter", ({ chapter = "" }) => <Require title="Editor" allows={isEditor}><EditorPage key={chapter} slug={chapter} /></Require>],
  ["/admin", () => <Require title="Admin" allows={isAdmin}><AdminPage part="analytics" /></Require>],
  ["/admin/:part", ({ part = "" }) => <Require title="Admin" allows={isAdmin}><AdminPage key={part} part={part} /></Require>],
];

function Screen(): ReactNode {
  const path = usePath();
  for (const [pattern, render] of routes) {
    const parameters = match(pattern, path);
    if (parameters !== null) return render(parameters);
  }
  return (
    <Page title="Page not found">
      <Notice title="There is no page at this address" action="See the courses" onAction={() => navigate("/courses")} />
    </Page>
  );
}

export function App(): ReactNode {
  return (
    <SessionProvider>
      <ApiProvider>
        <ViewerProvider>
          <ToastProvider>
            <Shell>
              <Screen />
            </Shell>
          </ToastProvider>
        </ViewerProvider>
      </ApiProvider>
    </SessionProvider>
  );
}
