//! What chapters need besides their own rows, fetched for all chapters of a request at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use hallpass_entity::{
    ChapterId, Comparison as _, CourseId, Error, Scope, chapter, course, progress, variant,
};

use super::catalogue::Catalogue;

/// The loaders of one request.
pub struct Loaders {
    pub(super) courses: DataLoader<CourseLoader>,
    pub(super) chapters: DataLoader<ChapterLoader>,
    pub(super) forms: DataLoader<FormLoader>,
    pub(super) progress: DataLoader<ProgressLoader>,
}

/// The loaders of one request.
pub fn loaders(scope: &Scope, catalogue: &Catalogue) -> Loaders {
    Loaders {
        courses: crate::graphql::loader(CourseLoader(catalogue.clone())),
        chapters: crate::graphql::loader(ChapterLoader(catalogue.clone())),
        forms: crate::graphql::loader(FormLoader(catalogue.clone())),
        progress: crate::graphql::loader(ProgressLoader(scope.clone())),
    }
}

type Loaded<K, V> = Result<HashMap<K, V>, Arc<Error>>;

/// Loads courses.
pub(super) struct CourseLoader(Catalogue);

impl Loader<CourseId> for CourseLoader {
    type Value = course::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[CourseId]) -> Loaded<CourseId, course::Model> {
        let these = course::Column::Id.one_of(ids.iter().copied());
        let rows = self.0.rows::<course::Entity>().filter(these).all().await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// Loads chapters.
pub(super) struct ChapterLoader(Catalogue);

impl Loader<ChapterId> for ChapterLoader {
    type Value = chapter::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[ChapterId]) -> Loaded<ChapterId, chapter::Model> {
        let these = chapter::Column::Id.one_of(ids.iter().copied());
        let rows = self.0.rows::<chapter::Entity>().filter(these).all().await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// Loads the written forms of chapters.
pub(super) struct FormLoader(Catalogue);

impl Loader<ChapterId> for FormLoader {
    type Value = Vec<variant::Model>;
    type Error = Arc<Error>;

    async fn load(&self, chapters: &[ChapterId]) -> Loaded<ChapterId, Vec<variant::Model>> {
        let of_these = variant::Column::ChapterId.one_of(chapters.iter().copied());
        let forms = self.0.rows::<variant::Entity>().filter(of_these);
        let mut forms = grouped(forms.all().await?, |form| form.chapter_id);
        for forms in forms.values_mut() {
            forms.sort_by_key(|form| (form.level, form.hardware));
        }
        Ok(forms)
    }
}

/// Loads the caller's progress in chapters.
pub(super) struct ProgressLoader(Scope);

impl Loader<ChapterId> for ProgressLoader {
    type Value = progress::Model;
    type Error = Arc<Error>;

    async fn load(&self, chapters: &[ChapterId]) -> Loaded<ChapterId, progress::Model> {
        let in_these = progress::Column::ChapterId.one_of(chapters.iter().copied());
        let rows = self.0.mine::<progress::Entity>()?.filter(in_these).all().await?;
        Ok(rows.into_iter().map(|row| (row.chapter_id, row)).collect())
    }
}

fn grouped<K: Eq + Hash, V>(rows: Vec<V>, key: impl Fn(&V) -> K) -> HashMap<K, Vec<V>> {
    let mut groups = HashMap::<K, Vec<V>>::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}
