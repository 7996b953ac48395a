//! `hallpass demo`: demo content in the database of a production server.

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::commands::{command, run};

#[tokio::test]
async fn demo_content_is_loaded_once_without_user_rows() {
    let directory = tempfile::tempdir().unwrap();
    let demo = || {
        let variables = [("BETTER_AUTH_URL", "http://127.0.0.1:9")];
        let output = run(&mut command(directory.path(), &["demo"], &variables));
        assert_eq!((output.code, &*output.stderr), (0, ""));
        output.stdout
    };
    let url = format!("sqlite://{}", directory.path().join("hallpass.db").display());
    let count = async |table: &str| -> i64 {
        let mut database = SqliteConnection::connect(&url).await.unwrap();
        let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        sqlx::query_scalar(count).fetch_one(&mut database).await.unwrap()
    };
    assert_eq!(demo(), "loaded the demo content of courses\n");
    let chapters = count("chapter").await;
    assert!(chapters >= 6, "{chapters}");
    assert_eq!(count("task").await, 0);
    assert_eq!(demo(), "nothing to load: the demo content is there\n");
    assert_eq!(count("chapter").await, chapters);
}
