//! `hallpass schema`

use super::{CliError, print_or_check};
use crate::schema;

pub(super) fn run(check: bool) -> Result<(), CliError> {
    let sdl = schema::sdl(&schema::build(true));
    print_or_check(check, "schema.graphql", &sdl, "hallpass schema")
}
