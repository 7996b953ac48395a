//! Typed row ids: the id of a note cannot be used as that of a tag or a user.

/// Gives tables ids of their own types: `row_id! { /// The id of a note. NoteId; }`.
#[macro_export]
macro_rules! row_id {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, sea_orm::DeriveValueType,
        )]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id: UUID version 7 (RFC 9562), so that newer rows sort later.
            #[must_use]
            pub fn generate() -> Self {
                Self(uuid::Uuid::now_v7())
            }

            /// The UUID.
            #[must_use]
            pub const fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        // Required by the derive macro of every table; ids are never auto-incremented.
        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> ::std::result::Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl $crate::ColumnValue for $name {
            fn from_binary(value: Option<&[u8]>) -> Option<Self> {
                <uuid::Uuid as $crate::ColumnValue>::from_binary(value).map(Self)
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for uuid::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

row_id! {
    /// The id of one use of an idempotency key.
    IdempotencyClaimId;
    /// The id of a known user's row, not of the user.
    KnownUserId;
    /// The id of an audit event.
    AuditEventId;
}
