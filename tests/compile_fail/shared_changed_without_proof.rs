//! A shared table is read by everyone and changed only with a proof of permission.
use hallpass_data::{Privilege, Scope, Update};
use hallpass_entity::{course, variant};

async fn write(scope: &Scope) {
    let _ = scope.shared::<course::Entity>().delete().await;
    let _ = scope.shared::<course::Entity>().update(Update::set(Default::default())).await;
    let _ = scope.shared_for_edit::<course::Entity>().delete().await;
    let _ = scope.insert_shared::<course::Entity>(Default::default(), Default::default()).await;
    let _ = scope.upsert_shared::<variant::Entity>(Default::default(), Default::default(), &[]).await;
    let _ = scope.shared_for_edit::<course::Entity>(Privilege(()));
}

fn main() {}
