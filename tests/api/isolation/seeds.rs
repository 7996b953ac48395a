//! Rows of every owned table: Alice's, which Bob must not learn of, and Bob's own. Each text of Alice's begins with "hers".

use hallpass::data::{Set, Timestamp};
use hallpass::testing::isolation::{SeedError, SeedUser};
use hallpass_entity::level::Level;
use hallpass_entity::{ChapterId, TaskId, TaskTagId, learner, progress, task, task_tag};
use uuid::Uuid;

use super::course_fixture::CHAPTERS;

/// Rows of one of the two users.
pub async fn rows(user: SeedUser) -> Result<(), SeedError> {
    let profile = if user.is_victim() {
        words(Level::Advanced, "hers alone", 410)
    } else {
        words(Level::Intermediate, "his", 420)
    };
    user.insert::<learner::Entity>(profile).await?;
    rows_without_profile(user).await
}

/// Rows of one of the two users, without a learner profile.
pub async fn rows_without_profile(user: SeedUser) -> Result<(), SeedError> {
    let (tasks, tags, progress) = if user.is_victim() {
        (alices_tasks(), alices_tags(), alices_progress())
    } else {
        (bobs_tasks(), bobs_tags(), vec![read(CHAPTERS[1], 20, 330)])
    };
    for task in tasks {
        user.insert::<task::Entity>(task).await?;
    }
    for tag in tags {
        user.insert::<task_tag::Entity>(tag).await?;
    }
    for read in progress {
        user.insert::<progress::Entity>(read).await?;
    }
    Ok(())
}

/// Alice's public task, without private values.
pub async fn public_view(alice: SeedUser) -> Result<(), SeedError> {
    alice.insert::<task::Entity>(public_task()).await?;
    Ok(())
}

/// The same ids on every server.
pub fn id<T: From<Uuid>>(number: u128) -> T {
    T::from(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number))
}

/// A unique timestamp, this number of microseconds into 2031.
pub fn timestamp(number: i64) -> Timestamp {
    chrono::DateTime::from_timestamp_micros(1_925_000_000_000_000 + number * 1_000_003).unwrap()
}

fn task(number: u128, title: &str) -> task::ActiveModel {
    let nth = i64::try_from(number).unwrap() * 10;
    task::ActiveModel {
        id: Set(id::<TaskId>(number)),
        title: Set(title.to_owned()),
        description: Set(None),
        completed: Set(false),
        completed_at: Set(None),
        priority: Set(task::Priority::Medium),
        due_at: Set(None),
        is_public: Set(false),
        version: Set(1),
        created_at: Set(timestamp(nth)),
        updated_at: Set(timestamp(nth + 1)),
        ..Default::default()
    }
}

fn public_task() -> task::ActiveModel {
    task::ActiveModel { is_public: Set(true), ..task(13, "shown to everyone") }
}

fn alices_tasks() -> Vec<task::ActiveModel> {
    let private = |number, title| {
        let nth = i64::try_from(number).unwrap() * 10;
        task::ActiveModel {
            description: Set(Some(format!("{title}, in detail"))),
            completed: Set(number % 2 == 0),
            completed_at: Set((number % 2 == 0).then(|| timestamp(nth + 2))),
            priority: Set(task::Priority::Urgent),
            due_at: Set(Some(timestamp(nth + 3))),
            ..task(number, title)
        }
    };
    let shown = task::ActiveModel {
        description: Set(Some("hers behind what is shown".to_owned())),
        priority: Set(task::Priority::High),
        due_at: Set(Some(timestamp(999))),
        ..public_task()
    };
    vec![private(12, "hers first"), private(15, "hers second"), shown]
}

fn bobs_tasks() -> Vec<task::ActiveModel> {
    let public = task::ActiveModel { is_public: Set(true), ..task(14, "his, for all to see") };
    vec![task(11, "his before hers"), public, task(16, "his after hers")]
}

fn tag(number: u128, task: u128, word: &str) -> task_tag::ActiveModel {
    task_tag::ActiveModel {
        id: Set(id::<TaskTagId>(number)),
        task_id: Set(id::<TaskId>(task)),
        tag: Set(word.to_owned()),
        ordinal: Set(0),
        ..Default::default()
    }
}

fn alices_tags() -> Vec<task_tag::ActiveModel> {
    vec![tag(22, 12, "hers tag"), tag(23, 13, "hers tag on what is shown")]
}

fn bobs_tags() -> Vec<task_tag::ActiveModel> {
    vec![tag(21, 11, "his tag"), tag(24, 14, "his other tag")]
}

fn read(chapter: u128, percent: i32, number: i64) -> progress::ActiveModel {
    progress::ActiveModel {
        chapter_id: Set(id::<ChapterId>(chapter)),
        percent: Set(percent),
        bookmarked: Set(true),
        updated_at: Set(timestamp(number)),
        ..Default::default()
    }
}

fn alices_progress() -> Vec<progress::ActiveModel> {
    vec![read(CHAPTERS[0], 73, 310), read(CHAPTERS[1], 37, 320)]
}

fn words(software: Level, interest: &str, number: i64) -> learner::ActiveModel {
    learner::ActiveModel {
        software_background: Set(Some(software)),
        hardware_background: Set(None),
        interest_area: Set(Some(interest.to_owned())),
        updated_at: Set(timestamp(number)),
        ..Default::default()
    }
}
