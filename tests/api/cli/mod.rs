//! The command line.

pub mod commands;
pub mod doctor;
mod generators;
mod serve;
