//! What chapters need besides their own rows, fetched for all chapters of a request at once.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use hallpass_entity::level::Level;
use hallpass_entity::{
    ChapterId, Comparison as _, CourseId, Error, Scope, Timestamp, VariantId, chapter, course,
    progress, variant,
};

use super::visible_courses::VisibleCourses;

/// The loaders of one request.
pub struct Loaders {
    pub(crate) courses: DataLoader<CourseLoader>,
    pub(crate) chapters: DataLoader<ChapterLoader>,
    pub(crate) forms: DataLoader<VariantLoader>,
    pub(crate) bodies: DataLoader<BodyLoader, HashMapCache>,
    pub(crate) progress: DataLoader<ProgressLoader>,
}

/// The loaders of one request.
pub fn loaders(scope: &Scope, catalogue: &VisibleCourses) -> Loaders {
    Loaders {
        courses: crate::graphql::loader(CourseLoader(catalogue.clone())),
        chapters: crate::graphql::loader(ChapterLoader(catalogue.clone())),
        forms: crate::graphql::loader(VariantLoader(catalogue.clone())),
        bodies: crate::graphql::loader_with_cache(BodyLoader(catalogue.clone())),
        progress: crate::graphql::loader(ProgressLoader(scope.clone())),
    }
}

type Loaded<K, V> = Result<HashMap<K, V>, Arc<Error>>;

/// Loads courses.
pub(crate) struct CourseLoader(VisibleCourses);

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
pub(crate) struct ChapterLoader(VisibleCourses);

impl Loader<ChapterId> for ChapterLoader {
    type Value = chapter::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[ChapterId]) -> Loaded<ChapterId, chapter::Model> {
        let these = chapter::Column::Id.one_of(ids.iter().copied());
        let rows = self.0.rows::<chapter::Entity>().filter(these).all().await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// A written form of a chapter, without its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VariantHead {
    pub(crate) id: VariantId,
    pub(crate) level: Level,
    pub(crate) hardware: Level,
    pub(crate) updated_at: Timestamp,
}

/// Loads the written forms of chapters, without their texts.
pub(crate) struct VariantLoader(VisibleCourses);

impl Loader<ChapterId> for VariantLoader {
    type Value = Vec<VariantHead>;
    type Error = Arc<Error>;

    async fn load(&self, chapters: &[ChapterId]) -> Loaded<ChapterId, Vec<VariantHead>> {
        use variant::Column::{ChapterId as Of, Hardware, Id, Level as Software, UpdatedAt};
        type Row = (ChapterId, VariantId, Level, Level, Timestamp);
        let of_these = Of.one_of(chapters.iter().copied());
        let rows = self.0.rows::<variant::Entity>().filter(of_these);
        let rows = rows.columns::<Row>([Of, Id, Software, Hardware, UpdatedAt]).await?;
        let mut forms = HashMap::<ChapterId, Vec<VariantHead>>::new();
        for (chapter, id, level, hardware, updated_at) in rows {
            let form = VariantHead { id, level, hardware, updated_at };
            forms.entry(chapter).or_default().push(form);
        }
        for forms in forms.values_mut() {
            forms.sort_by_key(|form| (form.level, form.hardware));
        }
        Ok(forms)
    }
}

/// Loads the texts of forms, each once in a request: a form that changes meanwhile is another.
pub(crate) struct BodyLoader(VisibleCourses);

impl Loader<(VariantId, Timestamp)> for BodyLoader {
    type Value = Arc<str>;
    type Error = Arc<Error>;

    async fn load(
        &self,
        forms: &[(VariantId, Timestamp)],
    ) -> Loaded<(VariantId, Timestamp), Arc<str>> {
        use variant::Column::{Body as Text, Id};
        let these = Id.one_of(forms.iter().map(|(id, _)| *id));
        let rows = self.0.rows::<variant::Entity>().filter(these);
        let rows = rows.columns::<(VariantId, String)>([Id, Text]).await?;
        let mut bodies: HashMap<_, _> =
            rows.into_iter().map(|(id, text)| (id, Arc::from(text))).collect();
        Ok(forms.iter().filter_map(|form| Some((*form, bodies.remove(&form.0)?))).collect())
    }
}

/// Loads the caller's progress in chapters.
pub(crate) struct ProgressLoader(Scope);

impl Loader<ChapterId> for ProgressLoader {
    type Value = progress::Model;
    type Error = Arc<Error>;

    async fn load(&self, chapters: &[ChapterId]) -> Loaded<ChapterId, progress::Model> {
        let in_these = progress::Column::ChapterId.one_of(chapters.iter().copied());
        let rows = self.0.owned::<progress::Entity>()?.filter(in_these).all().await?;
        Ok(rows.into_iter().map(|row| (row.chapter_id, row)).collect())
    }
}
