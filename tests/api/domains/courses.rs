//! Users read courses.

use hallpass_data::Comparison as _;
use hallpass_data::{Set, now};
use hallpass_entity::level::Level::{self, Advanced, Beginner, Intermediate};
use hallpass_entity::{chapter, progress};
use hallpass_server::domains::courses::personalize::{reasons, select_variant};
use hallpass_server::domains::learners::Profile;
use sea_orm::{ConnectionTrait as _, DbBackend};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::{Learner as _, alice, user};

#[test]
fn content_level_follows_background_and_interest() {
    for (software, interest, expected) in [
        (Some("Advanced"), Some("Robotics"), "advanced-robotics"),
        (Some("advanced"), Some("robotics"), "advanced-robotics"),
        (Some("Advanced"), Some("Web"), "intermediate"),
        (Some("Advanced"), None, "intermediate"),
        (Some("Intermediate"), Some("Robotics"), "intermediate"),
        (Some("Intermediate"), None, "intermediate"),
        (Some("Beginner"), Some("Robotics"), "beginner-friendly"),
        (Some("Wizard"), Some("Robotics"), "beginner-friendly"),
        (Some(""), Some("Robotics"), "beginner-friendly"),
        (None, None, "beginner-friendly"),
    ] {
        let profile = Profile::from_claims(software, None, interest);
        assert_eq!(profile.content_level().name(), expected, "{software:?} {interest:?}");
    }
    assert_eq!(Profile::from_claims(None, None, None).interest, "General");
}

fn form(level: Level, hardware: Level) -> (Level, Level) {
    (level, hardware)
}

#[test]
fn variant_selection_prefers_level_then_hardware() {
    let all = [Beginner, Intermediate, Advanced];
    let reader = |software, hardware, interest| {
        Profile::from_claims(Some(software), Some(hardware), Some(interest))
    };
    for (reader, forms, expected) in [
        (
            reader("Advanced", "Beginner", "Robotics"),
            all.map(|l| form(l, Beginner)).to_vec(),
            Some((Advanced, Beginner)),
        ),
        (
            reader("Advanced", "Beginner", "Web"),
            all.map(|l| form(l, Beginner)).to_vec(),
            Some((Intermediate, Beginner)),
        ),
        (
            reader("Beginner", "Advanced", "AI"),
            all.map(|l| form(l, Beginner)).to_vec(),
            Some((Beginner, Beginner)),
        ),
        (
            reader("Beginner", "Advanced", "AI"),
            vec![form(Beginner, Beginner), form(Beginner, Intermediate)],
            Some((Beginner, Intermediate)),
        ),
        (
            reader("Beginner", "Intermediate", "AI"),
            vec![form(Beginner, Advanced), form(Beginner, Beginner)],
            Some((Beginner, Beginner)),
        ),
        (
            reader("Intermediate", "Beginner", "AI"),
            vec![form(Advanced, Beginner), form(Beginner, Advanced)],
            Some((Beginner, Advanced)),
        ),
        (
            reader("Advanced", "Advanced", "Robotics"),
            vec![form(Beginner, Advanced), form(Intermediate, Beginner)],
            Some((Intermediate, Beginner)),
        ),
        (reader("Beginner", "Beginner", "AI"), vec![], None),
    ] {
        let choice = select_variant(&reader, &forms);
        let chosen = choice.map(|index| forms[index]);
        assert_eq!(chosen, expected, "{reader:?}");
        assert!(chosen.is_none_or(|chosen| reasons(&reader, chosen).len() >= 2));
    }
}

const CHAPTERS: &str = "{ chapters { totalCount nodes { slug requiredTier progress { percent completed }
    bookmarked course { slug } personalized { level hardware contentLevel body bodyHtml because } } } }";

on_both_databases! {
    async fn anonymous_lists_all_and_reads_free_chapters(app: App) {
        let app = app.with_courses().await;
        let answer = app.anonymous().ask(CHAPTERS).await;
        let nodes = answer.body["data"]["chapters"]["nodes"].as_array().unwrap();
        assert!(nodes.len() >= 6);
        for chapter in nodes {
            let free = chapter["requiredTier"] == "free";
            assert_eq!(chapter["personalized"].is_object(), free, "{}", chapter["slug"]);
            assert_eq!(chapter["progress"], Value::Null);
            assert_eq!(chapter["bookmarked"], false);
            if free {
                assert_eq!(chapter["personalized"]["contentLevel"], "beginner-friendly");
                assert_eq!(chapter["personalized"]["level"], "BEGINNER");
                let html = chapter["personalized"]["bodyHtml"].as_str().unwrap();
                assert!(html.starts_with("<h1 "), "{html:.40}");
            }
        }
        let tiers = |tier: &str| nodes.iter().filter(|chapter| chapter["requiredTier"] == tier).count();
        assert!(tiers("premium") >= 1 && tiers("enterprise") == 1);
        assert!(answer.codes().iter().all(|code| *code == "UNAUTHENTICATED"));
        assert_eq!(answer.codes().len(), tiers("premium") + tiers("enterprise"));
    }

    async fn each_tier_reads_its_chapters(app: App) {
        let app = app.with_courses().await;
        let slugs = [("sense-think-act", "free"), ("feedback-control", "premium"), ("learning-to-act", "enterprise")];
        for (held, reads) in [("free", 1), ("premium", 2), ("enterprise", 3), ("unheard-of", 1)] {
            let who = app.by_jwt(&user("reader").tier(held));
            for (at, (slug, required)) in slugs.iter().enumerate() {
                let ask = "query($slug: String!) { chapter(slug: $slug) { title summary personalized { level } } }";
                let answer = who.ask_with(ask, json!({ "slug": slug })).await;
                let chapter = &answer.body["data"]["chapter"];
                assert!(chapter["title"].is_string() && chapter["summary"].is_string());
                if at < reads {
                    assert!(chapter["personalized"].is_object(), "{held} reads {required}");
                } else {
                    assert_eq!(chapter["personalized"], Value::Null);
                    let extensions = &answer.error()["extensions"];
                    assert_eq!(extensions["code"], "FORBIDDEN");
                    assert_eq!(extensions["missing"], json!([format!("TIER({required})")]));
                }
            }
        }
    }

    async fn variant_matches_the_readers_profile(app: App) {
        let app = app.with_courses().await;
        let ask = "{ me { contentLevel } chapter(slug: \"sense-think-act\") {
            personalized { contentLevel level hardware because } } }";
        for (caller, content, level, hardware) in [
            (user("a").background("Advanced", "Advanced", "Robotics"), "advanced-robotics", "ADVANCED", "ADVANCED"),
            (user("b").background("Beginner", "Intermediate", "Robotics"), "beginner-friendly", "BEGINNER", "INTERMEDIATE"),
            (user("c").background("Intermediate", "Beginner", "Web"), "intermediate", "INTERMEDIATE", "BEGINNER"),
            (user("d").with("softwareBackground", Value::Null), "beginner-friendly", "BEGINNER", "BEGINNER"),
        ] {
            let data = app.by_jwt(&caller).data(ask).await;
            let read = &data["chapter"]["personalized"];
            assert_eq!(data["me"]["contentLevel"], content);
            assert_eq!(json!([read["contentLevel"], read["level"], read["hardware"]]), json!([content, level, hardware]));
            assert!(read["because"][0].as_str().unwrap().contains(content));
        }
    }

    async fn chapter_page_takes_a_bounded_statement_count(app: App) {
        let app = app.with_courses().await;
        let who = app.by_jwt(&user("reader").tier("enterprise"));
        let (data, statements) = app.statements_of(who.data(CHAPTERS)).await;
        assert!(data["chapters"]["nodes"].as_array().unwrap().len() >= 6);
        // The page, its total, and one statement each for courses, variants, bodies, progress and the reader.
        assert_eq!(statements.len(), 7, "{statements:#?}");
    }

    async fn progress_is_per_reader(app: App) {
        let app = app.with_courses().await;
        set_progress(&app, "alice", "sense-think-act", 60, true).await;
        let ask = "{ chapter(slug: \"sense-think-act\") { bookmarked progress { percent completed updatedAt } } }";
        let alices = app.by_jwt(&alice()).data(ask).await;
        assert_eq!(alices["chapter"]["bookmarked"], true);
        assert_eq!(alices["chapter"]["progress"]["percent"], 60);
        assert_eq!(alices["chapter"]["progress"]["completed"], false);
        let bobs = app.by_jwt(&user("bob")).data(ask).await;
        assert_eq!(bobs["chapter"], json!({
            "bookmarked": false, "progress": {"percent": 0, "completed": false, "updatedAt": null},
        }));
    }

    async fn recommendations_are_readable_and_unfinished(app: App) {
        let app = app.with_courses().await;
        set_progress(&app, "alice", "sense-think-act", 100, false).await;
        set_progress(&app, "alice", "who-is-asking", 10, false).await;
        let who = app.by_jwt(&alice().background("Advanced", "Beginner", "Robotics"));
        let data = who.data("{ recommendations(first: 10) { because chapter { slug requiredTier } } }").await;
        let slugs: Vec<_> = data["recommendations"].as_array().unwrap().iter()
            .map(|r| r["chapter"]["slug"].as_str().unwrap()).collect();
        assert_eq!(slugs, ["who-is-asking", "sensors-and-uncertainty", "first-graphql-endpoint"]);
        assert_eq!(data["recommendations"][0]["because"], json!(["You have read 10 % of it."]));
        let one = who.data("{ recommendations(first: 1) { chapter { slug } } }").await;
        assert_eq!(one["recommendations"].as_array().unwrap().len(), 1);
        assert_eq!(who.ask("{ recommendations(first: 0) { because } }").await.codes(), ["BAD_USER_INPUT"]);
        assert_eq!(app.anonymous().ask("{ recommendations { because } }").await.codes(), ["UNAUTHENTICATED"]);
    }

    async fn recommendations_skip_many_finished_chapters(app: App) {
        let app = app.with_courses().await;
        let alice = app.by_jwt(&alice().background("Beginner", "Beginner", "Röbotics").tier("enterprise"));
        let conn = app.database.system("tests write many chapters").connection();
        let is_sqlite = conn.get_database_backend() == DbBackend::Sqlite;
        let (numbers, id) = match is_sqlite {
            true => ("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT i FROM n) AS n", "randomblob(16)"),
            false => ("generate_series(1, 400) AS n(i)", "gen_random_uuid()"),
        };
        // Copies of the demo chapters (six or more), older than all of them.
        conn.execute_unprepared(&format!(
            "INSERT INTO chapter (id, course_id, slug, title, summary, ordinal, interests, interests_search, required_tier, published, created_at, updated_at)
             SELECT {id}, course_id, slug || n.i, title, summary, ordinal, interests, interests_search, required_tier, published, '2020-01-01 00:00:00+00:00', updated_at
             FROM chapter, {numbers}"
        )).await.unwrap();
        conn.execute_unprepared(
            "INSERT INTO chapter_progress (owner_id, chapter_id, percent, bookmarked, updated_at)
             SELECT 'user-alice', id, 100, FALSE, '2026-01-01 00:00:00+00:00' FROM chapter WHERE created_at < '2021-01-01 00:00:00+00:00'"
        ).await.unwrap();
        let ask = "{ recommendations(first: 3) { because chapter { slug interestAreas progress { percent } } } }";
        let (data, statements) = app.statements_of(alice.data(ask)).await;
        let found = data["recommendations"].as_array().unwrap();
        assert_eq!(found.len(), 3);
        for one in found {
            assert_eq!(one["chapter"]["progress"]["percent"], 0);
            assert_eq!(one["because"], json!(["It matches your interest in Röbotics."]), "{one}");
        }
        assert!(statements.len() <= 7, "{statements:#?}");
        assert!(statements.iter().all(|sql| !sql.contains("FROM \"chapter\"") || sql.contains("LIMIT")), "{statements:#?}");
    }

    async fn bodies_are_read_only_when_selected(app: App) {
        let app = app.with_courses().await;
        let who = app.by_jwt(&user("reader").tier("enterprise"));
        let reads_bodies = |statements: &[String]| {
            statements.iter().filter(|sql| sql.contains("\"body\"")).count()
        };
        let levels = "{ chapters(first: 20) { nodes { personalized { level hardware because } } } }";
        let (_, statements) = app.statements_of(who.data(levels)).await;
        assert_eq!(reads_bodies(&statements), 0, "{statements:#?}");
        let bodies = "{ chapters(first: 30) { nodes { personalized { body bodyHtml a: bodyHtml } again: personalized { bodyHtml } } } }";
        let (data, statements) = app.statements_of(who.data(bodies)).await;
        assert_eq!(reads_bodies(&statements), 1, "one for all chapters: {statements:#?}");
        let chapter = &data["chapters"]["nodes"][0];
        assert!(chapter["personalized"]["body"].as_str().unwrap().len() > 100);
        assert_eq!(chapter["personalized"]["bodyHtml"], chapter["again"]["bodyHtml"]);
        let editor = app.by_jwt(&user("editor").role("editor"));
        let heads = "{ chapters(first: 20) { nodes { variants { level hardware updatedAt } } } }";
        let (_, statements) = app.statements_of(editor.data(heads)).await;
        assert_eq!(reads_bodies(&statements), 0, "{statements:#?}");
        let (data, statements) = app.statements_of(editor.data("{ chapters(first: 50) { nodes { variants { body } } } }")).await;
        assert_eq!(reads_bodies(&statements), 1, "{statements:#?}");
        assert!(data["chapters"]["nodes"][0]["variants"][0]["body"].as_str().unwrap().len() > 100);
    }

    async fn courses_are_found_by_slug_id_and_filters(app: App) {
        let app = app.with_courses().await;
        let guest = app.anonymous();
        let data = guest.data("{ courses { nodes { id slug title description interestAreas published } }
            course(slug: \"rust-apis\") { id title } none: course(slug: \"no\") { id } }").await;
        assert_eq!(data["courses"]["nodes"].as_array().unwrap().len(), 2);
        assert_eq!(data["none"], Value::Null);
        let found = guest.data_with(
            "query($id: ID!) { node(id: $id) { id ... on Course { slug } }
                chapters(course: $id) { nodes { ordinal course { slug } } }
                web: chapters(filter: {interestArea: \"Web\"}) { nodes { interestAreas } }
                premium: chapters(filter: {requiredTier: \"premium\"}) { nodes { slug } } }",
            json!({ "id": data["course"]["id"] }),
        ).await;
        assert_eq!(found["node"]["slug"], "rust-apis");
        let ordinals: Vec<_> = found["chapters"]["nodes"].as_array().unwrap().iter().map(|c| c["ordinal"].clone()).collect();
        assert_eq!(ordinals, [1, 2, 3]);
        assert_eq!(found["web"]["nodes"].as_array().unwrap().len(), 3);
        assert_eq!(found["premium"]["nodes"].as_array().unwrap().len(), 2);
    }

    async fn unpublished_course_is_invisible(app: App) {
        let app = app.with_courses().await;
        app.unpublish("rust-apis").await;
        let data = app.anonymous().data("{ courses { totalCount } course(slug: \"rust-apis\") { id }
            chapter(slug: \"who-is-asking\") { id } chapters { nodes { slug } } }").await;
        assert_eq!(data["courses"]["totalCount"], 1);
        assert_eq!(data["course"], Value::Null);
        assert_eq!(data["chapter"], Value::Null, "its course is not published");
        assert_eq!(data["chapters"]["nodes"].as_array().unwrap().len(), 4);
    }
}

async fn set_progress(app: &App, name: &str, slug: &str, percent: i32, bookmarked: bool) {
    let scope = app.scope_of(&user(name));
    let chapters = scope.shared::<chapter::Entity>().filter(chapter::Column::Slug.is(slug));
    let chapter = chapters.one().await.unwrap().unwrap();
    let row = progress::ActiveModel {
        chapter_id: Set(chapter.id),
        percent: Set(percent),
        bookmarked: Set(bookmarked),
        updated_at: Set(now()),
        ..Default::default()
    };
    scope.insert::<progress::Entity>(row).await.unwrap();
}

#[tokio::test]
async fn chapter_of_unconfigured_tier_is_denied() {
    let app = App::with(Backend::Sqlite, &["--tiers", "free,gold"]).await.with_courses().await;
    let who = app.by_jwt(&user("golden").tier("gold"));
    let ask = "{ chapter(slug: \"feedback-control\") { requiredTier personalized { level } } }";
    assert_eq!(who.ask(ask).await.codes(), ["FORBIDDEN"]);
    let found = who.data("{ recommendations(first: 100) { chapter { requiredTier } } }").await;
    let found = found["recommendations"].as_array().unwrap();
    assert!(found.iter().all(|r| r["chapter"]["requiredTier"] == "free") && found.len() == 4);
}

#[tokio::test]
async fn html_in_markdown_is_removed() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    app.set_all_bodies("# Hi\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) <b onclick=x>b</b>\n\n| a |\n|---|\n| 1 |").await;
    let data = app
        .anonymous()
        .data("{ chapter(slug: \"sense-think-act\") { personalized { bodyHtml } } }")
        .await;
    let html = data["chapter"]["personalized"]["bodyHtml"].as_str().unwrap();
    assert!(html.contains("<h1 id=\"user-content-hi\">Hi<a") && html.contains("<table>"), "{html}");
    for danger in ["<script", "javascript:", "onclick"] {
        assert!(!html.contains(danger), "{html}");
    }
}
