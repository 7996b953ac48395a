//! HTML pages: GraphiQL, and the doctor in development.

pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod graphiql;
