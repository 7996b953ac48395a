//! A shared table is read by everyone and changed by nobody who cannot prove that they may.
use hallpass_entity::{Change, Privilege, Scope, course, variant};

async fn write(scope: &Scope) {
    let _ = scope.shared::<course::Entity>().delete().await;
    let _ = scope.shared::<course::Entity>().update(Change::to(Default::default())).await;
    let _ = scope.editable::<course::Entity>().delete().await;
    let _ = scope.insert_shared::<course::Entity>(Default::default(), Default::default()).await;
    let _ = scope.save_shared::<variant::Entity>(Default::default(), Default::default(), &[]).await;
    let _ = scope.editable::<course::Entity>(Privilege(()));
}

fn main() {}
