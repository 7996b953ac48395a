//! A small course, the same on every server: public rows.

use hallpass::data::Set;
use hallpass::testing::isolation::{SeedError, SharedRows};
use hallpass_entity::interest::Interests;
use hallpass_entity::level::Level;
use hallpass_entity::{ChapterId, CourseId, VariantId, chapter, course, variant};
use uuid::Uuid;

use super::seeds::{id, timestamp};

/// The numbers of the chapters.
pub const CHAPTERS: [u128; 3] = [201, 202, 203];
/// The number of the course.
pub const COURSE: u128 = 200;

/// Slugs of the course and its chapters.
pub fn slugs() -> Vec<String> {
    let chapters = CHAPTERS.iter().map(|number| format!("chapter-{number}"));
    std::iter::once("the-course".to_owned()).chain(chapters).collect()
}

/// The keys of the chapters, the course and the variants.
pub fn keys() -> impl Iterator<Item = Uuid> {
    let variants = CHAPTERS.map(|number| number + 100);
    CHAPTERS.into_iter().chain([COURSE]).chain(variants).map(id)
}

/// Writes the course.
pub async fn fill(rows: SharedRows) -> Result<(), SeedError> {
    rows.insert_all::<course::Entity>(vec![course()]).await?;
    let chapters = CHAPTERS.iter().zip(1..).map(|(number, ordinal)| chapter(*number, ordinal));
    rows.insert_all::<chapter::Entity>(chapters.collect()).await?;
    let variants = CHAPTERS.iter().map(|number| beginners(*number));
    rows.insert_all::<variant::Entity>(variants.collect()).await?;
    Ok(())
}

fn course() -> course::ActiveModel {
    course::ActiveModel {
        id: Set(id::<CourseId>(COURSE)),
        slug: Set("the-course".to_owned()),
        title: Set("The course".to_owned()),
        description: Set("What it is about".to_owned()),
        interests: Set(Interests::new(["General"])),
        published: Set(true),
        created_at: Set(timestamp(400)),
        updated_at: Set(timestamp(401)),
        ..Default::default()
    }
}

fn chapter(number: u128, ordinal: i32) -> chapter::ActiveModel {
    chapter::ActiveModel {
        id: Set(id::<ChapterId>(number)),
        course_id: Set(id::<CourseId>(COURSE)),
        slug: Set(format!("chapter-{number}")),
        title: Set(format!("Chapter {ordinal}")),
        summary: Set("What it is about".to_owned()),
        ordinal: Set(ordinal),
        interests: Set(Interests::new(["General"])),
        required_tier: Set("free".to_owned()),
        published: Set(true),
        created_at: Set(timestamp(410 + i64::from(ordinal))),
        updated_at: Set(timestamp(420 + i64::from(ordinal))),
        ..Default::default()
    }
}

fn beginners(number: u128) -> variant::ActiveModel {
    variant::ActiveModel {
        id: Set(id::<VariantId>(number + 100)),
        chapter_id: Set(id::<ChapterId>(number)),
        level: Set(Level::Beginner),
        hardware: Set(Level::Beginner),
        body: Set("The text".to_owned()),
        updated_at: Set(timestamp(430)),
    }
}
