//! A scope's connection cannot be taken out of it, and a scope runs no SQL.
use hallpass_data::Scope;
use sea_orm::ConnectionTrait as _;

async fn raw(scope: &Scope) {
    let _ = scope.conn;
    let _ = scope.execute_unprepared("DELETE FROM task").await;
}

fn main() {}
