//! An application whose projects and milestones belong to organizations.

use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, MergedObject};
use hallpass::core_schema::{CoreMutation, CoreQuery};
use hallpass::data::{OfTenant, Rows, TenantId, Update};
use hallpass::graphql::{ApiError, find_in_tenant};
use hallpass::migration::{MigrationTrait, OwnedTable, create_tables};
use hallpass::prelude::*;
use sea_orm_migration::schema::text;

hallpass::data::row_id! {
    /// The id of a project.
    ProjectId;
    /// The id of a milestone of a project.
    MilestoneId;
}

/// Projects.
pub mod project {
    use hallpass::data::{FromRow, TenantId, tenant_owned, without_relations};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
    #[sea_orm(table_name = "project")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: super::ProjectId,
        pub tenant_id: TenantId,
        pub name: String,
    }

    without_relations!();
    tenant_owned!(TenantId, tenant_id);
}

/// Milestones of projects.
pub mod milestone {
    use hallpass::data::{ChildOf, FromRow, TenantId, tenant_owned, without_relations};
    use sea_orm::entity::prelude::*;

    use super::project;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
    #[sea_orm(table_name = "milestone")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: super::MilestoneId,
        pub project_id: super::ProjectId,
        pub tenant_id: TenantId,
        pub title: String,
    }

    without_relations!();
    tenant_owned!(TenantId, tenant_id);

    impl ChildOf<project::Entity> for Entity {
        const FOREIGN_KEYS: &'static [(Column, project::Column)] =
            &[(Column::ProjectId, project::Column::Id)];
    }
}

fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![create_tables("m20270101_000001_projects", || {
        let projects = OwnedTable::of_tenant("project").column(text("name"));
        let milestones = OwnedTable::of_tenant("milestone").child_of("project", "project_id");
        vec![projects, milestones.column(text("title"))]
    })]
}

/// A project of the caller's organization.
pub struct Project(project::Model);

#[guarded(Project, id = ProjectId)]
impl Project {
    /// Global ID.
    async fn id(&self) -> Id<Project> {
        Id::new(self.0.id)
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Titles of its milestones.
    async fn milestones(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let all = ctx.scope().tenant::<milestone::Entity>()?;
        let own = all.filter(milestone::Column::ProjectId.is(self.0.id)).all().await?;
        Ok(own.into_iter().map(|row| row.title).collect())
    }
}

impl FindNode for Project {
    async fn find_node(ctx: &Context<'_>, key: ProjectId) -> Result<Option<Self>> {
        Ok(find_in_tenant::<project::Entity>(ctx, project::Column::Id.is(key)).await?.map(Self))
    }
}

fn one(ctx: &Context<'_>, id: &Id<Project>) -> Result<Rows<project::Entity, OfTenant>> {
    let all = ctx.scope().tenant::<project::Entity>()?;
    Ok(all.filter(project::Column::Id.is(id.key()?)))
}

/// Queries of projects.
#[derive(Default)]
pub struct ProjectQuery;

#[guarded(Query, domain = "projects")]
impl ProjectQuery {
    /// The projects of the caller's organization.
    #[graphql(guard = "SignedIn")]
    async fn projects(&self, ctx: &Context<'_>, page: Page) -> Result<Connection<Project>> {
        let by_name = NamedOrder::by("name", project::Column::Name, false);
        paginate(ctx.scope().tenant::<project::Entity>()?, &by_name, &page, Project).await
    }
}

/// Mutations of projects.
#[derive(Default)]
pub struct ProjectMutation;

#[guarded(Mutation, domain = "projects")]
impl ProjectMutation {
    /// Creates a project with milestones.
    #[graphql(guard = "SignedIn")]
    async fn create_project(
        &self,
        ctx: &Context<'_>,
        name: String,
        #[graphql(default)] milestones: Vec<String>,
    ) -> Result<Project> {
        let id = ProjectId::generate();
        let row = project::ActiveModel { id: Set(id), name: Set(name), ..Default::default() };
        let milestones = milestones.into_iter().map(|title| milestone::ActiveModel {
            id: Set(MilestoneId::generate()),
            project_id: Set(id),
            title: Set(title),
            ..Default::default()
        });
        let transaction = ctx.scope().begin().await?;
        let row = transaction.insert_in_tenant::<project::Entity>(row).await?;
        transaction.insert_all_in_tenant::<milestone::Entity>(milestones.collect()).await?;
        transaction.commit().await?;
        Ok(Project(row))
    }

    /// Renames a project.
    #[graphql(guard = "SignedIn")]
    async fn rename_project(
        &self,
        ctx: &Context<'_>,
        id: Id<Project>,
        name: String,
    ) -> Result<Project> {
        let change = project::ActiveModel { name: Set(name), ..Default::default() };
        let changed = one(ctx, &id)?.update(Update::set(change)).await?;
        changed.into_iter().next().map(Project).ok_or(ApiError::NotFound("project"))
    }

    /// Deletes a project.
    #[graphql(guard = "SignedIn")]
    async fn delete_project(&self, ctx: &Context<'_>, id: Id<Project>) -> Result<Id<Project>> {
        match one(ctx, &id)?.delete().await? {
            0 => Err(ApiError::NotFound("project")),
            _ => Ok(id),
        }
    }
}

/// All queries.
#[derive(MergedObject, Default)]
pub struct Query(CoreQuery, ProjectQuery);

/// All mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(CoreMutation, ProjectMutation);

/// The application.
pub fn application() -> Arc<Application> {
    let projects = Domain::new("projects")
        .migrations(migrations)
        .tenant_owned::<milestone::Entity>()
        .tenant_owned::<project::Entity>()
        .node::<Project>();
    Hallpass::<Query, Mutation, EmptySubscription>::builder().domain(projects).build()
}

/// A row that names this tenant.
pub fn row(name: &str, tenant: TenantId) -> project::ActiveModel {
    let (id, name) = (Set(ProjectId::generate()), Set(name.to_owned()));
    project::ActiveModel { id, name, tenant_id: Set(tenant) }
}
