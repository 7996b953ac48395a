//! cynic, a typed GraphQL client for Rust. Its types are checked against the schema when they are compiled: against the
//! strict form, in which only what may be null without an error is optional, or, to read errors, the default form.

use cynic::{GraphQlResponse, MutationBuilder as _, Operation, QueryBuilder as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};

mod schema {
    cynic::use_schema!("clients/typescript/src/schema/schema.strict.graphql");
}

mod nullable {
    cynic::use_schema!("schema.graphql");
}

#[derive(cynic::Scalar, Debug)]
struct DateTime(String);

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[cynic(schema_path = "clients/typescript/src/schema/schema.strict.graphql")]
enum TaskPriority {
    Low,
    Medium,
    High,
    Urgent,
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "clients/typescript/src/schema/schema.strict.graphql")]
struct CreateTaskInput<'a> {
    title: &'a str,
    priority: TaskPriority,
    due_at: Option<DateTime>,
    tags: Vec<&'a str>,
}

#[derive(cynic::QueryVariables)]
struct CreateVariables<'a> {
    input: CreateTaskInput<'a>,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "clients/typescript/src/schema/schema.strict.graphql")]
#[cynic(graphql_type = "Mutation", variables = "CreateVariables")]
struct Create {
    #[arguments(input: $input)]
    create_task: CreateTaskPayload,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "clients/typescript/src/schema/schema.strict.graphql")]
struct CreateTaskPayload {
    task: Task,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(schema_path = "clients/typescript/src/schema/schema.strict.graphql")]
struct Task {
    id: cynic::Id,
    title: String,
    own: Option<OwnTask>,
    created_at: DateTime,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(schema_path = "clients/typescript/src/schema/schema.strict.graphql")]
struct OwnTask {
    priority: TaskPriority,
    tags: Vec<String>,
    due_at: Option<DateTime>,
}

#[derive(cynic::QueryVariables)]
struct PageVariables {
    first: i32,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "clients/typescript/src/schema/schema.strict.graphql")]
#[cynic(graphql_type = "Query", variables = "PageVariables")]
struct Tasks {
    #[arguments(first: $first)]
    tasks: TaskConnection,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "clients/typescript/src/schema/schema.strict.graphql")]
struct TaskConnection {
    nodes: Vec<Task>,
    total_count: Option<i32>,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "schema.graphql", schema_module = "nullable")]
#[cynic(graphql_type = "Query", variables = "PageVariables")]
struct MaybeTasks {
    #[arguments(first: $first)]
    tasks: Option<MaybeTaskConnection>,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "schema.graphql", schema_module = "nullable")]
#[cynic(graphql_type = "TaskConnection")]
struct MaybeTaskConnection {
    total_count: Option<i32>,
}

/// The extensions of an error.
#[derive(serde::Deserialize)]
struct Extensions {
    code: String,
}

async fn run<T: DeserializeOwned, V: Serialize>(
    who: &Client<'_>,
    operation: Operation<T, V>,
) -> GraphQlResponse<T, Extensions> {
    let body: Value = serde_json::to_value(operation).unwrap();
    serde_json::from_value(who.send(&body).await.body).unwrap()
}

fn create(title: &str) -> Operation<Create, CreateVariables<'_>> {
    let due_at = Some(DateTime("2027-03-01T09:30:00Z".to_owned()));
    let tags = vec!["a", "b"];
    let input = CreateTaskInput { title, priority: TaskPriority::High, due_at, tags };
    Create::build(CreateVariables { input })
}

#[tokio::test]
async fn cynic_reads_and_changes_tasks() {
    let app = App::start(Backend::Sqlite).await;
    let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
    let created = run(&alice, create("typed")).await.data.unwrap().create_task.task;
    let page = run(&alice, Tasks::build(PageVariables { first: 10 })).await.data.unwrap().tasks;
    assert_eq!(page.total_count, Some(1));
    let [task] = page.nodes.try_into().unwrap();
    assert_eq!((task.id, task.title), (created.id, created.title));
    assert_eq!(task.created_at.0, created.created_at.0);
    let own = task.own.unwrap();
    assert_eq!((own.priority, own.tags), (TaskPriority::High, ["a", "b"].map(String::from).into()));
    assert_eq!(own.due_at.unwrap().0, "2027-03-01T09:30:00Z");
    let of_bob = run(&bob, Tasks::build(PageVariables { first: 10 })).await.data.unwrap();
    assert_eq!(of_bob.tasks.total_count, Some(0));
}

#[tokio::test]
async fn cynic_reads_the_codes_of_errors() {
    let app = App::start(Backend::Sqlite).await;
    let read = async |who: Client<'_>, first| {
        let answer = run(&who, MaybeTasks::build(PageVariables { first })).await;
        let error = answer.errors.map(|errors| {
            let code = errors[0].extensions.as_ref().unwrap().code.clone();
            (code, errors[0].message.clone())
        });
        (answer.data.unwrap().tasks.map(|tasks| tasks.total_count), error)
    };
    let (tasks, error) = read(app.anonymous(), 10).await;
    assert!(tasks.is_none());
    assert_eq!(error.unwrap().0, "UNAUTHENTICATED");
    let (tasks, error) = read(app.by_jwt(&alice()), 101).await;
    assert!(tasks.is_none());
    let (code, message) = error.unwrap();
    assert_eq!(code, "BAD_USER_INPUT");
    assert!(message.contains("first"), "{message}");
    let (tasks, error) = read(app.by_jwt(&alice()), 10).await;
    assert_eq!((tasks, error), (Some(Some(0)), None));
}
