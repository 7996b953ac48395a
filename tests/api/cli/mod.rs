//! The command line.

pub mod commands;
pub mod doctor;
mod generators;
mod health;
mod help;
mod serve;
mod version;
