//! The command line.

pub mod commands;
mod demo;
pub mod doctor;
mod generators;
mod health;
mod help;
mod schema;
mod serve;
mod version;
