//! The rows, the callers, and the requests.

use std::path::Path;

use hallpass_data::now;
use serde_json::json;

use crate::database::postgres;
use crate::issuer::Issuer;

/// Callers whose tokens are used in turn.
const CALLERS: usize = 100;

/// Rows of 1,000 owners, and 300 chapters in 30 courses.
const ROWS: &str = "
INSERT INTO task (id, owner_id, title, title_key, title_search, description, description_search,
    completed, priority, is_public, version, created_at, updated_at)
SELECT gen_random_uuid(), 'user-' || o, 'Task ' || t, 'task ' || t, 'task ' || t, 'Description of ' || t,
    'description of ' || t, t % 3 = 0, t % 4, t % 20 = 0, 1, now() - t * interval '1 minute', now()
FROM generate_series(0, 999) o, generate_series(1, 200) t;
INSERT INTO course (id, slug, title, title_key, description, interests, published, created_at, updated_at)
SELECT gen_random_uuid(), 'course-' || c, 'Course ' || c, 'course ' || c, 'A course.', '|AI|', true, now(), now()
FROM generate_series(1, 30) c;
INSERT INTO chapter (id, course_id, slug, title, summary, ordinal, interests, interests_search, required_tier,
    published, created_at, updated_at)
SELECT gen_random_uuid(), id, slug || '-' || n, 'Chapter ' || n, 'A chapter.', n, '|AI|', '|ai|', 'free', true,
    now(), now()
FROM course, generate_series(1, 10) n;
INSERT INTO chapter_variant (id, chapter_id, level, hardware, body, updated_at)
SELECT gen_random_uuid(), id, level, 0, repeat('Robots sense and act. ', 23), now()
FROM chapter, generate_series(0, 2) level;
INSERT INTO chapter_progress (owner_id, chapter_id, percent, bookmarked, updated_at)
SELECT 'user-' || o, chapter.id, 50, false, now()
FROM generate_series(0, 99) o, chapter WHERE ordinal % 2 = 0;
";

/// One of the five requests.
#[derive(Clone, Copy)]
pub enum Request {
    Me,
    Tasks,
    Task,
    Chapters,
    Create,
}

/// The requests, with their names.
pub const QUERIES: [(&str, Request); 5] = [
    ("Q1 me", Request::Me),
    ("Q2 20 tasks", Request::Tasks),
    ("Q3 one task", Request::Task),
    ("Q4 10 chapters", Request::Chapters),
    ("M1 create", Request::Create),
];

/// A caller: their token, and the id of one of their tasks.
struct Caller {
    token: String,
    task: String,
}

pub struct Content {
    url: String,
    issuer: &'static Issuer,
    callers: Vec<Caller>,
    /// Ids of courses.
    courses: Vec<String>,
    directory: tempfile::TempDir,
}

impl Content {
    pub fn create() -> Self {
        let url = postgres::database();
        postgres::query(&url, ROWS);
        postgres::query(&url, "VACUUM ANALYZE");
        let issuer = Issuer::shared();
        let tasks = postgres::query(
            &url,
            "SELECT DISTINCT ON (owner_id) owner_id || ' ' || id FROM task ORDER BY owner_id, id",
        );
        let task_of = |subject: &str| {
            let line = tasks.lines().find_map(|line| line.strip_prefix(&format!("{subject} ")));
            line.unwrap().to_owned()
        };
        let callers = (0..CALLERS).map(|number| {
            let subject = format!("user-{number}");
            let until = now().timestamp() + 24 * 3600;
            let claims = json!({
                "sub": subject, "email": format!("{subject}@example.com"), "emailVerified": true, "name": subject,
                "role": "user", "exp": until,
            });
            Caller { token: issuer.token(&claims), task: task_of(&subject) }
        });
        let callers = callers.collect();
        let courses = postgres::query(&url, "SELECT id FROM course");
        let courses = courses.lines().map(str::to_owned).collect();
        let directory = tempfile::tempdir().unwrap();
        Self { url, issuer, callers, courses, directory }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn database_url(&self) -> &str {
        &self.url
    }

    pub fn jwks_url(&self) -> String {
        format!("{}/api/auth/jwks", self.issuer.url())
    }

    pub fn issuer(&self) -> &str {
        self.issuer.url()
    }

    /// `TOKEN SUBJECT` of each caller, in lines.
    pub fn subjects(&self) -> String {
        let lines = self.callers.iter().enumerate();
        lines.map(|(number, caller)| format!("{} user-{number}\n", caller.token)).collect()
    }

    /// The n-th request of this kind, as GraphQL over HTTP.
    pub fn graphql(&self, request: Request, number: usize) -> Vec<u8> {
        let caller = &self.callers[number % CALLERS];
        let global = |kind: &str, key: &str| {
            hallpass::graphql::encode_id(kind, key.parse::<uuid::Uuid>().unwrap()).0
        };
        let (query, variables) = match request {
            Request::Me => ("{ me { id email roles } }", json!({})),
            Request::Tasks => (
                "{ tasks(first: 20) { nodes { id title completed createdAt } pageInfo { hasNextPage endCursor } } }",
                json!({}),
            ),
            Request::Task => (
                "query ($id: ID!) { task(id: $id) { id title completed createdAt } }",
                json!({ "id": global("Task", &caller.task) }),
            ),
            Request::Chapters => (
                "query ($course: ID) { chapters(first: 10, course: $course) { nodes { id title requiredTier \
                 personalized { level body } progress { percent updatedAt } } } }",
                json!({ "course": global("Course", &self.courses[number % self.courses.len()]) }),
            ),
            Request::Create => (
                "mutation ($title: String!) { createTask(input: {title: $title, description: \"Some words.\"}) \
                 { task { id title completed createdAt } } }",
                json!({ "title": format!("Created {number}") }),
            ),
        };
        let body = json!({ "query": query, "variables": variables }).to_string();
        http("POST", "/graphql", &caller.token, &body)
    }

    /// The same as REST, for the floor.
    pub fn rest(&self, request: Request, number: usize) -> Vec<u8> {
        let caller = &self.callers[number % CALLERS];
        let course = &self.courses[number % self.courses.len()];
        let body = format!("{{\"title\":\"Created {number}\"}}");
        match request {
            Request::Me => http("GET", "/me", &caller.token, ""),
            Request::Tasks => http("GET", "/tasks", &caller.token, ""),
            Request::Task => http("GET", &format!("/tasks/{}", caller.task), &caller.token, ""),
            Request::Chapters => http("GET", &format!("/chapters/{course}"), &caller.token, ""),
            Request::Create => http("POST", "/tasks", &caller.token, &body),
        }
    }
}

fn http(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\naccept: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
