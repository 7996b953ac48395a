//! Responses follow the GraphQL specification; these tests detect changes of the library.

use async_graphql::{
    Context, EmptySubscription, Guard, InputObject, MaybeUndefined, Object, Schema, Variables,
};
use hallpass::graphql::NullOnError;
use serde_json::{Value, json};

use crate::support::app::{App, Backend};
use crate::support::callers::alice;

struct Never;

impl Guard for Never {
    async fn check(&self, _: &Context<'_>) -> async_graphql::Result<()> {
        Err("never".into())
    }
}

struct Thing;

#[Object]
impl Thing {
    async fn name(&self) -> &str {
        "thing"
    }

    #[graphql(guard = "Never")]
    async fn guarded(&self) -> Option<&str> {
        Some("secret")
    }

    async fn failing(&self) -> async_graphql::Result<Option<i32>> {
        Err("failed".into())
    }

    async fn inner(&self) -> Option<async_graphql::Result<i32>> {
        Some(Err("failed".into()))
    }

    async fn required(&self) -> async_graphql::Result<i32> {
        Err("failed".into())
    }
}

#[derive(Default)]
struct Query;

#[Object]
impl Query {
    async fn slow(&self) -> i32 {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        1
    }

    async fn quick(&self) -> i32 {
        2
    }

    async fn thing(&self) -> Option<NullOnError<Thing>> {
        Some(NullOnError(Thing))
    }

    async fn things(&self) -> Vec<Option<NullOnError<Thing>>> {
        vec![Some(NullOnError(Thing)), Some(NullOnError(Thing))]
    }

    async fn seen(&self, text: MaybeUndefined<String>, input: Option<Input>) -> String {
        format!("{text:?} {:?}", input.map(|input| input.text))
    }
}

#[derive(InputObject)]
struct Input {
    text: MaybeUndefined<String>,
}

#[derive(Default)]
struct Mutation;

#[Object]
impl Mutation {
    #[graphql(guard = "Never")]
    async fn rejected(&self) -> Option<i32> {
        Some(1)
    }

    async fn done(&self) -> Option<i32> {
        Some(2)
    }
}

async fn run(query: &str, variables: Value) -> (Value, Vec<Value>, String) {
    let schema = Schema::new(NullOnError(Query), NullOnError(Mutation), EmptySubscription);
    let request = async_graphql::Request::new(query).variables(Variables::from_json(variables));
    let response = schema.execute(request).await;
    let errors = response.errors.iter().map(|error| json!(error)["path"].clone()).collect();
    let text = serde_json::to_string(&response.data).unwrap();
    (response.data.into_json().unwrap(), errors, text)
}

#[tokio::test]
async fn response_keys_follow_the_query_order() {
    assert_eq!(run("{ slow quick }", json!({})).await.2, r#"{"slow":1,"quick":2}"#);
    assert_eq!(run("{ quick slow }", json!({})).await.2, r#"{"quick":2,"slow":1}"#);
}

#[tokio::test]
async fn non_null_error_nulls_the_parent() {
    let (data, errors, _) = run("{ quick thing { name required } }", json!({})).await;
    assert_eq!(data, json!({"quick": 2, "thing": null}));
    assert_eq!(errors, [json!(["thing", "required"])]);
}

#[tokio::test]
async fn nullable_error_nulls_only_its_field() {
    let (data, errors, _) =
        run("{ quick thing { a: name guarded failing inner b: name } }", json!({})).await;
    let thing =
        json!({"a": "thing", "guarded": null, "failing": null, "inner": null, "b": "thing"});
    assert_eq!(data, json!({"quick": 2, "thing": thing}));
    for field in ["guarded", "failing", "inner"] {
        assert!(errors.contains(&json!(["thing", field])), "{errors:?}");
    }
    assert_eq!(errors.len(), 3);
}

#[tokio::test]
async fn list_errors_have_the_item_in_path() {
    let (data, errors, _) =
        run("{ things { ...F } } fragment F on Thing { name x: guarded }", json!({})).await;
    assert_eq!(data["things"], json!([{"name": "thing", "x": null}, {"name": "thing", "x": null}]));
    assert_eq!(errors, [json!(["things", 0, "x"]), json!(["things", 1, "x"])]);
}

#[tokio::test]
async fn denied_mutation_does_not_stop_the_next() {
    let (data, errors, _) = run("mutation { rejected done }", json!({})).await;
    assert_eq!(data, json!({"rejected": null, "done": 2}));
    assert_eq!(errors, [json!(["rejected"])]);
}

#[tokio::test]
async fn omitted_variable_is_undefined_not_null() {
    let query = "query($text: String) { seen(text: $text, input: {text: $text}) }";
    for (variables, expected) in [
        (json!({}), "Undefined Some(Undefined)"),
        (json!({ "text": null }), "Null Some(Null)"),
        (json!({ "text": "x" }), "Value(\"x\") Some(Value(\"x\"))"),
    ] {
        assert_eq!(run(query, variables).await.0["seen"], expected);
    }
}

#[tokio::test]
async fn errors_come_before_data() {
    let app = App::start(Backend::Sqlite).await;
    let request = app.anonymous().request(reqwest::Method::POST, "/graphql");
    let request = request.json(&json!({ "query": "{ tasks { totalCount } viewer { id } }" }));
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with(r#"{"errors":[{"#), "{text}");
    assert!(text.ends_with(r#""data":{"tasks":null,"viewer":null}}"#), "{text}");
}

#[tokio::test]
async fn denied_field_in_page_nulls_only_itself() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for n in 0..100 {
        alice
            .data(&format!(
                "mutation {{ createTask(input: {{title: \"{n}\", isPublic: true}}) {{ task {{ id }} }} }}"
            ))
            .await;
    }
    let answer =
        app.anonymous().ask("{ publicTasks(first: 100) { nodes { title tags priority } } }").await;
    let nodes = answer.body["data"]["publicTasks"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 100);
    assert!(nodes.iter().all(|node| node["title"].is_string() && node["priority"].is_null()));
    assert_eq!(answer.codes().len(), 200, "each null has its error");
}
