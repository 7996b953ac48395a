//! Rows of every owned table: Alice's, which Bob must not learn of, and Bob's own.
//!
//! To add a table: define its rows here, and add it to [`tables`]. Put a text that begins with "hers" into
//! each text column of Alice's rows.

use hallpass_data::policy::OwnedEntity;
use hallpass_data::{IdempotencyClaimId, Set, Timestamp, idempotency_key};
use hallpass_entity::level::Level;
use hallpass_entity::{ChapterId, TaskId, TaskTagId, learner, progress, task, task_tag};
use uuid::Uuid;

use super::course_fixture::CHAPTERS;
use super::table::{SeededTable, Table};

/// The owned tables, parents first.
pub fn tables() -> Vec<Box<dyn SeededTable>> {
    vec![
        Box::new(Table::<task::Entity>::default()),
        Box::new(Table::<task_tag::Entity>::default()),
        Box::new(Table::<progress::Entity>::default()),
        Box::new(Table::<learner::Entity>::default()),
        Box::new(Table::<idempotency_key::Entity>::default()),
    ]
}

/// An owned table, and its rows. The owner is filled in.
pub trait Seeded: OwnedEntity {
    /// The type of the rows' global ids, if any.
    const NODE: Option<&'static str>;
    /// Alice's rows.
    fn alices() -> Vec<Self::ActiveModel>;
    /// The public view of Alice's rows, without private values.
    fn alices_as_public() -> Vec<Self::ActiveModel>;
    /// Bob's rows.
    fn bobs() -> Vec<Self::ActiveModel>;
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

impl Seeded for task::Entity {
    const NODE: Option<&'static str> = Some("Task");

    fn alices() -> Vec<task::ActiveModel> {
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
            ..Self::alices_as_public().remove(0)
        };
        vec![private(12, "hers first"), private(15, "hers second"), shown]
    }

    fn alices_as_public() -> Vec<task::ActiveModel> {
        vec![task::ActiveModel { is_public: Set(true), ..task(13, "shown to everyone") }]
    }

    fn bobs() -> Vec<task::ActiveModel> {
        let public = task::ActiveModel { is_public: Set(true), ..task(14, "his, for all to see") };
        vec![task(11, "his before hers"), public, task(16, "his after hers")]
    }
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

impl Seeded for task_tag::Entity {
    const NODE: Option<&'static str> = None;

    fn alices() -> Vec<task_tag::ActiveModel> {
        vec![tag(22, 12, "hers tag"), tag(23, 13, "hers tag on what is shown")]
    }

    fn alices_as_public() -> Vec<task_tag::ActiveModel> {
        Vec::new()
    }

    fn bobs() -> Vec<task_tag::ActiveModel> {
        vec![tag(21, 11, "his tag"), tag(24, 14, "his other tag")]
    }
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

impl Seeded for progress::Entity {
    const NODE: Option<&'static str> = None;

    fn alices() -> Vec<progress::ActiveModel> {
        vec![read(CHAPTERS[0], 73, 310), read(CHAPTERS[1], 37, 320)]
    }

    fn alices_as_public() -> Vec<progress::ActiveModel> {
        Vec::new()
    }

    fn bobs() -> Vec<progress::ActiveModel> {
        vec![read(CHAPTERS[1], 20, 330)]
    }
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

impl Seeded for learner::Entity {
    const NODE: Option<&'static str> = None;

    fn alices() -> Vec<learner::ActiveModel> {
        vec![words(Level::Advanced, "hers alone", 410)]
    }

    fn alices_as_public() -> Vec<learner::ActiveModel> {
        Vec::new()
    }

    fn bobs() -> Vec<learner::ActiveModel> {
        vec![words(Level::Intermediate, "his", 420)]
    }
}

fn used(key: &str, number: u128) -> idempotency_key::ActiveModel {
    idempotency_key::ActiveModel {
        key: Set(key.to_owned()),
        claim: Set(id::<IdempotencyClaimId>(number)),
        fingerprint: Set(format!("{key}, hashed")),
        row_id: Set(Some(id::<TaskId>(12).uuid())),
        answer: Set(Some(format!("{key}, answered"))),
        created_at: Set(timestamp(510)),
        ..Default::default()
    }
}

impl Seeded for idempotency_key::Entity {
    const NODE: Option<&'static str> = None;

    fn alices() -> Vec<idempotency_key::ActiveModel> {
        vec![used("hers 0", 51)]
    }

    fn alices_as_public() -> Vec<idempotency_key::ActiveModel> {
        Vec::new()
    }

    fn bobs() -> Vec<idempotency_key::ActiveModel> {
        vec![used("his 0", 52)]
    }
}
