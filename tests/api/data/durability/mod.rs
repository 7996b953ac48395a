//! Every acknowledged write is stored, and a write that is not stored was not acknowledged.

mod commits;
mod files;
mod full_disk;
mod group_commit;
mod lost_connections;
mod starts;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use hallpass_data::Database;
use hallpass_data::audit::{Column, Entity};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseConnection, DbBackend, EntityTrait as _,
    QueryFilter as _, Statement,
};
use serde_json::Value;

use crate::domains::course_editing::{
    create_draft_chapter, create_draft_course, editor, publish, save_variant,
};
use crate::support::app::{App, GraphQlResponse};
use crate::support::callers::{User, alice, bob, user};

/// Longer than any operation here takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The mutations of the schema.
pub fn mutations() -> Vec<String> {
    let sdl = include_str!("../../../../schema.graphql");
    let definitions = parse_schema(sdl).unwrap().definitions.into_iter();
    let mut fields = definitions.filter_map(|definition| match definition {
        TypeSystemDefinition::Type(defined) if defined.node.name.node == "Mutation" => {
            match defined.node.kind {
                TypeKind::Object(object) => Some(object.fields),
                _ => None,
            }
        }
        _ => None,
    });
    let fields = fields.next().expect("there are mutations");
    fields.into_iter().map(|field| field.node.name.node.to_string()).collect()
}

/// A mutation that changes a row, and its caller.
pub struct Case {
    pub who: User,
    pub document: String,
}

impl Case {
    fn new(who: User, field: &str, arguments: &str, selection: &str) -> Self {
        Self { who, document: format!("mutation {{ {field}({arguments}){selection} }}") }
    }
}

/// Creates the task that another mutation changes.
const CREATE_TASK: &str = "mutation { createTask(input: {title: \"old\"}) { task { id } } }";

/// Creates rows for the mutation `field` to change.
struct Preparation<'a> {
    app: &'a App,
    field: &'a str,
}

impl Preparation<'_> {
    /// The id of a new task, in quotes.
    async fn task(&self) -> String {
        self.app.by_jwt(&alice()).data(CREATE_TASK).await["createTask"]["task"]["id"].to_string()
    }

    /// The slug of new rows, which differs for each mutation.
    fn slug(&self) -> String {
        self.field.to_ascii_lowercase()
    }

    /// The id of a new draft course.
    async fn course(&self) -> Value {
        create_draft_course(&self.app.by_jwt(&editor()), &self.slug()).await
    }

    /// The ids of a new draft course, and of its draft chapter with a variant.
    async fn course_with_chapter(&self) -> (Value, Value) {
        let who = self.app.by_jwt(&editor());
        let course = self.course().await;
        let chapter = create_draft_chapter(&who, &course, &self.slug()).await;
        save_variant(&who, &chapter, "old").await;
        (course, chapter)
    }

    async fn draft_chapter(&self) -> Value {
        self.course_with_chapter().await.1
    }

    async fn published_chapter(&self) -> Value {
        let (course, chapter) = self.course_with_chapter().await;
        publish(&self.app.by_jwt(&editor()), "Course", &course, true).await;
        publish(&self.app.by_jwt(&editor()), "Chapter", &chapter, true).await;
        chapter
    }

    /// The case of a mutation of tasks.
    async fn task_case(&self) -> Option<Case> {
        let (arguments, selection) = match self.field {
            "createTask" => {
                ("input: {title: \"new\", tags: [\"a\"]}".to_owned(), "{ task { id } }")
            }
            "createTasks" => {
                ("inputs: [{title: \"new\", tags: [\"a\"]}]".to_owned(), "{ tasks { id } }")
            }
            "updateTask" => {
                (format!("id: {}, input: {{title: \"new\"}}", self.task().await), "{ task { id } }")
            }
            "updateTasks" => {
                let arguments = format!("ids: [{}], input: {{title: \"new\"}}", self.task().await);
                (arguments, "{ tasks { id } }")
            }
            "completeTask" => (format!("id: {}", self.task().await), "{ task { id } }"),
            "completeTasks" => (format!("ids: [{}]", self.task().await), "{ tasks { id } }"),
            "deleteTask" => (format!("id: {}", self.task().await), "{ deletedTaskId }"),
            "deleteTasks" => (format!("ids: [{}]", self.task().await), "{ deletedTaskIds }"),
            "reopenTask" => {
                let id = self.task().await;
                let complete = format!("mutation {{ completeTask(id: {id}) {{ task {{ id }} }} }}");
                self.app.by_jwt(&alice()).data(&complete).await;
                (format!("id: {id}"), "{ task { id } }")
            }
            _ => return None,
        };
        Some(Case::new(alice(), self.field, &arguments, selection))
    }

    /// The case of a mutation of a learner's own rows.
    async fn learner_case(&self) -> Option<Case> {
        let (arguments, selection) = match self.field {
            "updateLearnerProfile" => ("input: {interestArea: \"AI\"}".to_owned(), "{ me { id } }"),
            "recordProgress" => {
                let chapter = self.published_chapter().await;
                (format!("chapterId: {chapter}, percent: 40"), "{ progress { percent } }")
            }
            "bookmarkChapter" => {
                let chapter = self.published_chapter().await;
                (format!("chapterId: {chapter}, bookmarked: true"), "{ chapter { id } }")
            }
            _ => return None,
        };
        Some(Case::new(alice(), self.field, &arguments, selection))
    }

    /// The case of a mutation of courses and chapters.
    async fn course_case(&self) -> Option<Case> {
        let new = "input: {title: \"new\"}";
        let (arguments, selection) = match self.field {
            "createCourse" => {
                ("input: {slug: \"new\", title: \"new\"}".to_owned(), "{ course { id } }")
            }
            "updateCourse" => (format!("id: {}, {new}", self.course().await), "{ course { id } }"),
            "publishCourse" => (format!("id: {}", self.course().await), "{ course { id } }"),
            "deleteCourse" => (format!("id: {}", self.course().await), "{ deletedCourseId }"),
            "createChapter" => {
                let input = "input: {slug: \"new\", title: \"new\", requiredTier: \"free\"}";
                (format!("courseId: {}, {input}", self.course().await), "{ chapter { id } }")
            }
            "updateChapter" => {
                (format!("id: {}, {new}", self.draft_chapter().await), "{ chapter { id } }")
            }
            "publishChapter" => {
                (format!("id: {}", self.draft_chapter().await), "{ chapter { id } }")
            }
            "deleteChapter" => {
                (format!("id: {}", self.draft_chapter().await), "{ deletedChapterId }")
            }
            "saveChapterVariant" => {
                let input = "input: {level: BEGINNER, hardware: BEGINNER, body: \"new\"}";
                (
                    format!("chapterId: {}, {input}", self.draft_chapter().await),
                    "{ variant { id } }",
                )
            }
            _ => return None,
        };
        Some(Case::new(editor(), self.field, &arguments, selection))
    }

    /// The case of a mutation of users.
    async fn user_case(&self) -> Option<Case> {
        if self.field != "eraseUser" {
            return None;
        }
        self.app.by_jwt(&bob()).data(CREATE_TASK).await;
        let admin = user("ada").role("admin");
        let arguments = format!("id: \"{}\"", bob().id());
        Some(Case::new(admin, self.field, &arguments, "{ report { total } }"))
    }
}

/// Creates the rows that the mutation `field` changes, and returns the mutation. A new mutation needs a case
/// here.
pub async fn case(app: &App, field: &str) -> Case {
    let preparation = Preparation { app, field };
    if let Some(case) = preparation.task_case().await {
        return case;
    }
    if let Some(case) = preparation.learner_case().await {
        return case;
    }
    if let Some(case) = preparation.course_case().await {
        return case;
    }
    let case = preparation.user_case().await;
    case.unwrap_or_else(|| panic!("the mutation {field} needs a case in this test"))
}

/// Written beside the requests, at times of their own, or by the test itself.
const UNRELATED_TABLES: [&str; 8] = [
    "known_user_search",
    "audit_event",
    "known_user",
    "seen_session",
    "key_set",
    "seaql_migrations",
    "doomed",
    "doomed_parent",
];

async fn texts(connection: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "v").unwrap()).collect()
}

/// The tables that mutations change.
async fn tables(database: &Database) -> Vec<String> {
    let connection = database.system("tests read every table").connection();
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT tablename::text AS v FROM pg_tables WHERE schemaname = 'public'"
        }
        // Without the tables of a full-text index, which are written as one.
        _ => {
            "SELECT name AS v FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
                AND name NOT LIKE 'sqlite_%'"
        }
    };
    let mut tables = texts(connection, sql).await;
    tables.retain(|table| !UNRELATED_TABLES.contains(&table.as_str()));
    tables
}

/// Every row of every table that mutations change, shortened.
pub async fn rows(database: &Database) -> BTreeMap<String, Vec<String>> {
    let connection = database.system("tests read every table").connection();
    let mut all = BTreeMap::new();
    for table in tables(database).await {
        let row = if connection.get_database_backend() == DbBackend::Postgres {
            "it::text".to_owned()
        } else {
            let columns = format!(
                "SELECT 'quote(\"' || name || '\")' AS v FROM pragma_table_info('{table}')"
            );
            texts(connection, &columns).await.join(" || ',' || ")
        };
        let sql = format!("SELECT {row} AS v FROM \"{table}\" it ORDER BY 1");
        let mut rows = texts(connection, &sql).await;
        rows.iter_mut().for_each(|row| *row = short(row));
        all.insert(table, rows);
    }
    all
}

/// A short text that differs if the full text differs.
fn short(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{} {:x}", text.chars().take(60).collect::<String>(), hasher.finish())
}

/// The audited outcomes of the mutation of `answer`.
async fn outcomes(app: &App, answer: &GraphQlResponse) -> Vec<String> {
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let ours = Entity::find().filter(Column::RequestId.eq(id));
    let connection = app.database.system("tests read the audit").connection();
    let began = Instant::now();
    loop {
        let events = ours.clone().all(connection).await.unwrap();
        if !events.is_empty() {
            return events.into_iter().map(|event| event.outcome).collect();
        }
        assert!(began.elapsed() < TIMEOUT, "nothing is audited for {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Checks that a mutation failed with an error and null, and changed nothing in `database`.
async fn failed(app: &App, database: &Database, field: &str, case: &Case) -> GraphQlResponse {
    let before = rows(database).await;
    let answer = app.by_jwt(&case.who).ask(&case.document).await;
    assert!(!answer.codes().is_empty(), "{field} was acknowledged: {}", answer.body);
    assert_eq!(answer.body["data"][field], Value::Null, "{field}");
    assert_eq!(rows(database).await, before, "{field} has an effect despite its error");
    answer
}

/// Checks that a mutation is acknowledged, and changed something in `database`.
async fn succeeded(app: &App, database: &Database, field: &str, case: &Case) {
    let before = rows(database).await;
    app.by_jwt(&case.who).data(&case.document).await;
    assert_ne!(rows(database).await, before, "{field} was acknowledged, and changed nothing");
}
