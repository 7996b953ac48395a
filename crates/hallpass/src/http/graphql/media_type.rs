//! Media types of responses.

/// The media types of the GraphQL-over-HTTP draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// `application/json`: 200 for everything that is a GraphQL request.
    Json,
    /// `application/graphql-response+json`: the status is 200 only if the document was executed.
    GraphqlResponse,
}

impl MediaType {
    /// The value of `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }
}
