//! Chapters reach every subscriber when they are published.

use std::time::{Duration, Instant};

use hallpass::testing::Client;
use serde_json::Value;

use crate::support::app::{App, Backend};
use crate::support::callers::user;
use crate::support::issuer::Issuer;
use crate::support::postgres;
use crate::support::socket::Socket;

const SUBSCRIPTION: &str = "subscription { chapterPublished { slug course { slug } } }";

async fn id_of(editor: &Client<'_>, mutation: &str, object: &str) -> Value {
    let data =
        editor.data(&format!("mutation {{ made: {mutation} {{ {object} {{ id }} }} }}")).await;
    data["made"][object]["id"].clone()
}

async fn chapter(editor: &Client<'_>, course: &Value, slug: &str) -> Value {
    let input = format!("{{slug: \"{slug}\", title: \"{slug}\", requiredTier: \"premium\"}}");
    id_of(editor, &format!("createChapter(courseId: {course}, input: {input})"), "chapter").await
}

async fn course(editor: &Client<'_>, slug: &str) -> Value {
    let input = format!("{{slug: \"{slug}\", title: \"{slug}\"}}");
    id_of(editor, &format!("createCourse(input: {input})"), "course").await
}

async fn publish_chapter(editor: &Client<'_>, id: &Value, published: bool) {
    let mutation = format!("publishChapter(id: {id}, published: {published})");
    id_of(editor, &mutation, "chapter").await;
}

async fn publish_course(editor: &Client<'_>, id: &Value) {
    id_of(editor, &format!("publishCourse(id: {id})"), "course").await;
}

/// The course and the chapter of the next event that is not the probe's.
async fn next(socket: &mut Socket) -> String {
    loop {
        let message = socket.next_message().await;
        let chapter = &message["payload"]["data"]["chapterPublished"];
        let slug = chapter["slug"].as_str().unwrap_or_else(|| panic!("no event: {message}"));
        if slug != "probe" {
            return format!("{} {slug}", chapter["course"]["slug"].as_str().unwrap());
        }
    }
}

/// Chapters that `editor` publishes reach `socket`, on the same node or another.
async fn check(editor: &Client<'_>, socket: &mut Socket) {
    let first = course(editor, "first").await;
    let probe = chapter(editor, &first, "probe").await;
    let marker = chapter(editor, &first, "marker").await;
    publish_course(editor, &first).await;
    socket.execute("1", SUBSCRIPTION).await;
    let began = Instant::now();
    // A received event is the only sign that the subscription is active.
    loop {
        assert!(began.elapsed() < Duration::from_secs(20), "no event arrives");
        publish_chapter(editor, &probe, false).await;
        publish_chapter(editor, &probe, true).await;
        match tokio::time::timeout(Duration::from_millis(100), socket.next_message()).await {
            Ok(message) if message["type"] == "next" => break,
            // A node that begins to receive the others' events reports the gap.
            Ok(_) => socket.execute("1", SUBSCRIPTION).await,
            Err(_) => {}
        }
    }
    let second = course(editor, "second").await;
    let (a, b) = (chapter(editor, &second, "a").await, chapter(editor, &second, "b").await);
    chapter(editor, &second, "draft").await;
    publish_chapter(editor, &b, true).await;
    publish_chapter(editor, &a, true).await;
    // Once its event arrives, those before it are read.
    publish_chapter(editor, &marker, true).await;
    assert_eq!(next(socket).await, "first marker", "none of a course that is a draft");
    publish_course(editor, &second).await;
    assert_eq!(next(socket).await, "second a");
    assert_eq!(next(socket).await, "second b", "in order, without the draft");
    // What is published already is not published again.
    publish_chapter(editor, &a, true).await;
    publish_course(editor, &second).await;
    for chapter in [&a, &b] {
        publish_chapter(editor, chapter, false).await;
    }
    publish_chapter(editor, &b, true).await;
    assert_eq!(next(socket).await, "second b", "none of a chapter that is hidden again");
}

#[tokio::test]
async fn published_chapters_reach_guests() {
    let app = App::start(Backend::Sqlite).await;
    let editor = app.by_jwt(&user("edda").role("editor"));
    check(&editor, &mut Socket::anonymous(&app).await).await;
}

#[tokio::test]
async fn published_chapters_reach_other_nodes() {
    let url = postgres::database();
    // The nodes have caches, which may be older than an event.
    let flags = ["--better-auth-url", Issuer::shared().url(), "--shared-cache-ttl", "10s"];
    let (one, other) = (
        App::on(&url, tempfile::tempdir().unwrap(), &flags).await,
        App::on(&url, tempfile::tempdir().unwrap(), &flags).await,
    );
    let editor = other.by_jwt(&user("edda").role("editor"));
    check(&editor, &mut Socket::anonymous(&one).await).await;
}
