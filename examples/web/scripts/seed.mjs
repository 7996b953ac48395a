// Demo accounts at the auth server, and the demo courses, written by the demo editor.
import pg from "pg";
import { courses } from "./content.mjs";

export const PASSWORD = "correct-horse-battery";
export const accounts = [
  { name: "Frida Free", email: "free@example.com", role: "user", tier: "free" },
  { name: "Petra Premium", email: "premium@example.com", role: "user", tier: "premium" },
  { name: "Emil Editor", email: "editor@example.com", role: "editor", tier: "enterprise" },
  { name: "Ada Admin", email: "admin@example.com", role: "admin", tier: "enterprise" },
];

async function post(url, origin, body) {
  const headers = { "content-type": "application/json", origin };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Creates an account, if there is none. Users set neither role nor tier: the operator does, in the database. */
export async function createAccount({ database, authUrl, origin }, { role, tier, ...user }) {
  const response = await post(`${authUrl}/api/auth/sign-up/email`, origin, { ...user, password: PASSWORD });
  if (!response.ok && response.status !== 422) throw new Error(`sign-up: ${response.status} ${await response.text()}`);
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  try {
    await client.query('UPDATE "user" SET role = $1, tier = $2 WHERE email = $3', [role, tier, user.email]);
  } finally {
    await client.end();
  }
}

/** A function that executes GraphQL as the user of this address. */
export async function executorFor({ authUrl, apiUrl, origin }, email) {
  const response = await post(`${authUrl}/api/auth/sign-in/email`, origin, { email, password: PASSWORD });
  const { token } = await response.json();
  return async (query, variables = {}) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const answer = await fetch(`${apiUrl}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = await answer.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
}

async function createChapter(execute, courseId, { variants, ...input }) {
  const { createChapter: { chapter: { id } } } = await execute(
    "mutation($courseId: ID!, $input: CreateChapterInput!) { createChapter(courseId: $courseId, input: $input) { chapter { id } } }",
    { courseId, input },
  );
  for (const variant of variants) {
    await execute(
      "mutation($id: ID!, $input: ChapterVariantInput!) { saveChapterVariant(chapterId: $id, input: $input) { variant { id } } }",
      { id, input: variant },
    );
  }
  await execute("mutation($id: ID!) { publishChapter(id: $id) { chapter { id } } }", { id });
}

async function createCourse(execute, { chapters, ...input }) {
  const { createCourse: { course: { id } } } = await execute(
    "mutation($input: CreateCourseInput!) { createCourse(input: $input) { course { id } } }",
    { input },
  );
  for (const chapter of chapters) await createChapter(execute, id, chapter);
  await execute("mutation($id: ID!) { publishCourse(id: $id) { course { id } } }", { id });
}

export async function seed(servers) {
  for (const account of accounts) await createAccount(servers, account);
  const execute = await executorFor(servers, "editor@example.com");
  const { courses: { nodes } } = await execute("{ courses(first: 1) { nodes { id } } }");
  if (nodes.length > 0) return;
  for (const course of courses()) await createCourse(execute, course);
}
