//! The floor: a server without GraphQL, access rules, audit and limits. It sends the statements that the requests need,
//! over connections that it keeps, and finds the caller of a token in a table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use axum::{Json, Router};
use hallpass_data::now;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::types::uuid::Uuid;
use sqlx::{ConnectOptions as _, FromRow, Row as _};

struct Floor {
    options: PgConnectOptions,
    idle: Mutex<Vec<PgConnection>>,
    /// The subject of each token.
    subjects: HashMap<String, String>,
}

type Reply = ([(HeaderName, HeaderValue); 1], Vec<u8>);

#[derive(Serialize, FromRow)]
struct Task {
    id: Uuid,
    title: String,
    completed: bool,
    created_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Page {
    nodes: Vec<Task>,
    has_next: bool,
}

#[derive(Serialize)]
struct Chapter {
    id: Uuid,
    title: String,
    required_tier: String,
    level: Option<i16>,
    body: Option<String>,
    percent: Option<i32>,
    updated_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct NewTask {
    title: String,
}

impl Floor {
    fn caller(&self, headers: &HeaderMap) -> String {
        let token = headers[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        self.subjects[token].clone()
    }

    async fn connection(&self) -> PgConnection {
        let idle = self.idle.lock().unwrap().pop();
        match idle {
            Some(connection) => connection,
            None => self.options.connect().await.unwrap(),
        }
    }

    fn release(&self, connection: PgConnection) {
        self.idle.lock().unwrap().push(connection);
    }
}

/// Serves at `PORT`, for the tokens of `SUBJECTS`.
#[expect(clippy::disallowed_methods, reason = "the options of a benchmark")]
pub async fn serve() {
    let option = |name| std::env::var(name).unwrap();
    let subjects = option("SUBJECTS");
    let subjects = subjects.lines().filter_map(|line| line.split_once(' '));
    let floor = Floor {
        options: option("DATABASE_URL").parse().unwrap(),
        idle: Mutex::default(),
        subjects: subjects.map(|(token, id)| (token.to_owned(), id.to_owned())).collect(),
    };
    let router = Router::new()
        .route("/me", get(me))
        .route("/tasks", get(tasks).post(create))
        .route("/tasks/{id}", get(task))
        .route("/chapters/{course}", get(chapters))
        .with_state(Arc::new(floor));
    let port: u16 = option("PORT").parse().unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}

fn json(value: &impl Serialize) -> Reply {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], serde_json::to_vec(value).unwrap())
}

async fn me(State(floor): State<Arc<Floor>>, headers: HeaderMap) -> Reply {
    let id = floor.caller(&headers);
    json(&serde_json::json!({ "id": id, "roles": ["user"] }))
}

async fn tasks(State(floor): State<Arc<Floor>>, headers: HeaderMap) -> Reply {
    let mut connection = floor.connection().await;
    let statement = "SELECT id, title, completed, created_at FROM task WHERE owner_id = $1 \
                     ORDER BY created_at DESC, id DESC LIMIT 21";
    let query = sqlx::query_as::<_, Task>(statement).bind(floor.caller(&headers));
    let mut nodes = query.fetch_all(&mut connection).await.unwrap();
    floor.release(connection);
    let has_next = nodes.len() > 20;
    nodes.truncate(20);
    json(&Page { nodes, has_next })
}

async fn task(State(floor): State<Arc<Floor>>, headers: HeaderMap, Path(id): Path<Uuid>) -> Reply {
    let mut connection = floor.connection().await;
    let statement = "SELECT id, title, completed, created_at FROM task \
                     WHERE id = $1 AND (owner_id = $2 OR is_public)";
    let query = sqlx::query_as::<_, Task>(statement).bind(id).bind(floor.caller(&headers));
    let task = query.fetch_optional(&mut connection).await.unwrap();
    floor.release(connection);
    json(&task)
}

async fn create(
    State(floor): State<Arc<Floor>>,
    headers: HeaderMap,
    Json(NewTask { title }): Json<NewTask>,
) -> Reply {
    let mut connection = floor.connection().await;
    let statement = "INSERT INTO task (id, owner_id, title, title_key, title_search, description, \
         description_search, completed, priority, is_public, version, created_at, updated_at) \
         VALUES ($1, $2, $3, lower($3), lower($3), 'Some words.', 'some words.', false, 1, false, 1, $4, $4) \
         RETURNING id, title, completed, created_at";
    let query = sqlx::query_as::<_, Task>(statement).bind(Uuid::now_v7());
    let query = query.bind(floor.caller(&headers)).bind(title).bind(now());
    let task = query.fetch_one(&mut connection).await.unwrap();
    floor.release(connection);
    json(&task)
}

async fn chapters(
    State(floor): State<Arc<Floor>>,
    headers: HeaderMap,
    Path(course): Path<Uuid>,
) -> Reply {
    let mut connection = floor.connection().await;
    let statement = "SELECT id, title, required_tier FROM chapter WHERE course_id = $1 AND published \
                     ORDER BY ordinal, id LIMIT 11";
    let rows = sqlx::query(statement).bind(course).fetch_all(&mut connection).await.unwrap();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let statement = "SELECT chapter_id, level, body FROM chapter_variant \
                     WHERE chapter_id = ANY($1) AND level = 0 AND hardware = 0";
    let texts = sqlx::query(statement).bind(&ids).fetch_all(&mut connection).await.unwrap();
    let statement = "SELECT chapter_id, percent, updated_at FROM chapter_progress \
                     WHERE owner_id = $1 AND chapter_id = ANY($2)";
    let progress = sqlx::query(statement).bind(floor.caller(&headers)).bind(&ids);
    let progress = progress.fetch_all(&mut connection).await.unwrap();
    floor.release(connection);
    let by_chapter = |rows: Vec<PgRow>| {
        rows.into_iter().map(|row| (row.get::<Uuid, _>(0), row)).collect::<HashMap<_, _>>()
    };
    let (texts, progress) = (by_chapter(texts), by_chapter(progress));
    let chapter = |row: &PgRow| {
        let id = row.get(0);
        let (text, progress) = (texts.get(&id), progress.get(&id));
        Chapter {
            id,
            title: row.get(1),
            required_tier: row.get(2),
            level: text.map(|row| row.get(1)),
            body: text.map(|row| row.get(2)),
            percent: progress.map(|row| row.get(1)),
            updated_at: progress.map(|row| row.get(2)),
        }
    };
    json(&rows.iter().take(10).map(chapter).collect::<Vec<_>>())
}
