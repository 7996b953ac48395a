//! The payloads of mutations: what changed, and what a client reads after the change.

/// Declares the payload of a mutation, an object that holds `changed`: its own fields, and `query`.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident($changed:ty) { $($field:tt)* }) => {
        $(#[$doc])*
        pub struct $name(pub(super) $changed);

        $(#[$doc])*
        #[guarded($name)]
        impl $name {
            $($field)*

            /// Queries, resolved after the change.
            async fn query(&self) -> ::hallpass::schema::RootQuery {
                ::hallpass::schema::RootQuery
            }
        }
    };
}

pub(crate) use payload;
