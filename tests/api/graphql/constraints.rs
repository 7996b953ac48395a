//! Constraints of the schema: each is enforced by its resolver, and reported with values of the wrong type.

use async_graphql::parser::types::{BaseType, InputValueDefinition, Type, TypeKind};
use async_graphql::{Positioned, Value as Const};
use hallpass::testing::{Sdl, named, user};
use serde_json::{Map, Value, json};

use crate::support::app::{App, Backend, Client, application};

/// Arguments and members with a constraint, at least. Fewer: the test does not find them.
const MIN_CASES: usize = 140;

/// A value that violates one constraint, and its problem.
struct Violation {
    /// Path of the input.
    path: Vec<String>,
    /// The value of the input.
    value: Value,
    problem: &'static str,
    /// Path of the problem below the input.
    below: &'static str,
    limit: Option<i64>,
    /// The input given beside it.
    beside: Option<String>,
}

/// The value of `argument` of the constraint of `input`.
fn constraint(input: &InputValueDefinition, argument: &str) -> Option<Const> {
    let stated = input.directives.iter().find(|it| it.node.name.node == "constraint")?;
    let found = stated.node.arguments.iter().find(|(name, _)| name.node == argument)?;
    Some(found.1.node.clone())
}

fn number(input: &InputValueDefinition, argument: &str) -> Option<i64> {
    match constraint(input, argument)? {
        Const::Number(number) => number.as_i64(),
        other => panic!("{argument} is {other}"),
    }
}

/// The values that violate the constraint of `input`, one for each part of it.
fn violations(input: &InputValueDefinition, path: &[String]) -> Vec<Violation> {
    let is_list = matches!(input.ty.node.base, BaseType::List(_));
    let below = if is_list { "0" } else { "" };
    let of = |value, problem, below, limit| Violation {
        path: path.to_vec(),
        value,
        problem,
        below,
        limit,
        beside: None,
    };
    let one = |value: Value, problem, limit| {
        let value = if is_list { json!([value]) } else { value };
        of(value, problem, below, limit)
    };
    let date = |year: i64| match named(&input.ty.node) {
        "Date" => json!(format!("{year}-06-01")),
        _ => json!(format!("{year}-06-01T00:00:00Z")),
    };
    let text = |length: i64| json!("x".repeat(usize::try_from(length).unwrap()));
    let get = |argument| number(input, argument);
    let found = [
        get("minLength").map(|min| one(text(min - 1), "REQUIRED", None)),
        get("maxLength").map(|max| one(text(max + 1), "TOO_LONG", Some(max))),
        get("maxItems").map(|max| {
            let items: Vec<_> = (0..=max).map(|item| item.to_string()).collect();
            of(json!(items), "TOO_MANY", "", Some(max))
        }),
        get("min").map(|min| one(json!(min - 1), "OUT_OF_RANGE", Some(min))),
        get("max").map(|max| one(json!(max + 1), "OUT_OF_RANGE", Some(max))),
        get("minYear").map(|min| one(date(min - 1), "OUT_OF_RANGE", Some(min))),
        get("maxYear").map(|max| one(date(max + 1), "OUT_OF_RANGE", Some(max))),
        constraint(input, "pattern").map(|_| one(json!("a |"), "INVALID", None)),
        constraint(input, "notNull").map(|_| of(Value::Null, "REQUIRED", "", None)),
        constraint(input, "excludes").map(|other| {
            let Const::String(other) = other else { panic!("excludes is {other}") };
            let value = if get("min").is_some() { json!(1) } else { date(2027) };
            Violation { beside: Some(other), ..one(value, "CONFLICTING", None) }
        }),
    ];
    found.into_iter().flatten().collect()
}

/// A value of this type.
fn valid(sdl: &Sdl, ty: &Type) -> Value {
    if let BaseType::List(of) = &ty.base {
        return json!([valid(sdl, of)]);
    }
    match (named(ty), sdl.kind(named(ty))) {
        ("Int" | "Float", _) => json!(1),
        ("Boolean", _) => json!(true),
        ("Date", _) => json!("2027-03-01"),
        ("DateTime", _) => json!("2027-03-01T00:00:00Z"),
        (_, Some(TypeKind::Enum(kind))) => json!(kind.values[0].node.value.node.as_str()),
        (_, Some(TypeKind::InputObject(kind))) => Value::Object(required(sdl, &kind.fields)),
        _ => json!("a"),
    }
}

/// Values of the inputs that must be given.
fn required(sdl: &Sdl, inputs: &[Positioned<InputValueDefinition>]) -> Map<String, Value> {
    let needed = inputs
        .iter()
        .map(|input| &input.node)
        .filter(|input| !input.ty.node.nullable && input.default_value.is_none());
    needed.map(|input| (input.name.to_string(), valid(sdl, &input.ty.node))).collect()
}

/// All violations of the inputs of a field: of its arguments, and of their members.
fn violations_of(sdl: &Sdl, arguments: &[Positioned<InputValueDefinition>]) -> Vec<Violation> {
    let mut all = Vec::new();
    for argument in arguments.iter().map(|argument| &argument.node) {
        let path = [argument.name.to_string()];
        let mut own = violations(argument, &path);
        let is_list = matches!(argument.ty.node.base, BaseType::List(_));
        let kind = sdl.kind(named(&argument.ty.node));
        if let (true, Some(TypeKind::InputObject(kind))) = (is_list, kind) {
            let item = Value::Object(required(sdl, &kind.fields));
            for violation in &mut own {
                let items = violation.value.as_array_mut().unwrap();
                items.iter_mut().for_each(|it| *it = item.clone());
            }
        }
        all.extend(own);
        // The members of the items are those of the argument of another field.
        if let (false, Some(TypeKind::InputObject(kind))) = (is_list, kind) {
            for member in kind.fields.iter().map(|member| &member.node) {
                let path = [path[0].clone(), member.name.to_string()];
                all.extend(violations(member, &path));
            }
        }
    }
    all
}

/// The arguments of the field with the value that violates.
fn arguments(
    sdl: &Sdl,
    inputs: &[Positioned<InputValueDefinition>],
    violation: &Violation,
) -> Map<String, Value> {
    let mut values = required(sdl, inputs);
    let argument = &violation.path[0];
    let target = match violation.path.get(1) {
        None => &mut values,
        Some(_) => {
            let input = inputs.iter().find(|input| input.node.name.node == *argument).unwrap();
            let value =
                values.entry(argument.clone()).or_insert_with(|| valid(sdl, &input.node.ty.node));
            value.as_object_mut().unwrap()
        }
    };
    if let Some(other) = &violation.beside {
        let value = match violation.value {
            Value::Number(_) => json!(1),
            _ => json!("2027-03-01T00:00:00Z"),
        };
        target.insert(other.clone(), value);
    }
    target.insert(violation.path.last().unwrap().clone(), violation.value.clone());
    values
}

/// The problem that the response reports at `path`.
fn problem(body: &Value, path: &str) -> Value {
    let errors = body["errors"].as_array().unwrap_or_else(|| panic!("{path}: {body}"));
    let mut problems = errors.iter().filter_map(|it| it["extensions"]["problems"].as_array());
    let problem = problems.find_map(|all| all.iter().find(|problem| problem["path"] == path));
    problem.unwrap_or_else(|| panic!("{path}: {body}")).clone()
}

async fn is_enforced(
    who: &Client<'_>,
    sdl: &Sdl,
    root: &str,
    field: &hallpass::testing::Field,
    violation: &Violation,
) {
    let inputs = &field.node.arguments;
    let values = arguments(sdl, inputs, violation);
    let type_of =
        |name: &String| &inputs.iter().find(|it| it.node.name.node == *name).unwrap().node;
    let defined: String =
        values.keys().map(|name| format!("${name}: {} ", type_of(name).ty.node)).collect();
    let passed: String = values.keys().map(|name| format!("{name}: ${name} ")).collect();
    let selects = match sdl.kind(named(&field.node.ty.node)) {
        None | Some(TypeKind::Scalar | TypeKind::Enum(_)) => "",
        Some(_) => "{ __typename }",
    };
    let (operation, name) = (root.to_lowercase(), &field.node.name.node);
    let mut path = violation.path.join(".");
    if !violation.below.is_empty() {
        path = format!("{path}.{}", violation.below);
    }
    let document = format!("{operation}({defined}) {{ {name}({passed}) {selects} }}");
    let by_resolver = who.ask_with(&document, Value::Object(values.clone())).await.body;
    let found = problem(&by_resolver, &path);
    assert_eq!(found["problem"], violation.problem, "{name}: {by_resolver}");
    assert_eq!(found["limit"].as_i64(), violation.limit, "{name}: {by_resolver}");

    // Beside a value of the wrong type, which stops the request.
    let document = format!(
        "{operation}({defined} $wrong: Boolean!) {{ {name}({passed}) {selects} __typename @include(if: $wrong) }}"
    );
    let mut with_wrong = values;
    with_wrong.insert("wrong".to_owned(), json!("x"));
    let together = who.ask_with(&document, Value::Object(with_wrong)).await.body;
    assert_eq!(problem(&together, &path), found, "{name}: {together}");
    assert_eq!(problem(&together, "if")["problem"], "WRONG_TYPE", "{together}");
    assert_eq!(together.get("data"), None, "{together}");
}

#[tokio::test]
async fn every_constraint_is_enforced() {
    let app = App::start(Backend::Sqlite).await;
    let sdl = Sdl::full(application());
    let everything = user("editor").role("admin,editor");
    let who = app.by_jwt(&everything);
    let mut cases = 0;
    for root in ["Query", "Mutation"] {
        for field in sdl.fields(root) {
            for violation in violations_of(&sdl, &field.node.arguments) {
                is_enforced(&who, &sdl, root, field, &violation).await;
                cases += 1;
            }
        }
    }
    assert!(cases >= MIN_CASES, "{cases}");
}

#[tokio::test]
async fn constraints_of_literals_are_reported() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&user("alice"));
    let title = "x".repeat(201);
    let document = format!(
        "mutation {{ createTask(input: {{title: \"{title}\", priority: \"LOW\", tags: [\"\"], \
         dueAt: \"1999-01-01T00:00:00Z\", dueOn: \"2027-03-01\"}}) {{ task {{ id }} }} \
         deleteTasks(ids: [5]) {{ deletedTaskIds }} }}"
    );
    let answer = who.ask(&document).await.body;
    let paths = |problem: &str| {
        let problems = answer["errors"][0]["extensions"]["problems"].as_array().unwrap();
        let of_kind = problems.iter().filter(|it| it["problem"] == problem);
        of_kind.map(|it| it["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths("WRONG_TYPE"), ["input.priority"], "{answer}");
    assert_eq!(paths("TOO_LONG"), ["input.title"]);
    assert_eq!(paths("REQUIRED"), ["input.tags.0"]);
    assert_eq!(paths("OUT_OF_RANGE"), ["input.dueAt"]);
    assert_eq!(paths("CONFLICTING"), ["input.dueOn"]);
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    let valid = "mutation { createTask(input: {title: \"a\", tags: [\"b\"]}) { task { title } } }";
    assert_eq!(who.data(valid).await["createTask"]["task"]["title"], "a");
}
