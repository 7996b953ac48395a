//! Ids have types: a task's id is not a chapter's, and neither is a user's.

use sea_orm::DeriveValueType;

/// The auth server's id of a user: the verified subject of a credential, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, DeriveValueType)]
pub struct UserId(String);

impl UserId {
    /// Takes a subject as verified. Only the room that verifies credentials may call this: code that
    /// holds a `UserId` can be given that user's rows.
    #[must_use]
    pub fn from_verified_subject(subject: String) -> Self {
        Self(subject)
    }

    /// The id as the auth server writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Asked for by the derive macro of tables keyed by it; no database here makes ids by counting.
impl sea_orm::TryFromU64 for UserId {
    fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
        Err(sea_orm::DbErr::ConvertFromU64("UserId"))
    }
}

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
            /// A new id: UUID version 7 (RFC 9562), so that rows made later sort later.
            #[must_use]
            pub fn generate() -> Self {
                Self(uuid::Uuid::now_v7())
            }

            /// The bare UUID.
            #[must_use]
            pub const fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        // Asked for by the derive macro of every table; no database here makes ids by counting.
        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
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
    /// The id of a task.
    TaskId;
    /// The id of a tag on a task.
    TaskTagId;
    /// The id of a course.
    CourseId;
    /// The id of a chapter.
    ChapterId;
    /// The id of one written form of a chapter.
    VariantId;
    /// The id of what is known of a user, not of the user.
    KnownUserId;
    /// The id of a line of the audit.
    AuditEventId;
}
