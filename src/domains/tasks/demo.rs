//! Demo tasks for development.

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use hallpass::application::{Demo, DemoError, DemoRows};
use hallpass::data::{Error, Scope, Set, Timestamp, now};
use hallpass_entity::{TaskId, task};

use super::changes::write_tags;

struct Sample {
    title: &'static str,
    description: Option<&'static str>,
    priority: task::Priority,
    due_in_days: Option<i64>,
    tags: &'static [&'static str],
    done: bool,
    public: bool,
}

const SAMPLES: [Sample; 5] = [
    Sample {
        title: "Mount the ultrasonic sensor",
        description: Some("M3 screws; leave 2 mm so that the housing does not touch the chassis."),
        priority: task::Priority::High,
        due_in_days: Some(2),
        tags: &["robot", "hardware"],
        done: false,
        public: false,
    },
    Sample {
        title: "Read the first chapter of Physical AI",
        description: None,
        priority: task::Priority::Medium,
        due_in_days: Some(7),
        tags: &["reading"],
        done: false,
        public: false,
    },
    Sample {
        title: "Write a guard for the notes domain",
        description: Some("Start from tasks, then delete what notes do not need."),
        priority: task::Priority::Medium,
        due_in_days: None,
        tags: &["rust"],
        done: false,
        public: true,
    },
    Sample {
        title: "Renew the workshop booking",
        description: None,
        priority: task::Priority::Urgent,
        due_in_days: Some(-1),
        tags: &[],
        done: false,
        public: false,
    },
    Sample {
        title: "Charge the batteries",
        description: None,
        priority: task::Priority::Low,
        due_in_days: None,
        tags: &["robot"],
        done: true,
        public: true,
    },
];

/// Demo tasks of each persona, loaded with the demo of the other domains.
pub(super) struct DemoTasks;

impl Demo for DemoTasks {
    fn is_missing<'a>(&'a self, _: &'a DemoRows<'_>) -> BoxFuture<'a, Result<bool, DemoError>> {
        ready(Ok(false)).boxed()
    }

    fn load_for_user<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<(), DemoError>> {
        async move { Ok(load_demo(scope).await?) }.boxed()
    }
}

/// Inserts demo tasks for the owner of `scope`, unless they have tasks already.
async fn load_demo(scope: &Scope) -> Result<(), Error> {
    if scope.owned::<task::Entity>()?.count().await? > 0 {
        return Ok(());
    }
    let created = now();
    for (sample, age) in SAMPLES.iter().zip(0..) {
        let row = sample.row(created - TimeDelta::minutes(age), created);
        let row = scope.insert::<task::Entity>(row).await?;
        let tags: Vec<String> = sample.tags.iter().map(|&tag| tag.to_owned()).collect();
        if !tags.is_empty() {
            write_tags(scope, row.id, tags).await?;
        }
    }
    Ok(())
}

impl Sample {
    fn row(&self, created: Timestamp, now: Timestamp) -> task::ActiveModel {
        task::ActiveModel {
            id: Set(TaskId::generate()),
            title: Set(self.title.to_owned()),
            description: Set(self.description.map(str::to_owned)),
            completed: Set(self.done),
            completed_at: Set(self.done.then_some(now)),
            priority: Set(self.priority),
            due_at: Set(self.due_in_days.map(|days| now + TimeDelta::days(days))),
            is_public: Set(self.public),
            version: Set(1),
            created_at: Set(created),
            updated_at: Set(created),
            ..Default::default()
        }
    }
}
