//! Parser of course content files: Markdown with TOML front matter between lines of `+++`.
//!
//! ```text
//! COURSE-SLUG/course.md                    title, interest_areas; the body describes the course
//! COURSE-SLUG/NN-CHAPTER-SLUG/chapter.md   title, interest_areas, required_tier; a summary
//! COURSE-SLUG/NN-CHAPTER-SLUG/ANY.md       level, hardware; one variant
//! ```

use hallpass::data::{Set, now};
use hallpass_entity::interest::Interests;
use hallpass_entity::level::Level;
use hallpass_entity::{ChapterId, CourseId, VariantId, chapter, course, variant};
use include_dir::{Dir, File};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An invalid course content file.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ContentError {
    file: String,
    problem: String,
}

/// Parsed rows: courses, chapters and variants.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) courses: Vec<course::ActiveModel>,
    pub(crate) chapters: Vec<chapter::ActiveModel>,
    pub(crate) variants: Vec<variant::ActiveModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CourseHead {
    title: String,
    interest_areas: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChapterHead {
    title: String,
    interest_areas: Vec<String>,
    required_tier: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantHead {
    level: LevelName,
    hardware: LevelName,
}

#[derive(Clone, Copy, Deserialize)]
enum LevelName {
    Beginner,
    Intermediate,
    Advanced,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Beginner => Self::Beginner,
            LevelName::Intermediate => Self::Intermediate,
            LevelName::Advanced => Self::Advanced,
        }
    }
}

/// Parses every course in `dir`.
pub(crate) fn read(dir: &Dir<'_>) -> Result<Rows, ContentError> {
    let mut rows = Rows::default();
    for course in sorted(dir) {
        read_course(course, &mut rows)?;
    }
    Ok(rows)
}

/// Sorted by name, so that the numbers in the names order the chapters.
fn sorted<'a>(dir: &'a Dir<'a>) -> Vec<&'a Dir<'a>> {
    let mut dirs: Vec<_> = dir.dirs().collect();
    dirs.sort_by_key(|dir| dir.path());
    dirs
}

fn read_course(dir: &Dir<'_>, rows: &mut Rows) -> Result<(), ContentError> {
    let (head, body) = parse::<CourseHead>(file(dir, "course.md")?)?;
    let (id, created) = (CourseId::generate(), now());
    rows.courses.push(course::ActiveModel {
        id: Set(id),
        slug: Set(name(dir).to_owned()),
        title: Set(head.title),
        description: Set(body),
        interests: Set(Interests::new(head.interest_areas)),
        published: Set(true),
        created_at: Set(created),
        updated_at: Set(created),
        ..Default::default()
    });
    for (chapter, ordinal) in sorted(dir).into_iter().zip(1..) {
        read_chapter(chapter, id, ordinal, rows)?;
    }
    Ok(())
}

fn read_chapter(
    dir: &Dir<'_>,
    course_id: CourseId,
    ordinal: i32,
    rows: &mut Rows,
) -> Result<(), ContentError> {
    let head_file = file(dir, "chapter.md")?;
    let (head, summary) = parse::<ChapterHead>(head_file)?;
    let (id, created) = (ChapterId::generate(), now());
    let name = name(dir);
    rows.chapters.push(chapter::ActiveModel {
        id: Set(id),
        course_id: Set(course_id),
        slug: Set(name.split_once('-').map_or(name, |(_, slug)| slug).to_owned()),
        title: Set(head.title),
        summary: Set(summary),
        ordinal: Set(ordinal),
        interests: Set(Interests::new(head.interest_areas)),
        required_tier: Set(head.required_tier),
        published: Set(true),
        created_at: Set(created),
        updated_at: Set(created),
        ..Default::default()
    });
    for file in dir.files().filter(|file| file.path() != head_file.path()) {
        let (head, body) = parse::<VariantHead>(file)?;
        rows.variants.push(variant::ActiveModel {
            id: Set(VariantId::generate()),
            chapter_id: Set(id),
            level: Set(head.level.into()),
            hardware: Set(head.hardware.into()),
            body: Set(body),
            updated_at: Set(created),
        });
    }
    Ok(())
}

fn name<'a>(dir: &Dir<'a>) -> &'a str {
    dir.path().file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn file<'a>(dir: &'a Dir<'a>, name: &str) -> Result<&'a File<'a>, ContentError> {
    let path = dir.path().join(name);
    dir.get_file(&path).ok_or_else(|| ContentError {
        file: path.display().to_string(),
        problem: "the file is missing".to_owned(),
    })
}

fn parse<H: DeserializeOwned>(file: &File<'_>) -> Result<(H, String), ContentError> {
    let fail = |problem: String| ContentError { file: file.path().display().to_string(), problem };
    let text = file.contents_utf8().ok_or_else(|| fail("it is not UTF-8 text".to_owned()))?;
    let (head, body) =
        text.strip_prefix("+++\n").and_then(|rest| rest.split_once("\n+++\n")).ok_or_else(
            || fail("it does not start with front matter between lines of +++".to_owned()),
        )?;
    let head = toml::from_str(head).map_err(|error| fail(error.message().to_owned()))?;
    Ok((head, body.trim().to_owned()))
}
