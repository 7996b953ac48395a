//! The command line.

pub mod commands;
pub mod doctor;
mod generators;
mod health;
mod serve;
mod version;
