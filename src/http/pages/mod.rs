//! Pages served in development: GraphiQL and the doctor.

pub(crate) mod doctor;
pub(crate) mod graphiql;
