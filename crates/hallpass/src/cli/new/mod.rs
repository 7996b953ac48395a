//! `new`: generates applications, and domains inside them.

mod app;
mod changes;
mod domain;
mod field;
mod name;
mod template;

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Subcommand};

use super::CliError;
use super::output::print_line;
use app::Source;

/// What is generated.
#[derive(Clone, Debug, Subcommand)]
pub enum New {
    /// Create a directory with an application
    #[command(group = ArgGroup::new("source").args(["path", "git"]).required(true))]
    App {
        /// Name of the directory and of the crate
        name: String,
        /// Directory of the Hallpass repository
        #[arg(long, value_name = "PATH-TO-HALLPASS")]
        path: Option<PathBuf>,
        /// URL of the Hallpass repository
        #[arg(long, value_name = "URL")]
        git: Option<String>,
    },
    /// Create a domain of rows with an owner, in the application in this directory
    Domain {
        /// Name in singular, such as note or meetingNote
        name: String,
        /// Fields: text:String! dueAt:DateTime project:Project!
        ///
        /// Types are String, Int, Float, Boolean, DateTime, Date, ID, and the other domains of the application; ! after
        /// a required one
        #[arg(value_name = "NAME:TYPE")]
        fields: Vec<String>,
        /// Name in plural, if it is irregular
        #[arg(long, value_name = "NAME")]
        plural: Option<String>,
    },
}

pub(super) fn run(new: &New) -> Result<(), CliError> {
    match new {
        New::App { name, path, git } => {
            let source = match (path, git) {
                (Some(path), _) => Source::Path(path),
                (None, Some(url)) => Source::Git(url),
                (None, None) => return Err(CliError::Usage("give --path or --git".to_owned())),
            };
            let created = app::generate(name, &source)?.write().map_err(CliError::Check)?;
            for (file, lines) in created {
                print_line(format_args!("{name}/{file}: {lines} lines"))?;
            }
            print_line(format_args!(
                "\nNext: cd {name} && cargo run -- new domain note text:String! && cargo run"
            ))
        }
        New::Domain { name, fields, plural } => {
            let changes = domain::generate(Path::new("."), name, plural.as_deref(), fields);
            let created = changes.map_err(CliError::Usage)?.write().map_err(CliError::Check)?;
            for (file, lines) in created {
                print_line(format_args!("{file}: {lines} lines"))?;
            }
            print_line(
                "\nNext: cargo run -- schema > schema.graphql && cargo run -- access > access.md && cargo test",
            )
        }
    }
}
