//! Erasure reaches every owned table.

use hallpass_data::testing::TableRows;
use serde_json::json;

use super::Suite;
use super::database::Backend;
use super::fixture::Fixture;
use super::seeds::{Part, rows_of};
use super::server::Options;
use crate::testing::user;

impl Suite {
    /// Erases the victim with `eraseUser`, as an administrator: afterwards, no owned table has rows of them. Their
    /// tenant and the other user have the same rows as before.
    ///
    /// # Panics
    /// If not, and as [`Suite::compare`] if tables are not registered or not seeded.
    pub async fn check_erasure(&self) {
        let seeds = self.seeds().await;
        let options = Options::on(Backend::Sqlite);
        let fixture = Fixture::build(self, &seeds, &options, Part::Alices).await;
        let (database, users) = (&fixture.server.app.database, &fixture.server.users);
        let tenant_tables = database.owned_tables().tenant_names();
        let is_tenants = |rows: &TableRows| tenant_tables.contains(&rows.table);
        let (tenants, alices): (Vec<_>, Vec<_>) =
            fixture.alices().await.into_iter().partition(is_tenants);
        let bobs = rows_of(database, &users.bob).await;
        let erase =
            "mutation($id: ID!) { eraseUser(id: $id) { report { tables { table rows } } } }";
        let admin = fixture.server.client(&user("administrator").role("admin"));
        let report = admin.data_with(erase, json!({"id": users.alice.id()})).await;
        for rows in &alices {
            let reported = json!({"table": rows.table, "rows": rows.count()});
            let tables = report["eraseUser"]["report"]["tables"].as_array().into_iter().flatten();
            assert!(tables.into_iter().any(|it| *it == reported), "{reported} not in {report}");
        }
        let (kept, left): (Vec<_>, Vec<_>) =
            fixture.alices().await.into_iter().partition(is_tenants);
        assert_eq!(kept, tenants, "the tenant keeps its rows");
        let left: Vec<_> = left.iter().filter(|it| it.count() > 0).map(table).collect();
        assert!(left.is_empty(), "{left:?} still have rows of the erased user");
        assert_eq!(rows_of(database, &users.bob).await, bobs, "the other user keeps their rows");
    }
}

fn table(rows: &TableRows) -> &'static str {
    rows.table
}
