//! Code that bypasses a scope, or forges a caller, does not compile: each example fails with the error code that it
//! names. `tests/rustdoc` makes rustdoc compare the codes.

/// A filter is made of the columns of its table, not of any condition.
///
/// ```compile_fail,E0277
/// use hallpass_data::Filter;
/// use hallpass_entity::task;
/// use sea_orm::Condition;
///
/// fn main() {
///     let _: Filter<task::Entity> = Condition::any().into();
/// }
/// ```
pub mod filter_of_any_sql {}

/// A filter is about the table it filters.
///
/// ```compile_fail,E0308
/// use hallpass_data::{Comparison as _, Scope};
/// use hallpass_entity::{chapter, task};
///
/// fn mix(scope: &Scope) {
///     let _ = scope.owned::<task::Entity>().unwrap().filter(chapter::Column::Published.is(true));
/// }
///
/// fn main() {}
/// ```
pub mod foreign_filter {}

/// Only the authentication schemes construct a caller.
///
/// ```compile_fail,E0451
/// use hallpass_identity::{Caller, CallerKind};
///
/// fn forge(caller: Caller) -> Caller {
///     Caller { kind: CallerKind::Service, ..caller }
/// }
///
/// fn main() {}
/// ```
pub mod forged_caller {}

/// `Scope::all` requires a `Privilege`, which only the evaluation of a rule creates.
///
/// ```compile_fail,E0423
/// use hallpass_data::{Privilege, Scope, known_user};
///
/// fn reach(scope: &Scope) {
///     let _ = scope.all::<known_user::Entity>(Privilege(()));
/// }
///
/// fn main() {}
/// ```
pub mod forged_privilege {}

/// Only the database creates a scope.
///
/// ```compile_fail,E0451
/// use hallpass_data::Scope;
///
/// fn forge(scope: Scope) -> Scope {
///     Scope { owner: None, ..scope }
/// }
///
/// fn main() {}
/// ```
pub mod forged_scope {}

/// A user id cannot be created from a string.
///
/// ```compile_fail,E0423
/// use hallpass_data::UserId;
///
/// fn main() {
///     let _ = UserId("some-user".to_owned());
/// }
/// ```
pub mod forged_user_id {}

/// `Scope::shared` accepts shared tables only.
///
/// ```compile_fail,E0277
/// use hallpass_data::Scope;
/// use hallpass_entity::task;
///
/// fn reach(scope: &Scope) {
///     let _ = scope.shared::<task::Entity>();
/// }
///
/// fn main() {}
/// ```
pub mod owned_as_shared {}

/// Shared rows cannot be filtered by rows that have an owner.
///
/// ```compile_fail,E0277
/// use hallpass_data::{Comparison as _, Filter};
/// use hallpass_entity::{chapter, progress};
///
/// fn main() {
///     let _: Filter<chapter::Entity> = Filter::has(progress::Column::Bookmarked.is(true));
/// }
/// ```
pub mod owned_child_of_shared {}

/// `Scope::shared_for_edit` accepts shared tables only, whatever the privilege.
///
/// ```compile_fail,E0277,E0599
/// use hallpass_data::{Privilege, Scope};
/// use hallpass_entity::task;
///
/// async fn write(scope: &Scope, proof: Privilege) {
///     let _ = scope.shared_for_edit::<task::Entity>(proof);
///     let _ = scope.all::<task::Entity>(proof).delete().await;
/// }
///
/// fn main() {}
/// ```
pub mod owned_edited_as_shared {}

/// Public rows of other users are read-only.
///
/// ```compile_fail,E0599
/// use hallpass_data::{Scope, Update};
/// use hallpass_entity::task;
///
/// async fn write(scope: &Scope) {
///     let _ = scope.public::<task::Entity>().delete().await;
///     let _ = scope.readable::<task::Entity>().delete().await;
///     let _ = scope.public::<task::Entity>().update(Update::set(Default::default())).await;
/// }
///
/// fn main() {}
/// ```
pub mod public_rows_written {}

/// A query on owned rows runs on its scope's connection and accepts no other.
///
/// ```compile_fail,E0061
/// use hallpass_data::Scope;
/// use hallpass_entity::task;
/// use sea_orm::DatabaseConnection;
///
/// async fn elsewhere(scope: &Scope, other: &DatabaseConnection) {
///     let mine = scope.owned::<task::Entity>().unwrap();
///     let _ = mine.all(other).await;
/// }
///
/// fn main() {}
/// ```
pub mod query_elsewhere {}

/// A scope does not return its connection, and executes no SQL.
///
/// ```compile_fail,E0599,E0616
/// use hallpass_data::Scope;
/// use sea_orm::ConnectionTrait as _;
///
/// async fn raw(scope: &Scope) {
///     let _ = scope.conn;
///     let _ = scope.execute_unprepared("DELETE FROM task").await;
/// }
///
/// fn main() {}
/// ```
pub mod raw_sql {}

/// A shared table is written with a `Privilege` only.
///
/// ```compile_fail,E0061,E0277,E0423,E0599
/// use hallpass_data::{Privilege, Scope, Update};
/// use hallpass_entity::{course, variant};
///
/// async fn write(scope: &Scope) {
///     let _ = scope.shared::<course::Entity>().delete().await;
///     let _ = scope.shared::<course::Entity>().update(Update::set(Default::default())).await;
///     let _ = scope.shared_for_edit::<course::Entity>().delete().await;
///     let _ = scope.insert_shared::<course::Entity>(Default::default(), Default::default()).await;
///     let _ = scope.upsert_shared::<variant::Entity>(Default::default(), Default::default(), &[]).await;
///     let _ = scope.shared_for_edit::<course::Entity>(Privilege(()));
/// }
///
/// fn main() {}
/// ```
pub mod shared_changed_without_proof {}

/// System tables are accessible through `Scope::all` only.
///
/// ```compile_fail,E0277
/// use hallpass_data::{Scope, known_user};
///
/// fn reach(scope: &Scope) {
///     let _ = scope.owned::<known_user::Entity>();
///     let _ = scope.shared::<known_user::Entity>();
/// }
///
/// fn main() {}
/// ```
pub mod system_as_shared {}

/// A table without a policy is in no scope.
///
/// ```compile_fail,E0277
/// use hallpass_data::Scope;
///
/// mod note {
///     use sea_orm::entity::prelude::*;
///     use hallpass_data::FromRow;
///
///     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FromRow)]
///     #[sea_orm(table_name = "note")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i32,
///     }
///
///     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {}
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// fn reach(scope: &Scope) {
///     let _ = scope.owned::<note::Entity>();
///     let _ = scope.shared::<note::Entity>();
/// }
///
/// fn main() {}
/// ```
pub mod table_without_policy {}

/// A table has one policy.
///
/// ```compile_fail,E0119
/// use hallpass_data::{Filter, owned, shared};
///
/// mod note {
///     use hallpass_data::UserId;
///     use sea_orm::entity::prelude::*;
///     use hallpass_data::FromRow;
///
///     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FromRow)]
///     #[sea_orm(table_name = "note")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i32,
///         pub owner_id: UserId,
///     }
///
///     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {}
///
///     impl ActiveModelBehavior for ActiveModel {}
///
///     super::owned!(OwnerId, owner_id);
///     super::shared!(super::Filter::all());
/// }
///
/// fn main() {}
/// ```
pub mod two_policies {}

/// SeaORM's own delete statement has no connection to run on.
///
/// ```compile_fail,E0277
/// use hallpass_data::Scope;
/// use hallpass_entity::task;
/// use sea_orm::EntityTrait as _;
///
/// async fn everyones(scope: &Scope) {
///     let _ = task::Entity::delete_many().exec(scope).await;
/// }
///
/// fn main() {}
/// ```
pub mod unscoped_delete {}

/// SeaORM's own finder has no connection to run on.
///
/// ```compile_fail,E0277
/// use hallpass_data::Scope;
/// use hallpass_entity::task;
/// use sea_orm::EntityTrait as _;
///
/// async fn everyones(scope: &Scope) {
///     let _ = task::Entity::find().all(scope).await;
/// }
///
/// fn main() {}
/// ```
pub mod unscoped_find {}

/// SeaORM's own update statement has no connection to run on.
///
/// ```compile_fail,E0277
/// use hallpass_data::Scope;
/// use hallpass_entity::task;
/// use sea_orm::EntityTrait as _;
///
/// async fn everyones(scope: &Scope) {
///     let _ = task::Entity::update_many().exec(scope).await;
/// }
///
/// fn main() {}
/// ```
pub mod unscoped_update {}

/// The owner column of an owned table is a `UserId`.
///
/// ```compile_fail,E0308
/// use hallpass_data::owned;
///
/// mod note {
///     use sea_orm::entity::prelude::*;
///     use hallpass_data::FromRow;
///
///     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FromRow)]
///     #[sea_orm(table_name = "note")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i32,
///         pub title: String,
///     }
///
///     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {}
///
///     impl ActiveModelBehavior for ActiveModel {}
///
///     super::owned!(Title, title);
/// }
///
/// fn main() {}
/// ```
pub mod wrong_owner_column {}
