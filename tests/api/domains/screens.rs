//! What a screen reads in one request: payloads of mutations, courses with their chapters, filters and nodes.

use serde_json::{Value, json};

use crate::access::audit::flush_audit;
use crate::domains::activity::wait_for_activity;
use crate::domains::course_editing::editor;
use crate::on_both_databases;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob, user};

async fn create(who: &Client<'_>, input: Value) -> Value {
    let document =
        "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }";
    who.data_with(document, json!({ "input": input })).await["createTask"]["task"]["id"].clone()
}

async fn titles(who: &Client<'_>, filter: &Value) -> Vec<String> {
    let list = "query($filter: TaskFilter) {
        tasks(filter: $filter, orderBy: {field: TITLE}) { nodes { title } } taskStats(filter: $filter) { total } }";
    let data = who.data_with(list, json!({ "filter": filter })).await;
    let nodes = data["tasks"]["nodes"].as_array().unwrap();
    assert_eq!(data["taskStats"]["total"], nodes.len(), "{filter}");
    nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

async fn slugs(who: &Client<'_>, filter: &Value) -> Vec<String> {
    let list = "query($filter: ChapterFilter) { chapters(filter: $filter) { nodes { slug } } }";
    let data = who.data_with(list, json!({ "filter": filter })).await;
    let nodes = data["chapters"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["slug"].as_str().unwrap().to_owned()).collect()
}

/// The tags with their numbers of tasks.
async fn tags(who: &Client<'_>, arguments: &str) -> String {
    let data = who.data(&format!("{{ taskTags{arguments} {{ tag count }} }}")).await;
    let tags = data["taskTags"].as_array().unwrap().iter();
    let tags = tags.map(|it| format!("{}{}", it["tag"].as_str().unwrap(), it["count"]));
    tags.collect::<Vec<_>>().join(" ")
}

/// The ids and slugs of the chapters of a course.
pub async fn chapters(app: &App, course: &str) -> Vec<(Value, Value)> {
    let read = format!("{{ chapters(course: \"{course}\") {{ nodes {{ id slug }} }} }}");
    let data = app.anonymous().data(&read).await;
    let nodes = data["chapters"]["nodes"].as_array().unwrap().iter();
    nodes.map(|it| (it["id"].clone(), it["slug"].clone())).collect()
}

/// Records progress, unless there is no chapter.
pub async fn record(who: &Client<'_>, chapter: &Value, percent: i32) {
    if !chapter.is_null() {
        let note = format!("recordProgress(chapterId: {chapter}, percent: {percent})");
        who.data(&format!("mutation {{ {note} {{ progress {{ percent }} }} }}")).await;
    }
}

on_both_databases! {
    async fn payload_has_edge_counts_and_queries(app: App) {
        let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        create(&bob, json!({"title": "bob's"})).await;
        create(&alice, json!({"title": "b"})).await;
        let made = alice.data("mutation { createTask(input: {title: \"a\"}) {
            task { id } edge { cursor node { title } } byTitle: edge(orderBy: {field: TITLE}) { cursor }
            taskStats { total } query { me { id } tasks { nodes { title } } } } }").await["createTask"].clone();
        assert_eq!((&made["edge"]["node"]["title"], &made["taskStats"]["total"]), (&json!("a"), &json!(2)));
        assert_eq!(made["query"], json!({"me": {"id": crate::support::callers::alice().id()},
            "tasks": {"nodes": [{"title": "a"}, {"title": "b"}]}}));
        for (cursor, order) in [(&made["edge"], ""), (&made["byTitle"], ", orderBy: {field: TITLE}")] {
            let after = format!("{{ tasks(after: {}{order}) {{ nodes {{ title }} }} }}", cursor["cursor"]);
            assert_eq!(alice.data(&after).await["tasks"]["nodes"], json!([{"title": "b"}]));
        }
        let gone = format!("mutation {{ deleteTask(id: {}) {{ deletedTaskId taskStats {{ total }} }} }}", made["task"]["id"]);
        let gone = alice.data(&gone).await["deleteTask"].clone();
        assert_eq!(gone, json!({"deletedTaskId": made["task"]["id"], "taskStats": {"total": 1}}));
    }

    async fn tasks_are_created_and_changed_together(app: App) {
        let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let make = "mutation($inputs: [CreateTaskInput!]!, $key: String) {
            createTasks(inputs: $inputs, idempotencyKey: $key) { tasks { id title own { tags } } edges { node { title } } taskStats { total } } }";
        let inputs = json!([{"title": "a", "tags": ["x"]}, {"title": "b"}]);
        let made = alice.data_with(make, json!({"inputs": inputs, "key": "k"})).await["createTasks"].clone();
        assert_eq!(made["taskStats"]["total"], 2);
        assert_eq!(made["edges"], json!([{"node": {"title": "a"}}, {"node": {"title": "b"}}]));
        assert_eq!(made["tasks"][0]["own"]["tags"], json!(["x"]));
        let again = alice.data_with(make, json!({"inputs": inputs, "key": "k"})).await["createTasks"].clone();
        assert_eq!(again["tasks"], made["tasks"], "a repeated request creates nothing");
        assert_eq!(again["taskStats"]["total"], 2);
        let wrong = alice.ask_with(make, json!({"inputs": [{"title": ""}, {"title": "c"}, {"title": "d", "tags": [""]}]})).await;
        let paths: Vec<_> = wrong.error()["extensions"]["problems"].as_array().unwrap().iter().map(|it| it["path"].clone()).collect();
        assert_eq!(paths, ["inputs.0.title", "inputs.2.tags.0"]);
        let ids = json!([made["tasks"][0]["id"], made["tasks"][1]["id"]]);
        let change = "mutation($ids: [ID!]!) { updateTasks(ids: $ids, input: {priority: URGENT, tags: [\"y\"]}) {
            tasks { version own { priority tags } } } }";
        assert_eq!(bob.ask_with(change, json!({ "ids": ids })).await.codes(), ["NOT_FOUND"]);
        let changed = alice.data_with(change, json!({ "ids": ids })).await["updateTasks"]["tasks"].clone();
        let one = json!({"version": 2, "own": {"priority": "URGENT", "tags": ["y"]}});
        assert_eq!(changed, json!([one, one]));
        let theirs = create(&bob, json!({"title": "bob's"})).await;
        let mixed = json!([made["tasks"][0]["id"], theirs]);
        assert_eq!(alice.ask_with(change, json!({ "ids": mixed })).await.codes(), ["NOT_FOUND"]);
        let all = alice.data("{ tasks { nodes { version } } }").await["tasks"]["nodes"].clone();
        assert_eq!(all, json!([{"version": 2}, {"version": 2}]), "all or none");
    }

    async fn tasks_are_filtered(app: App) {
        let who = app.by_jwt(&alice());
        for input in [
            json!({"title": "a", "priority": "LOW", "tags": ["x", "y"], "dueOn": "2020-03-01"}),
            json!({"title": "b", "priority": "HIGH", "tags": ["y"], "dueAt": "2020-03-02T00:00:00Z"}),
            json!({"title": "c", "priority": "URGENT", "tags": ["z"], "dueAt": "2100-01-01T00:00:00Z"}),
            json!({"title": "d"}),
        ] {
            create(&who, input).await;
        }
        let done = create(&who, json!({"title": "e", "dueOn": "2020-03-01"})).await;
        who.data(&format!("mutation {{ completeTask(id: {done}) {{ task {{ id }} }} }}")).await;
        for (filter, expected) in [
            (json!({"priorities": ["LOW", "URGENT"]}), "ac"),
            (json!({"priorities": []}), ""),
            (json!({"tags": ["x", "z"]}), "ac"),
            (json!({"overdue": true}), "ab"),
            (json!({"overdue": false}), "cde"),
            (json!({"dueOn": "2020-03-01"}), "ae"),
            (json!({"dueOn": "2020-03-02"}), "b"),
            (json!({"anyOf": [{"tags": ["z"]}, {"completed": true}]}), "ce"),
            (json!({"completed": false, "anyOf": [{"tags": ["z"]}, {"completed": true}]}), "c"),
            (json!({"anyOf": []}), ""),
            (json!({"anyOf": [{}]}), "abcde"),
        ] {
            assert_eq!(titles(&who, &filter).await.concat(), expected, "{filter}");
        }
        let nested = json!({ "filter": {"anyOf": [{"anyOf": []}]} });
        let answer = who.ask_with("query($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }", nested).await;
        assert!(!answer.first_error("filter.anyOf.0.anyOf").is_empty());
    }

    async fn tags_are_counted_among_matching_tasks(app: App) {
        let (who, other) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let late = "2020-03-01T00:00:00Z";
        for input in [
            json!({"title": "a", "tags": ["x", "y"], "dueAt": late}),
            json!({"title": "b", "tags": ["y"], "dueAt": late, "priority": "HIGH"}),
            json!({"title": "c", "tags": ["z"], "dueAt": "2100-01-01T00:00:00Z"}),
            json!({"title": "d", "dueAt": late}),
        ] {
            create(&who, input).await;
        }
        create(&other, json!({"title": "bob's", "tags": ["x", "y", "bob's"], "dueAt": late, "isPublic": true})).await;
        for (arguments, expected) in [
            ("", "y2 x1 z1"),
            ("(first: 1)", "y2"),
            ("(filter: null)", "y2 x1 z1"),
            ("(filter: {})", "y2 x1 z1"),
            ("(filter: {overdue: true})", "y2 x1"),
            ("(filter: {overdue: true}, first: 1)", "y2"),
            ("(filter: {overdue: false})", "z1"),
            ("(filter: {tag: \"x\"})", "x1 y1"),
            ("(filter: {overdue: true, priority: HIGH})", "y1"),
            ("(filter: {anyOf: [{text: \"c\"}, {tags: [\"x\"]}]})", "x1 y1 z1"),
            ("(filter: {completed: true})", ""),
        ] {
            assert_eq!(tags(&who, arguments).await, expected, "{arguments}");
        }
        assert_eq!(tags(&other, "(filter: {overdue: true})").await, "bob's1 x1 y1");
        let invalid = who.ask("{ taskTags(filter: {anyOf: [{anyOf: []}]}) { tag } }").await;
        assert!(!invalid.first_error("filter.anyOf.0.anyOf").is_empty());
        let read = who.data("{ taskTags(filter: {overdue: true}) { tag count } }");
        assert_eq!(app.statements_of(read).await.1.len(), 1);
    }

    async fn current_chapter_is_the_one_to_read(app: App) {
        let app = app.with_courses().await;
        let who = app.by_jwt(&alice().tier("enterprise"));
        let read = "{ currentChapter { slug } rust: course(slug: \"rust-apis\") { currentChapter { slug } }
            ai: course(slug: \"physical-ai\") { currentChapter { slug } } }";
        let [rust, ai] = [chapters(&app, "rust-apis").await, chapters(&app, "physical-ai").await];
        let ([r1, r2, r3], none) = ([0, 1, 2].map(|at| &rust[at].1), &Value::Null);
        let (a1, a2) = (&ai[0].1, &ai[1].1);
        for (what, (id, percent), current, of_rust, of_ai) in [
            ("nothing is begun", (none, 0), none, r1, a1),
            ("the second is begun", (&rust[1].0, 10), r2, r2, a1),
            ("the third is begun", (&rust[2].0, 10), r3, r3, a1),
            ("the second is completed", (&rust[1].0, 100), r3, r3, a1),
            ("the first is completed", (&rust[0].0, 100), r3, r3, a1),
            ("another course is begun", (&ai[1].0, 50), a2, r3, a2),
            ("the third is completed", (&rust[2].0, 100), a2, none, a2),
        ] {
            record(&who, id, percent).await;
            let data = who.data(read).await;
            let slugs = [&data["currentChapter"], &data["rust"]["currentChapter"], &data["ai"]["currentChapter"]];
            assert_eq!(slugs.map(|it| &it["slug"]), [current, of_rust, of_ai], "{what}");
        }
        assert_eq!(app.by_jwt(&bob()).data(read).await["currentChapter"], *none, "of this caller");
        for (chapter, following) in [(1, 2), (2, 3), (3, 0), (0, 4)] {
            record(&who, &ai[chapter].0, 100).await;
            let next = ai.get(following).map_or(none, |(_, slug)| slug);
            assert_eq!(who.data(read).await["currentChapter"]["slug"], *next, "after {chapter}");
        }
        let guest = app.anonymous().data("{ course(slug: \"rust-apis\") { currentChapter { slug } } }").await;
        assert_eq!(guest["course"]["currentChapter"], *none);
    }

    async fn current_chapter_takes_few_statements(app: App) {
        let app = app.with_courses().await;
        let who = app.by_jwt(&alice());
        let rust = chapters(&app, "rust-apis").await;
        for (percent, most) in [(10, 2), (100, 4)] {
            record(&who, &rust[0].0, percent).await;
            let (_, statements) = app.statements_of(who.data("{ currentChapter { slug } }")).await;
            assert!(statements.len() <= most, "{statements:#?}");
        }
        let each = "{ courses { nodes { currentChapter { slug } progress { percent nextChapter { slug } } } } }";
        let (_, statements) = app.statements_of(who.data(each)).await;
        // The courses; their chapters, the progress, and the chapters that are returned.
        assert!(statements.len() <= 5, "{statements:#?}");
    }

    async fn own_fields_of_public_tasks_have_no_errors(app: App) {
        let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        create(&alice, json!({"title": "a", "isPublic": true, "description": "secret", "tags": ["t"]})).await;
        let list = "{ publicTasks { nodes { title own { description priority dueAt dueOn tags } } } }";
        let own = json!({"description": "secret", "priority": "MEDIUM", "dueAt": null, "dueOn": null, "tags": ["t"]});
        assert_eq!(alice.data(list).await["publicTasks"]["nodes"], json!([{"title": "a", "own": own}]));
        for who in [bob, app.anonymous()] {
            assert_eq!(who.data(list).await["publicTasks"]["nodes"], json!([{"title": "a", "own": null}]));
        }
    }

    async fn course_has_chapters_progress_and_neighbors(app: App) {
        let app = app.with_courses().await;
        let who = app.by_jwt(&alice());
        let read = "{ course(slug: \"rust-apis\") { id chapterCount
            progress { percent completedChapters startedChapters updatedAt nextChapter { slug } }
            chapters(first: 2) { totalCount nodes { slug previous { slug } next { slug } } pageInfo { hasNextPage } } } }";
        let course = app.anonymous().data(read).await["course"].clone();
        let nodes = course["chapters"]["nodes"].as_array().unwrap();
        assert_eq!((&course["chapterCount"], &course["progress"]), (&json!(3), &Value::Null));
        assert_eq!((&course["chapters"]["totalCount"], &course["chapters"]["pageInfo"]["hasNextPage"]), (&json!(3), &json!(true)));
        assert_eq!((&nodes[0]["previous"], &nodes[0]["next"]["slug"]), (&Value::Null, &nodes[1]["slug"]));
        assert_eq!(nodes[1]["previous"]["slug"], nodes[0]["slug"]);
        let before = who.data(read).await["course"]["progress"].clone();
        assert_eq!(before, json!({"percent": 0, "completedChapters": 0, "startedChapters": 0, "updatedAt": null, "nextChapter": {"slug": nodes[0]["slug"]}}));
        let first = app.anonymous().data(&format!("{{ chapter(slug: {}) {{ id }} }}", nodes[0]["slug"])).await["chapter"]["id"].clone();
        let note = format!("mutation {{ recordProgress(chapterId: {first}, percent: 100) {{
            progress {{ percent updatedAt }} chapter {{ slug }} query {{ course(slug: \"rust-apis\") {{ progress {{ percent completedChapters updatedAt nextChapter {{ slug }} }} }} }} }} }}");
        let noted = who.data(&note).await["recordProgress"].clone();
        assert_eq!(noted["chapter"]["slug"], nodes[0]["slug"]);
        assert_eq!(noted["query"]["course"]["progress"], json!({"percent": 33, "completedChapters": 1,
            "updatedAt": noted["progress"]["updatedAt"], "nextChapter": {"slug": nodes[1]["slug"]}}));
        let (_, statements) = app.statements_of(who.data("{ courses { nodes { chapterCount progress { percent } } } }")).await;
        assert!(statements.len() <= 3, "{statements:#?}");
    }

    async fn courses_are_found_by_id_or_slug(app: App) {
        let app = app.with_courses().await;
        let guest = app.anonymous();
        let course = guest.data("{ course(slug: \"rust-apis\") { id } }").await["course"]["id"].clone();
        let by_slug = guest.data("{ chapters(course: \"rust-apis\") { nodes { id slug } } }").await["chapters"]["nodes"].clone();
        assert_eq!(by_slug.as_array().unwrap().len(), 3);
        let read = format!("{{ course(id: {course}) {{ slug }} chapter(id: {}) {{ slug }}
            chapters(course: {course}) {{ nodes {{ id slug }} }}
            filtered: chapters(filter: {{course: \"rust-apis\"}}) {{ totalCount }} }}", by_slug[0]["id"]);
        let data = guest.data(&read).await;
        assert_eq!(data["course"]["slug"], "rust-apis");
        assert_eq!((&data["chapter"]["slug"], &data["chapters"]["nodes"]), (&by_slug[0]["slug"], &by_slug));
        assert_eq!(data["filtered"]["totalCount"], 3);
        for (query, path) in [
            ("{ chapters(course: \"nonsense\") { totalCount } }", "course"),
            ("{ chapters(filter: {course: \"\"}) { totalCount } }", "filter.course"),
            ("{ course { id } }", "slug"),
            ("{ chapter(slug: \"a\", id: \"b\") { id } }", "id"),
        ] {
            assert!(!guest.ask(query).await.first_error(path).is_empty(), "{query}");
        }
        assert_eq!(guest.data("{ chapter(id: \"nonsense\") { id } }").await["chapter"], Value::Null);
    }

    async fn chapters_are_filtered_by_text_and_progress(app: App) {
        let app = app.with_courses().await;
        let (who, guest) = (app.by_jwt(&alice()), app.anonymous());
        let all = slugs(&guest, &json!({})).await;
        let id = |slug: &str| format!("{{ chapter(slug: \"{slug}\") {{ id }} }}");
        let (one, two) = (guest.data(&id(&all[0])).await["chapter"]["id"].clone(), guest.data(&id(&all[1])).await["chapter"]["id"].clone());
        who.data(&format!("mutation {{ a: recordProgress(chapterId: {one}, percent: 100) {{ progress {{ percent }} }}
            b: recordProgress(chapterId: {two}, percent: 5) {{ progress {{ percent }} }}
            bookmarkChapter(chapterId: {two}, bookmarked: true) {{ chapter {{ id }} }} }}")).await;
        for (filter, expected) in [
            (json!({"completed": true}), &all[..1]),
            (json!({"started": true}), &all[..2]),
            (json!({"started": true, "completed": false}), &all[1..2]),
            (json!({"bookmarked": true}), &all[1..2]),
            (json!({"started": false}), &all[2..]),
        ] {
            assert_eq!(slugs(&who, &filter).await, expected, "{filter}");
            let other = app.by_jwt(&bob());
            let is_negative = filter.as_object().unwrap().values().any(|it| it == false) && filter.as_object().unwrap().len() == 1;
            assert_eq!(slugs(&other, &filter).await.len(), if is_negative { all.len() } else { 0 }, "{filter}");
        }
        let answer = guest.ask("{ chapters(filter: {bookmarked: true}) { totalCount } }").await;
        assert_eq!(answer.codes(), ["UNAUTHENTICATED"]);
        let title = guest.data(&format!("{{ chapter(slug: \"{}\") {{ title }} }}", all[0])).await["chapter"]["title"].clone();
        let word = title.as_str().unwrap().to_uppercase();
        assert_eq!(slugs(&guest, &json!({"text": word})).await, all[..1]);
        assert_eq!(slugs(&guest, &json!({"text": "no chapter has this"})).await, Vec::<String>::new());
        let edda = app.by_jwt(&editor());
        edda.data(&format!("mutation {{ updateChapter(id: {one}, input: {{summary: \"Zebras\"}}) {{ chapter {{ id }} }} }}")).await;
        assert_eq!(slugs(&guest, &json!({"text": "zebra"})).await, all[..1], "the index follows a change");
    }

    async fn started_courses_are_those_of_the_caller(app: App) {
        let app = app.with_courses().await;
        let (who, other, guest) = (app.by_jwt(&alice()), app.by_jwt(&bob()), app.anonymous());
        let find = async |who: &Client<'_>, started: bool| {
            let list = "query($is: Boolean) { courses(filter: {started: $is}) { nodes { slug } } }";
            let nodes = who.data_with(list, json!({ "is": started })).await["courses"]["nodes"].clone();
            nodes.as_array().unwrap().iter().map(|it| it["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let all = find(&who, false).await;
        assert!(all.len() > 1);
        let chapter = guest.data("{ course(slug: \"rust-apis\") { chapters(first: 1) { nodes { id } } } }").await;
        let chapter = &chapter["course"]["chapters"]["nodes"][0]["id"];
        who.data(&format!("mutation {{ recordProgress(chapterId: {chapter}, percent: 1) {{ chapter {{ id }} }} }}")).await;
        assert_eq!(find(&who, true).await, ["rust-apis"]);
        assert_eq!(find(&who, false).await.len(), all.len() - 1);
        assert_eq!((find(&other, true).await.len(), find(&other, false).await.len()), (0, all.len()));
        let answer = guest.ask("{ courses(filter: {started: false}) { totalCount } }").await;
        assert_eq!(answer.codes(), ["UNAUTHENTICATED"]);
    }

    async fn courses_are_filtered_by_text(app: App) {
        let app = app.with_courses().await;
        let (guest, edda) = (app.anonymous(), app.by_jwt(&editor()));
        let find = async |who: &Client<'_>, text: &str| {
            let list = "query($text: String) { courses(filter: {text: $text}) { totalCount nodes { slug } } }";
            let found = who.data_with(list, json!({ "text": text })).await["courses"].clone();
            let nodes = found["nodes"].as_array().unwrap();
            assert_eq!(found["totalCount"], nodes.len(), "{text}");
            nodes.iter().map(|node| node["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let course = guest.data("{ course(slug: \"rust-apis\") { id title } }").await["course"].clone();
        assert_eq!(find(&guest, &course["title"].as_str().unwrap().to_uppercase()).await, ["rust-apis"]);
        assert_eq!(find(&guest, "no course has this").await, [""; 0]);
        assert!(find(&guest, " ").await.len() > 1, "no word, no condition");
        edda.data(&format!("mutation {{ updateCourse(id: {}, input: {{description: \"Zebras\"}}) {{ course {{ id }} }} }}", course["id"])).await;
        assert_eq!(find(&guest, "zébra").await, ["rust-apis"], "the index follows a change");
        edda.data("mutation { createCourse(input: {slug: \"drafted\", title: \"Zebra drafts\"}) { course { id } } }").await;
        assert_eq!(find(&guest, "zebra").await, ["rust-apis"]);
        assert_eq!(find(&edda, "zebra").await, ["rust-apis", "drafted"]);
        let long = format!("{{ courses(filter: {{text: \"{}\"}}) {{ totalCount }} }}", "a".repeat(201));
        assert!(guest.ask(&long).await.first_error("filter.text").contains("200"));
    }

    async fn every_node_is_found_by_its_id(app: App) {
        let app = app.with_courses().await;
        let (who, ada, edda) = (app.by_jwt(&alice()), app.by_jwt(&user("ada").role("admin")), app.by_jwt(&editor()));
        let task = create(&who, json!({"title": "a"})).await;
        who.ask("mutation { deleteTask(id: \"none\") { deletedTaskId } }").await;
        flush_audit(&app).await;
        wait_for_activity(&app, "written", 1).await;
        let of = ada.data("{ me { id authId } users(last: 1) { nodes { id authId } } auditEvents(last: 1) { nodes { id } } }").await;
        assert_eq!(of["me"]["id"], of["me"]["authId"]);
        let (user, event) = (&of["users"]["nodes"][0], &of["auditEvents"]["nodes"][0]["id"]);
        assert_ne!(user["id"], user["authId"]);
        let variant = edda.data("{ chapters(first: 1) { nodes { variants { id } } } }").await["chapters"]["nodes"][0]["variants"][0]["id"].clone();
        let read = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
        let nodes = async |who: &Client<'_>, ids: &[&Value]| {
            let answer = who.ask_with(read, json!({ "ids": ids })).await;
            (answer.body["data"]["nodes"].clone(), answer.codes().into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let ids = [&of["me"]["id"], &user["id"], event];
        let expected = json!([{"__typename": "Me", "id": ids[0]}, {"__typename": "User", "id": ids[1]}, {"__typename": "AuditEvent", "id": ids[2]}]);
        assert_eq!(nodes(&ada, &ids).await, (expected, Vec::new()));
        assert_eq!(nodes(&edda, &[&variant]).await.0[0]["__typename"], "ChapterVariant");
        let unknown = json!("nonsense");
        assert_eq!(nodes(&who, &[&task, &unknown, &of["me"]["id"]]).await, (json!([{"__typename": "Task", "id": task}, null, null]), Vec::new()));
        for (who, id) in [(&who, &user["id"]), (&who, event), (&who, &variant), (&ada, &task)] {
            let (found, codes) = nodes(who, &[id]).await;
            assert_eq!((found, codes), (json!([null]), Vec::new()), "{id}");
        }
        assert_eq!(nodes(&app.anonymous(), &[&user["id"]]).await, (json!([null]), Vec::new()));
        let too_many = vec![&unknown; 101];
        assert_eq!(nodes(&who, &too_many).await.1, ["BAD_USER_INPUT"]);
    }

    async fn erasure_has_a_dry_run(app: App) {
        let (who, ada) = (app.by_jwt(&alice()), app.by_jwt(&user("ada").role("admin")));
        create(&who, json!({"title": "a"})).await;
        wait_for_activity(&app, "written", 1).await;
        let id = ada.data("{ users(last: 1) { nodes { id } } }").await["users"]["nodes"][0]["id"].clone();
        let erase = |dry: bool| format!("mutation {{ eraseUser(id: {id}, dryRun: {dry}) {{ report {{ userId total tables {{ table rows }} }} }} }}");
        let planned = ada.data(&erase(true)).await["eraseUser"]["report"].clone();
        assert_eq!(who.data("{ taskStats { total } }").await["taskStats"]["total"], 1, "nothing is deleted");
        let erased = ada.data(&erase(false)).await["eraseUser"]["report"].clone();
        assert_eq!(erased["userId"], alice_id());
        let tasks = |report: &Value| report["tables"].as_array().unwrap().iter().find(|it| it["table"] == "task").cloned();
        assert_eq!(tasks(&planned), tasks(&erased));
        assert_eq!(who.data("{ taskStats { total } }").await["taskStats"]["total"], 0);
    }
}

fn alice_id() -> String {
    alice().id().to_owned()
}

/// What is not executed does not count.
#[tokio::test]
async fn hidden_field_is_no_error_where_it_is_excluded() {
    let app = App::start(Backend::Sqlite).await;
    let (who, ada) = (app.by_jwt(&alice()), app.by_jwt(&user("ada").role("admin")));
    let optional =
        "query($admin: Boolean = false) { me { id } users @include(if: $admin) { totalCount } }";
    let data = who.data(optional).await;
    assert_eq!(data, json!({"me": {"id": alice().id()}}));
    assert!(
        ada.data_with(optional, json!({"admin": true})).await["users"]["totalCount"].is_number()
    );
    let denied = who.ask_with(optional, json!({"admin": true})).await;
    assert_eq!(denied.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    let two = "query Mine { me { id } } query All { users { totalCount } }";
    let run = |operation: &str| json!({"query": two, "operationName": operation});
    assert!(who.send(&run("Mine")).await.data()["me"].is_object());
    assert_eq!(who.send(&run("All")).await.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    assert!(ada.send(&run("All")).await.data()["users"].is_object());
    let fragment = "query($no: Boolean!) { me { id } ...Admin @include(if: $no) } fragment Admin on Query { users { totalCount } }";
    assert!(who.data_with(fragment, json!({"no": false})).await["me"].is_object());
}

#[tokio::test]
async fn full_view_denies_a_hidden_field_at_its_place() {
    let app = App::with(Backend::Sqlite, &["--schema-view", "full"]).await;
    for (who, code) in [(app.anonymous(), "UNAUTHENTICATED"), (app.by_jwt(&alice()), "FORBIDDEN")] {
        let answer = who.ask("{ viewer { id } users { totalCount } }").await;
        assert_eq!(answer.codes(), [code]);
        assert_eq!(answer.body["data"]["users"], Value::Null);
    }
}
