//! As `compile_fail`, for rows of tenants.

/// Rows of a tenant have no owner.
///
/// ```compile_fail,E0277
/// # mod project {
/// #     use hallpass_data::TenantId;
/// #     use sea_orm::entity::prelude::*;
/// #     use hallpass_data::FromRow;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FromRow)]
/// #     #[sea_orm(table_name = "project")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key, auto_increment = false)]
/// #         pub id: Uuid,
/// #         pub tenant_id: TenantId,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// #     hallpass_data::tenant_owned!(TenantId, tenant_id);
/// # }
/// use hallpass_data::Scope;
///
/// fn reach(scope: &Scope) {
///     let _ = scope.owned::<project::Entity>();
/// }
///
/// fn main() {}
/// ```
pub mod tenant_rows_as_owned {}

/// A row of a tenant is not inserted as that of an owner.
///
/// ```compile_fail,E0277
/// # mod project {
/// #     use hallpass_data::TenantId;
/// #     use sea_orm::entity::prelude::*;
/// #     use hallpass_data::FromRow;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FromRow)]
/// #     #[sea_orm(table_name = "project")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key, auto_increment = false)]
/// #         pub id: Uuid,
/// #         pub tenant_id: TenantId,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// #     hallpass_data::tenant_owned!(TenantId, tenant_id);
/// # }
/// use hallpass_data::Scope;
///
/// async fn write(scope: &Scope, row: project::ActiveModel) {
///     let _ = scope.insert::<project::Entity>(row).await;
/// }
///
/// fn main() {}
/// ```
pub mod tenant_row_inserted_as_owned {}

/// Owned rows have no tenant.
///
/// ```compile_fail,E0277
/// use hallpass_data::Scope;
/// use hallpass_entity::task;
///
/// fn reach(scope: &Scope) {
///     let _ = scope.tenant::<task::Entity>();
/// }
///
/// fn main() {}
/// ```
pub mod owned_rows_as_tenants {}

/// A table has one policy: of owners, or of tenants.
///
/// ```compile_fail,E0119
/// # mod project {
/// #     use hallpass_data::TenantId;
/// #     use sea_orm::entity::prelude::*;
/// #     use hallpass_data::FromRow;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FromRow)]
/// #     #[sea_orm(table_name = "project")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key, auto_increment = false)]
/// #         pub id: Uuid,
/// #         pub tenant_id: TenantId,
/// #         pub owner_id: hallpass_data::UserId,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// #     hallpass_data::tenant_owned!(TenantId, tenant_id);
/// hallpass_data::owned!(OwnerId, owner_id);
/// # }
/// fn main() {}
/// ```
pub mod table_of_tenants_and_owners {}

/// The column of the tenant is a `TenantId`.
///
/// ```compile_fail,E0308
/// # mod project {
/// #     use hallpass_data::TenantId;
/// #     use sea_orm::entity::prelude::*;
/// #     use hallpass_data::FromRow;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FromRow)]
/// #     #[sea_orm(table_name = "project")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key, auto_increment = false)]
/// #         pub id: Uuid,
/// #         pub tenant_id: String,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// #     hallpass_data::tenant_owned!(TenantId, tenant_id);
/// # }
/// fn main() {}
/// ```
pub mod wrong_tenant_column {}

/// Rows of all tenants are read-only, whatever the privilege.
///
/// ```compile_fail,E0599
/// # mod project {
/// #     use hallpass_data::TenantId;
/// #     use sea_orm::entity::prelude::*;
/// #     use hallpass_data::FromRow;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FromRow)]
/// #     #[sea_orm(table_name = "project")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key, auto_increment = false)]
/// #         pub id: Uuid,
/// #         pub tenant_id: TenantId,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// #     hallpass_data::tenant_owned!(TenantId, tenant_id);
/// # }
/// use hallpass_data::{Privilege, Scope};
///
/// async fn write(scope: &Scope, proof: Privilege) {
///     let _ = scope.all::<project::Entity>(proof).delete().await;
/// }
///
/// fn main() {}
/// ```
pub mod rows_of_all_tenants_deleted {}

/// A tenant id cannot be created from a string.
///
/// ```compile_fail,E0423
/// use hallpass_data::TenantId;
///
/// fn main() {
///     let _ = TenantId("acme".to_owned());
/// }
/// ```
pub mod forged_tenant_id {}

/// A scope is not given another tenant.
///
/// ```compile_fail,E0451
/// use hallpass_data::Scope;
///
/// fn forge(scope: Scope) -> Scope {
///     Scope { tenant: None, ..scope }
/// }
///
/// fn main() {}
/// ```
pub mod forged_tenant_scope {}
