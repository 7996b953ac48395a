//! Drafts are visible to editors only.

use serde_json::{Value, json};

use crate::domains::course_editing::{
    create_draft_chapter, create_draft_course, editor, publish, save_variant,
};
use crate::on_both_databases;
use crate::support::app::Client;
use crate::support::callers::{alice, user};

/// Ids of rows whose names, slugs and texts all contain `hidden`.
pub struct Drafts {
    /// A draft.
    pub course: Value,
    /// Published, in the draft course.
    pub inside: Value,
    /// A draft, in a published course.
    pub chapter: Value,
    /// A text of that draft.
    pub form: Value,
    /// A published course.
    pub open: Value,
}

pub async fn create_drafts(edda: &Client<'_>) -> Drafts {
    let course = create_draft_course(edda, "hidden-course").await;
    let inside = create_draft_chapter(edda, &course, "hidden-inside").await;
    publish(edda, "Chapter", &inside, true).await;
    save_variant(edda, &inside, "hidden").await;
    let open = create_draft_course(edda, "open").await;
    publish(edda, "Course", &open, true).await;
    let chapter = create_draft_chapter(edda, &open, "hidden-chapter").await;
    let form = save_variant(edda, &chapter, "hidden").await;
    let areas = "mutation($course: ID!, $chapter: ID!) {
        updateCourse(id: $course, input: {interestAreas: [\"hidden\"]}) { course { id } }
        updateChapter(id: $chapter, input: {interestAreas: [\"hidden\"]}) { chapter { id } } }";
    edda.data_with(areas, json!({"course": course, "chapter": chapter})).await;
    Drafts { course, inside, chapter, form, open }
}

const EVERY_PATH: &str =
    "query($course: ID!, $inside: ID!, $chapter: ID!, $form: ID!, $open: ID!) {
    courseNode: node(id: $course) { id ... on Course { title } }
    insideNode: node(id: $inside) { id ... on Chapter { title } }
    chapterNode: node(id: $chapter) { id ... on Chapter { title } }
    formNode: node(id: $form) { id }
    course(slug: \"hidden-course\") { id }
    inside: chapter(slug: \"hidden-inside\") { id personalized { body } }
    chapter(slug: \"hidden-chapter\") { id personalized { body } progress { percent } bookmarked }
    ofDraft: chapters(course: $course) { totalCount nodes { id } }
    ofOpen: chapters(course: $open) { totalCount nodes { id } }
    draftCourses: courses(filter: {published: false}) { totalCount nodes { id } }
    drafts: chapters(filter: {published: false}) { totalCount nodes { id } }
    ofArea: chapters(filter: {interestArea: \"hidden\"}) { totalCount nodes { id } }
}";
const LISTS: &str = "{ courses(first: 100) { totalCount edges { cursor node { slug title } } }
    chapters(first: 100, filter: {requiredTier: \"free\"}) { totalCount
        edges { cursor node { slug course { slug } personalized { body } } } } }";

on_both_databases! {
    async fn drafts_are_invisible_to_readers(app: App) {
        let app = app.with_courses().await;
        let edda = app.by_jwt(&editor());
        let lists = app.anonymous().data(LISTS).await;
        let Drafts { course, inside, chapter, form, open } = create_drafts(&edda).await;
        let ids = json!({"course": course, "inside": inside, "chapter": chapter, "form": form, "open": open});
        let readers = [
            app.anonymous(),
            app.by_jwt(&alice()),
            app.by_jwt(&user("rich").tier("enterprise")),
            app.by_jwt(&user("almost").role("writer").with("permissions", json!(["content:read"]))),
        ];
        for who in &readers {
            let data = who.data_with(EVERY_PATH, ids.clone()).await;
            for (path, found) in data.as_object().unwrap() {
                let nothing = found.is_null() || *found == json!({"totalCount": 0, "nodes": []});
                assert!(nothing, "{path}: {found}");
            }
            let now = who.data(LISTS).await;
            assert_eq!(now["courses"]["totalCount"], lists["courses"]["totalCount"].as_i64().unwrap() + 1);
            assert_eq!(now["chapters"], lists["chapters"]);
            assert!(!now.to_string().contains("hidden"), "{now}");
        }
        let recommended = readers[2].data("{ recommendations(first: 100) { chapter { slug } } }").await;
        assert!(!recommended.to_string().contains("hidden"), "{recommended}");
        let seen = edda.data_with(EVERY_PATH, ids).await;
        assert_eq!(seen["courseNode"], json!({"id": course, "title": "hidden-course"}));
        assert_eq!(seen["inside"], json!({"id": inside, "personalized": {"body": "hidden"}}));
        assert_eq!(seen["drafts"]["nodes"], json!([{"id": chapter}]));
        assert_eq!(seen["draftCourses"]["nodes"], json!([{"id": course}]));
    }

    async fn draft_cursor_shows_only_published_rows(app: App) {
        let app = app.with_courses().await;
        let edda = app.by_jwt(&editor());
        create_drafts(&edda).await;
        let lists = edda.data(LISTS).await;
        for list in ["courses", "chapters"] {
            for edge in lists[list]["edges"].as_array().unwrap() {
                for path in ["after", "before"] {
                    let ask = format!("query($cursor: String!) {{
                        {list}({path}: $cursor) {{ totalCount nodes {{ slug published }} }} }}");
                    let page = app.anonymous().data_with(&ask, json!({"cursor": edge["cursor"]})).await;
                    assert!(!page.to_string().contains("hidden"), "{page}");
                    assert!(!page.to_string().contains("false"), "{page}");
                }
            }
        }
    }

    async fn drafts_add_no_statements_for_editors(app: App) {
        let app = app.with_courses().await;
        let edda = app.by_jwt(&editor());
        create_drafts(&edda).await;
        let ask = "{ chapters { totalCount nodes { slug course { slug } progress { percent } variants { body } } } }";
        let (data, statements) = app.statements_of(edda.data(ask)).await;
        let nodes = data["chapters"]["nodes"].as_array().unwrap();
        let hidden = nodes.iter().filter(|node| node["slug"].as_str().unwrap().starts_with("hidden"));
        for chapter in hidden {
            assert!(chapter["course"]["slug"].is_string(), "{chapter}");
            assert_eq!(chapter["variants"], json!([{"body": "hidden"}]));
        }
        assert_eq!(data["chapters"]["totalCount"], nodes.len());
        // The page, its total, and one statement each for courses, variants, bodies and progress.
        assert_eq!(statements.len(), 6, "{statements:#?}");
    }

    async fn drafts_are_not_recommended_and_have_a_tier(app: App) {
        let edda = app.by_jwt(&editor());
        let Drafts { chapter, .. } = create_drafts(&edda).await;
        let report = edda.data("{ recommendations { chapter { slug } } }").await;
        assert_eq!(report["recommendations"], json!([]));
        let premium = "mutation($id: ID!) {
            updateChapter(id: $id, input: {requiredTier: \"premium\"}) { chapter { variants { body } personalized { body } } } }";
        let answer = edda.ask_with(premium, json!({ "id": chapter })).await;
        assert_eq!(answer.codes(), ["FORBIDDEN"], "an editor reads the text as one of its forms");
        assert_eq!(answer.body["data"]["updateChapter"]["chapter"]["variants"], json!([{"body": "hidden"}]));
    }

    async fn unpublished_chapter_is_hidden_from_readers(app: App) {
        let edda = app.by_jwt(&editor());
        let Drafts { course, inside, .. } = create_drafts(&edda).await;
        let learner = app.by_jwt(&alice());
        let ask = "query($id: ID!) { node(id: $id) { id } chapter(slug: \"hidden-inside\") { id } }";
        for published in [true, false] {
            publish(&edda, "Course", &course, published).await;
            let found = learner.data_with(ask, json!({ "id": inside })).await;
            assert_eq!(found["node"].is_object() && found["chapter"].is_object(), published);
        }
    }
}
