//! Only editors write courses.

use hallpass_data::{Comparison as _, Set, now};
use hallpass_entity::{chapter, course, progress, variant};
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, Client, GraphQlResponse};
use crate::support::callers::{User, alice, user};

pub fn editor() -> User {
    user("edda").role("editor")
}

const CREATE_COURSE: &str =
    "mutation($input: CreateCourseInput!) { createCourse(input: $input) { course {
    id slug title description interestAreas published } } }";
const UPDATE_COURSE: &str = "mutation($id: ID!, $input: UpdateCourseInput!) {
    updateCourse(id: $id, input: $input) { course { slug title description interestAreas } } }";
const CREATE_CHAPTER: &str = "mutation($id: ID!, $input: CreateChapterInput!) {
    createChapter(courseId: $id, input: $input) { chapter {
        id slug title summary ordinal interestAreas requiredTier published course { slug } } } }";
const UPDATE_CHAPTER: &str = "mutation($id: ID!, $input: UpdateChapterInput!) {
    updateChapter(id: $id, input: $input) { chapter { slug title summary ordinal interestAreas requiredTier } } }";
const SAVE: &str = "mutation($id: ID!, $input: ChapterVariantInput!) {
    saveChapterVariant(chapterId: $id, input: $input) { variant { id level hardware body } } }";

async fn create_course(who: &Client<'_>, slug: &str) -> GraphQlResponse {
    who.ask_with(CREATE_COURSE, json!({"input": {"slug": slug, "title": slug}})).await
}

async fn create_chapter(who: &Client<'_>, course: &Value, slug: &str) -> GraphQlResponse {
    let input = json!({"slug": slug, "title": slug, "requiredTier": "free"});
    who.ask_with(CREATE_CHAPTER, json!({"id": course, "input": input})).await
}

/// The id of a new draft course.
pub async fn create_draft_course(who: &Client<'_>, slug: &str) -> Value {
    create_course(who, slug).await.data()["createCourse"]["course"]["id"].clone()
}

/// The id of a new draft chapter.
pub async fn create_draft_chapter(who: &Client<'_>, course: &Value, slug: &str) -> Value {
    create_chapter(who, course, slug).await.data()["createChapter"]["chapter"]["id"].clone()
}

async fn save(who: &Client<'_>, chapter: &Value, body: &str) -> GraphQlResponse {
    let input = json!({"level": "BEGINNER", "hardware": "BEGINNER", "body": body});
    who.ask_with(SAVE, json!({"id": chapter, "input": input})).await
}

/// The id of the variant of a chapter, whose body is now `body`.
pub async fn save_variant(who: &Client<'_>, chapter: &Value, body: &str) -> Value {
    save(who, chapter, body).await.data()["saveChapterVariant"]["variant"]["id"].clone()
}

/// Publishes, or unpublishes, a `Course` or `Chapter`.
pub async fn publish(who: &Client<'_>, what: &str, id: &Value, published: bool) -> Value {
    let node = what.to_lowercase();
    let document = format!(
        "mutation($id: ID!, $on: Boolean!) {{
            publish{what}(id: $id, published: $on) {{ {node} {{ published }} }} }}"
    );
    let data = who.data_with(&document, json!({"id": id, "on": published})).await;
    data[format!("publish{what}")][&node]["published"].clone()
}

async fn delete(who: &Client<'_>, what: &str, id: &Value) -> GraphQlResponse {
    let document = format!("mutation($id: ID!) {{ delete{what}(id: $id) {{ deleted{what}Id }} }}");
    who.ask_with(&document, json!({ "id": id })).await
}

/// Writes a draft course with one chapter of the same name, and returns it as a reader would see it.
pub async fn course_with_chapter(who: &Client<'_>, slug: &str) -> Value {
    let course = create_draft_course(who, slug).await;
    let chapter = create_draft_chapter(who, &course, slug).await;
    save_variant(who, &chapter, "# Hello").await;
    json!({"id": chapter, "course": {"id": course}, "personalized": {"body": "# Hello"}})
}

/// The chapter with this slug, as `who` sees it.
pub async fn read_chapter(who: &Client<'_>, slug: &str) -> Value {
    let ask = "query($slug: String!) {
        chapter(slug: $slug) { id course { id } personalized { body } } }";
    who.data_with(ask, json!({ "slug": slug })).await["chapter"].clone()
}

/// All courses and chapters, as an editor sees them.
async fn everything(app: &App) -> Value {
    let ask = "{ courses(first: 100) { totalCount nodes { id slug title description interestAreas published } }
        chapters(first: 30) { totalCount nodes { id slug title summary ordinal requiredTier published
            variants { id level hardware body updatedAt } } } }";
    app.by_jwt(&editor()).data(ask).await
}

on_both_databases! {
    async fn empty_update_changes_no_course(app: App) {
        let editor = app.by_jwt(&editor());
        let course = create_draft_course(&editor, "empty-update").await;
        let chapter = create_draft_chapter(&editor, &course, "empty-update-1").await;
        for (field, kind, id) in [("updateCourse", "UpdateCourseInput", &course), ("updateChapter", "UpdateChapterInput", &chapter)] {
            let node = field.trim_start_matches("update").to_lowercase();
            let document = format!(
                "mutation($id: ID!, $input: {kind}!) {{ {field}(id: $id, input: $input) {{ {node} {{ title }} }} }}"
            );
            let updates = async |input: Value| {
                let change = editor.data_with(&document, json!({"id": id, "input": input}));
                let (changed, statements) = app.statements_of(change).await;
                assert_eq!(changed[field][&node]["title"], "Named", "{field}");
                statements.iter().filter(|it| it.starts_with("UPDATE")).count()
            };
            assert_eq!(updates(json!({"title": "Named"})).await, 1, "{field}");
            assert_eq!(updates(json!({})).await, 0, "{field}");
            let absent = editor.ask_with(&document, json!({"id": "x", "input": {}})).await;
            assert_eq!(absent.codes(), ["NOT_FOUND"], "{field}");
        }
    }

    async fn content_writers_write_and_publish_courses(app: App) {
        let writers = [
            editor(),
            user("ada").role("admin"),
            user("both").role("user,editor"),
            user("pat").with("permissions", json!(["content:write"])),
        ];
        for (at, writer) in writers.iter().enumerate() {
            let (who, slug) = (app.by_jwt(writer), format!("course-{at}"));
            let written = course_with_chapter(&who, &slug).await;
            assert_eq!(read_chapter(&who, &slug).await, written);
            assert_eq!(read_chapter(&app.anonymous(), &slug).await, Value::Null, "a draft");
            assert_eq!(publish(&who, "Chapter", &written["id"], true).await, true);
            assert_eq!(read_chapter(&app.anonymous(), &slug).await, Value::Null, "of a draft");
            assert_eq!(publish(&who, "Course", &written["course"]["id"], true).await, true);
            assert_eq!(read_chapter(&app.anonymous(), &slug).await, written);
            assert_eq!(publish(&who, "Course", &written["course"]["id"], false).await, false);
            assert_eq!(read_chapter(&app.anonymous(), &slug).await, Value::Null, "unpublished");
        }
    }

    async fn only_editors_change_courses(app: App) {
        let app = app.with_courses().await;
        let edda = app.by_jwt(&editor());
        let course = create_draft_course(&edda, "draft").await;
        let chapter = create_draft_chapter(&edda, &course, "draft").await;
        save_variant(&edda, &chapter, "text").await;
        let before = everything(&app).await;
        let enterprise = user("rich").tier("enterprise");
        let almost = user("almost").role("editors").with("permissions", json!(["content:read"]));
        let others =
            [app.anonymous(), app.by_jwt(&alice()), app.by_jwt(&enterprise), app.by_jwt(&almost)];
        for who in others {
            let title = json!({"id": course, "input": {"title": "Mine"}});
            let chapter_title = json!({"id": chapter, "input": {"title": "Mine"}});
            let publish = |what: &str| format!("mutation($id: ID!) {{ publish{what}(id: $id) {{ __typename }} }}");
            for answer in [
                create_course(&who, "mine").await,
                create_course(&who, "draft").await,
                create_chapter(&who, &course, "mine").await,
                who.ask_with(UPDATE_COURSE, title).await,
                who.ask_with(UPDATE_CHAPTER, chapter_title).await,
                save(&who, &chapter, "mine").await,
                who.ask_with(&publish("Course"), json!({ "id": course })).await,
                who.ask_with(&publish("Chapter"), json!({ "id": chapter })).await,
                delete(&who, "Chapter", &chapter).await,
                delete(&who, "Course", &course).await,
            ] {
                assert!(!answer.codes().is_empty(), "{}", answer.body);
                assert!(!answer.body.to_string().contains("taken"), "{}", answer.body);
            }
            assert_eq!(everything(&app).await, before);
        }
    }

    async fn new_course_is_a_draft_and_reads_back(app: App) {
        let edda = app.by_jwt(&editor());
        let input = json!({"slug": "soft-robots-2", "title": " Soft robots ",
            "description": "    indented: *code*\n", "interestAreas": ["Robotics", " AI ", "Robotics"]});
        let made = edda.data_with(CREATE_COURSE, json!({ "input": input })).await["createCourse"]["course"].clone();
        assert_eq!(made, json!({"id": made["id"], "slug": "soft-robots-2", "title": "Soft robots",
            "description": "    indented: *code*\n", "interestAreas": ["Robotics", "AI"], "published": false}));
        let read = "query($id: ID!) { node(id: $id) { ... on Course {
            id slug title description interestAreas published } } }";
        assert_eq!(edda.data_with(read, json!({"id": made["id"]})).await["node"], made);
    }

    async fn omitted_fields_stay_and_null_clears(app: App) {
        let edda = app.by_jwt(&editor());
        let input = json!({"slug": "a", "title": "A", "description": "About", "interestAreas": ["AI"]});
        let course = edda.data_with(CREATE_COURSE, json!({ "input": input })).await["createCourse"]["course"]["id"].clone();
        let change = async |input: Value| {
            edda.ask_with(UPDATE_COURSE, json!({"id": course, "input": input})).await
        };
        let updated = change(json!({"title": "B"})).await.data();
        assert_eq!(updated["updateCourse"]["course"],
            json!({"slug": "a", "title": "B", "description": "About", "interestAreas": ["AI"]}));
        let updated = change(json!({"description": null, "interestAreas": null})).await.data();
        assert_eq!(updated["updateCourse"]["course"],
            json!({"slug": "a", "title": "B", "description": "", "interestAreas": []}));
        for field in ["slug", "title"] {
            let answer = change(json!({ field: null })).await;
            assert!(answer.first_error(&format!("input.{field}")).contains("leave it out"));
        }
        let chapter = create_draft_chapter(&edda, &course, "c").await;
        let change = async |input: Value| {
            edda.ask_with(UPDATE_CHAPTER, json!({"id": chapter, "input": input})).await
        };
        let all = json!({"slug": "d", "title": "D", "summary": "S", "ordinal": 7,
            "interestAreas": ["Web"], "requiredTier": "premium"});
        assert_eq!(change(all.clone()).await.data()["updateChapter"]["chapter"], all);
        assert_eq!(change(json!({})).await.data()["updateChapter"]["chapter"], all);
        let less = change(json!({"summary": null, "interestAreas": null})).await.data();
        assert_eq!(less["updateChapter"]["chapter"]["summary"], "");
        assert_eq!(less["updateChapter"]["chapter"]["interestAreas"], json!([]));
        for field in ["slug", "title", "ordinal", "requiredTier"] {
            let answer = change(json!({ field: null })).await;
            assert!(answer.first_error(&format!("input.{field}")).contains("leave it out"));
        }
    }

    async fn every_invalid_field_is_reported(app: App) {
        let edda = app.by_jwt(&editor());
        let course = create_draft_course(&edda, "here").await;
        let chapter = create_draft_chapter(&edda, &course, "here").await;
        for slug in ["", "Upper", "two words", "-a", "a-", "a--b", "a/b", "\u{e9}t\u{e9}", &"a".repeat(101)] {
            assert!(!create_course(&edda, slug).await.first_error("input.slug").is_empty(), "{slug}");
        }
        let wrong = json!({"slug": "a_b", "title": " ", "summary": "x".repeat(2_001), "ordinal": 0,
            "interestAreas": ["AI|Web"], "requiredTier": "gold"});
        let answer = edda.ask_with(CREATE_CHAPTER, json!({"id": course, "input": wrong})).await;
        for path in ["slug", "title", "summary", "ordinal", "interestAreas.0", "requiredTier"] {
            assert!(!answer.first_error(&format!("input.{path}")).is_empty());
        }
        assert_eq!(answer.first_error("input.requiredTier"), "use one of free, premium, enterprise");
        let again = edda.ask_with(UPDATE_CHAPTER, json!({"id": chapter, "input": wrong})).await;
        assert_eq!(again.error()["extensions"]["fields"], answer.error()["extensions"]["fields"]);
        let many: Vec<_> = (0..21).map(|n| n.to_string()).collect();
        let wrong = json!({"description": "x".repeat(10_001), "interestAreas": many, "title": "a\u{0}b"});
        let answer = edda.ask_with(UPDATE_COURSE, json!({"id": course, "input": wrong})).await;
        for path in ["description", "interestAreas", "title"] {
            assert!(!answer.first_error(&format!("input.{path}")).is_empty());
        }
        for body in [" \n".to_owned(), "x".repeat(100_001), "a\u{0}b".to_owned()] {
            assert!(!save(&edda, &chapter, &body).await.first_error("input.body").is_empty());
        }
    }

    async fn concurrent_slug_claims_have_one_winner(app: App) {
        let edda = app.by_jwt(&editor());
        let course = create_draft_course(&edda, "other").await;
        let chapter = create_draft_chapter(&edda, &course, "other").await;
        let courses = futures_util::future::join_all((0..8).map(|_| create_course(&edda, "wanted"))).await;
        let chapters =
            futures_util::future::join_all((0..8).map(|_| create_chapter(&edda, &course, "wanted"))).await;
        for answers in [courses, chapters] {
            let (got, rejected): (Vec<_>, Vec<_>) =
                answers.into_iter().partition(|answer| answer.codes().is_empty());
            assert_eq!((got.len(), rejected.len()), (1, 7));
            for answer in rejected {
                assert_eq!(answer.first_error("input.slug"), "this slug is already in use: choose another");
            }
        }
        for (update, id) in [(UPDATE_COURSE, course), (UPDATE_CHAPTER, chapter)] {
            let answer = edda.ask_with(update, json!({"id": id, "input": {"slug": "wanted"}})).await;
            assert_eq!(answer.first_error("input.slug"), "this slug is already in use: choose another");
        }
    }

    async fn longest_text_fits_the_body_limit(app: App) {
        let edda = app.by_jwt(&editor());
        let chapter = create_draft_chapter(&edda, &create_draft_course(&edda, "a").await, "a").await;
        for letter in ["x", "書", "😀", "\u{1}"] {
            let body = letter.repeat(100_000);
            assert_eq!(save(&edda, &chapter, &body).await.data()["saveChapterVariant"]["variant"]["body"], body);
        }
        let input = json!({"level": "BEGINNER", "hardware": "BEGINNER", "body": "BODY"});
        let body = json!({"query": SAVE, "variables": {"id": chapter, "input": input}}).to_string();
        let escaped = body.replace("BODY", &"\\ud83d\\ude00".repeat(100_000));
        let post = |who: &Client<'_>, body: String| {
            let request = who.request(Method::POST, "/graphql").header("content-type", "application/json");
            async move { GraphQlResponse::read(request.body(body).send().await.unwrap()).await }
        };
        assert_eq!(post(&edda, escaped.clone()).await.status, 200, "as ASCII");
        assert!(!save(&edda, &chapter, &"書".repeat(100_001)).await.first_error("input.body").is_empty());
        assert_eq!(post(&app.by_jwt(&alice()), escaped).await.status, 413, "for a caller who writes no chapters");
    }

    async fn variant_save_is_a_single_upsert(app: App) {
        let edda = app.by_jwt(&editor());
        let chapter = create_draft_chapter(&edda, &create_draft_course(&edda, "a").await, "a").await;
        let first = save_variant(&edda, &chapter, "one").await;
        let body = "    two\r\n\n* as it was written  \n";
        let (second, statements) = app.statements_of(save(&edda, &chapter, body)).await;
        assert_eq!(second.data()["saveChapterVariant"]["variant"],
            json!({"id": first, "level": "BEGINNER", "hardware": "BEGINNER", "body": body}));
        assert_eq!(statements.len(), 1, "{statements:#?}");
        let texts: Vec<_> = (0..8).map(|n| n.to_string()).collect();
        let saves = texts.iter().map(|text| save(&edda, &chapter, text));
        for answer in futures_util::future::join_all(saves).await {
            assert_eq!(answer.data()["saveChapterVariant"]["variant"]["id"], first);
        }
        let other = json!({"level": "BEGINNER", "hardware": "ADVANCED", "body": "other"});
        edda.data_with(SAVE, json!({"id": chapter, "input": other})).await;
        let forms = everything(&app).await["chapters"]["nodes"][0]["variants"].clone();
        assert_eq!(forms.as_array().unwrap().len(), 2);
        assert_eq!(forms[1]["body"], "other");
    }

    async fn chapter_without_ordinal_is_appended(app: App) {
        let edda = app.by_jwt(&editor());
        let (course, other) = (create_draft_course(&edda, "a").await, create_draft_course(&edda, "b").await);
        create_draft_chapter(&edda, &other, "elsewhere").await;
        for slug in ["first", "second"] {
            create_draft_chapter(&edda, &course, slug).await;
        }
        let input = json!({"slug": "fifth", "title": "5", "requiredTier": "free", "ordinal": 5});
        edda.data_with(CREATE_CHAPTER, json!({"id": course, "input": input})).await;
        create_draft_chapter(&edda, &course, "sixth").await;
        let ask = "query($id: ID!) { chapters(course: $id) { nodes { slug ordinal } } }";
        let found = edda.data_with(ask, json!({ "id": course })).await;
        assert_eq!(found["chapters"]["nodes"], json!([
            {"slug": "first", "ordinal": 1}, {"slug": "second", "ordinal": 2},
            {"slug": "fifth", "ordinal": 5}, {"slug": "sixth", "ordinal": 6},
        ]));
    }

    async fn delete_cascades_to_dependent_rows_only(app: App) {
        let app = app.with_courses().await;
        let edda = app.by_jwt(&editor());
        let written = course_with_chapter(&edda, "a").await;
        let sister = create_draft_chapter(&edda, &written["course"]["id"], "sister").await;
        let kept = everything(&app).await["chapters"]["totalCount"].as_i64().unwrap() - 2;
        publish(&edda, "Course", &written["course"]["id"], true).await;
        publish(&edda, "Chapter", &written["id"], true).await;
        let learner = app.scope_of(&alice());
        for slug in ["a", "sense-think-act"] {
            let chapter = learner.shared::<chapter::Entity>().filter(chapter::Column::Slug.is(slug));
            let row = progress::ActiveModel {
                chapter_id: Set(chapter.one().await.unwrap().unwrap().id),
                percent: Set(50),
                bookmarked: Set(true),
                updated_at: Set(now()),
                ..Default::default()
            };
            learner.insert::<progress::Entity>(row).await.unwrap();
        }
        let system = app.database.system("tests count the remaining rows");
        let forms = async || variant::Entity::find().count(system.connection()).await.unwrap();
        let forms_before = forms().await;
        assert_eq!(delete(&edda, "Chapter", &sister).await.data()["deleteChapter"]["deletedChapterId"], sister);
        assert_eq!(everything(&app).await["chapters"]["totalCount"], kept + 1);
        let (deleted, statements) = app.statements_of(delete(&edda, "Course", &written["course"]["id"])).await;
        assert_eq!(deleted.data()["deleteCourse"]["deletedCourseId"], written["course"]["id"]);
        assert_eq!(statements.len(), 1, "{statements:#?}");
        assert_eq!(everything(&app).await["chapters"]["totalCount"], kept);
        assert_eq!(forms().await, forms_before - 1);
        assert_eq!(learner.owned::<progress::Entity>().unwrap().count().await.unwrap(), 1);
        assert_eq!(learner.shared::<course::Entity>().count().await.unwrap(), 2);
    }

    async fn nonexistent_ids_are_not_found(app: App) {
        let edda = app.by_jwt(&editor());
        let course = create_draft_course(&edda, "gone").await;
        let chapter = create_draft_chapter(&edda, &course, "gone").await;
        assert_eq!(delete(&edda, "Course", &course).await.codes(), [] as [&str; 0]);
        // A course's id is not a chapter's.
        for (course, chapter) in [(&course, &chapter), (&chapter, &course), (&json!("x"), &json!("x"))] {
            let publish = |what: &str| format!("mutation($id: ID!) {{ publish{what}(id: $id) {{ __typename }} }}");
            for answer in [
                edda.ask_with(UPDATE_COURSE, json!({"id": course, "input": {}})).await,
                edda.ask_with(UPDATE_CHAPTER, json!({"id": chapter, "input": {}})).await,
                edda.ask_with(&publish("Course"), json!({ "id": course })).await,
                edda.ask_with(&publish("Chapter"), json!({ "id": chapter })).await,
                create_chapter(&edda, course, "new").await,
                save(&edda, chapter, "text").await,
                delete(&edda, "Course", course).await,
                delete(&edda, "Chapter", chapter).await,
            ] {
                assert_eq!(answer.codes(), ["NOT_FOUND"], "{}", answer.body);
            }
        }
    }

    async fn rejected_chapter_leaves_no_snapshot_open(app: App) {
        let edda = app.by_jwt(&editor());
        let gone = create_draft_course(&edda, "gone").await;
        delete(&edda, "Course", &gone).await;
        for round in 0..5 {
            // On as many connections as one caller may use.
            let rejected = (0..4).map(|_| create_chapter(&edda, &gone, "new"));
            for answer in futures_util::future::join_all(rejected).await {
                assert_eq!(answer.codes(), ["NOT_FOUND"], "{}", answer.body);
            }
            create_draft_course(&edda, &format!("newer-{round}")).await;
            for answer in futures_util::future::join_all((0..4).map(|_| delete(&edda, "Course", &gone))).await {
                assert_eq!(answer.codes(), ["NOT_FOUND"], "{}", answer.body);
            }
        }
    }

    async fn text_too_complex_to_render_is_rejected(app: App) {
        let edda = app.by_jwt(&editor());
        let course = create_draft_course(&edda, "deep").await;
        let chapter = create_draft_chapter(&edda, &course, "deep").await;
        for body in [">".repeat(100_000), "<details>".repeat(11_000), "# a\n".repeat(12_000)] {
            let answer = save(&edda, &chapter, &body).await;
            assert_eq!(answer.codes(), ["BAD_USER_INPUT"], "{}", answer.body);
            assert_eq!(answer.body["errors"][0]["extensions"]["problems"][0]["path"], "input.body");
        }
        save_variant(&edda, &chapter, "> short").await;
        // Written without the server's checks, such a text is rendered as plain text.
        let deep = format!("UPDATE chapter_variant SET body = '{}'", ">".repeat(100_000));
        let system = app.database.system("tests write without the server");
        system.connection().execute_unprepared(&deep).await.unwrap();
        let shown = edda.data("{ chapter(slug: \"deep\") { personalized { bodyHtml } } }").await;
        let html = shown["chapter"]["personalized"]["bodyHtml"].as_str().unwrap();
        assert!(html.starts_with("<pre>&gt;&gt;"), "{html:.60}");
    }
}
