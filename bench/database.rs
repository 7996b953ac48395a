//! A PostgreSQL cluster of this process, and what it costs.

use crate::processes::processor_time;

#[expect(dead_code, reason = "the tests use more kinds of databases")]
#[path = "../tests/api/support/postgres.rs"]
pub mod postgres;

/// The application and the configuration that the tests' PostgreSQL is migrated with.
mod app {
    use std::sync::{Arc, LazyLock};

    use hallpass::Application;
    use hallpass::config::Config;

    pub fn application() -> &'static Arc<Application> {
        static APPLICATION: LazyLock<Arc<Application>> =
            LazyLock::new(hallpass_server::application);
        &APPLICATION
    }

    pub fn config(flags: &[&str]) -> Config {
        hallpass::testing::config(application(), flags)
    }
}

/// PostgreSQL's processes that serve clients; others run maintenance in the background.
pub struct Backends {
    postmaster: u32,
    user: &'static str,
}

impl Backends {
    /// Those of this process' cluster that serve `user`.
    pub fn of(user: &'static str) -> Self {
        let data = format!("hallpass-pg-{}/data", std::process::id());
        let is_it = |process: &u32| {
            let line = command_line(*process);
            line.split('\0').next().is_some_and(|program| program.ends_with("/postgres"))
                && line.contains(&data)
        };
        Self { postmaster: processes().find(is_it).unwrap(), user }
    }

    /// Their processor time, in seconds.
    pub fn processor_time(&self) -> f64 {
        let title = format!("postgres: {} ", self.user);
        let is_backend = |process: &u32| {
            parent(*process) == Some(self.postmaster) && command_line(*process).starts_with(&title)
        };
        processes().filter(is_backend).map(processor_time).sum()
    }
}

fn command_line(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

/// The parent of a process: the second word after the last parenthesis of `/proc/…/stat`.
fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

fn processes() -> impl Iterator<Item = u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
