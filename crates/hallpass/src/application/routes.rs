//! Routes of an application, beside those of the server.

use std::collections::HashSet;

use axum::Router;
use axum::routing::MethodRouter;

use super::ServerHandle;

/// The first segments of the server's own paths.
const RESERVED: [&str; 13] = [
    "dev",
    "doctor",
    "graphiql",
    "graphql",
    "health",
    "identities",
    "metrics",
    "ready",
    "revocations",
    "schema.graphql",
    "schema.none.graphql",
    "schema.semantic.graphql",
    "schema.strict.graphql",
];

/// Why the routes of an application cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoute {
    /// A path is one of the server's own.
    #[error(
        "the application's route {0} is one of the server's own: let its first segment be none of {list}",
        list = RESERVED.join(", ")
    )]
    Reserved(String),
    /// Two routes have the same path.
    #[error(
        "the application has two routes {0}: give all methods of a path in one route, such as \
         get(read).post(write)"
    )]
    Twice(String),
    /// A path is not absolute.
    #[error("the application's route `{0}` is not a path: begin it with /, followed by a name")]
    NotAbsolute(String),
}

/// Routes of an application: axum handlers behind the server's middleware and authentication.
///
/// A handler takes the caller with the extractors of the identity module, [`Caller`](crate::identity::Caller),
/// `Option<Caller>`, [`RequireRole`](crate::identity::RequireRole) and
/// [`RequireTier`](crate::identity::RequireTier): the caller whom GraphQL would have with the same headers. The
/// caller's rows are in [`CallerScope`](crate::http::CallerScope), and the server is the state:
///
/// ```
/// use hallpass::application::Routes;
/// use hallpass::axum::routing::get;
/// use hallpass::identity::Caller;
///
/// async fn greeting(caller: Option<Caller>) -> String {
///     format!("Hello {}", caller.as_ref().and_then(|it| it.name()).unwrap_or("guest"))
/// }
///
/// let routes = Routes::new().route("/greeting", get(greeting));
/// ```
///
/// A credential that is rejected ends the request with 401 before the handler, and an unavailable auth server with
/// 503. The limits of GraphQL apply: `MAX_BODY`, `TIMEOUT`, concurrent operations of a client, and the header that a
/// cookie needs with a method other than POST.
#[derive(Clone, Default)]
pub struct Routes {
    router: Router<ServerHandle>,
    paths: HashSet<String>,
    problem: Option<InvalidRoute>,
}

impl Routes {
    /// No routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a path with its handlers: `.route("/notes.csv", get(export))`.
    #[must_use]
    pub fn route(mut self, path: &str, methods: MethodRouter<ServerHandle>) -> Self {
        if self.accepts(path) {
            self.router = self.router.route(path, methods);
        }
        self
    }

    /// Adds the routes of a router below a path: `.nest("/api", router)`.
    #[must_use]
    pub fn nest(mut self, path: &str, router: Router<ServerHandle>) -> Self {
        if self.accepts(path) {
            self.router = self.router.nest(path, router);
        }
        self
    }

    /// Whether a route may have this path. Keeps the first problem, for the start of the server.
    fn accepts(&mut self, path: &str) -> bool {
        let problem = match path.strip_prefix('/').and_then(|rest| rest.split('/').next()) {
            None | Some("") => Some(InvalidRoute::NotAbsolute(path.to_owned())),
            Some(first) if RESERVED.contains(&first) => {
                Some(InvalidRoute::Reserved(path.to_owned()))
            }
            Some(_) if !self.paths.insert(normalized(path)) => {
                Some(InvalidRoute::Twice(path.to_owned()))
            }
            Some(_) => None,
        };
        let is_accepted = problem.is_none();
        self.problem = self.problem.take().or(problem);
        is_accepted
    }

    /// These routes and others.
    pub(super) fn and(mut self, other: Self) -> Self {
        let twice = self.paths.intersection(&other.paths).next().cloned();
        self.problem = self.problem.or(other.problem).or(twice.map(InvalidRoute::Twice));
        self.paths.extend(other.paths);
        if self.problem.is_none() {
            self.router = self.router.merge(other.router);
        }
        self
    }

    /// The router; none without routes.
    pub(super) fn router(&self) -> Result<Option<Router<ServerHandle>>, InvalidRoute> {
        match &self.problem {
            Some(problem) => Err(problem.clone()),
            None if self.paths.is_empty() => Ok(None),
            None => Ok(Some(self.router.clone())),
        }
    }
}

/// A path without the names of its parameters: two paths that match the same requests are equal.
fn normalized(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix('{') {
        Some(rest) if rest.starts_with('*') => "{*}".to_owned(),
        Some(rest) if !rest.starts_with('{') => "{}".to_owned(),
        _ => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};

    use super::*;

    async fn handler() {}

    fn problem(paths: &[&str]) -> Option<String> {
        let add = |routes: Routes, path: &&str| routes.route(path, get(handler));
        let routes = paths.iter().fold(Routes::new(), add);
        routes.router().err().map(|error| error.to_string())
    }

    #[test]
    fn path_of_the_server_is_rejected() {
        for path in ["/graphql", "/graphql/{any}", "/health", "/ready/", "/dev/x", "/metrics"] {
            let problem = problem(&["/notes.csv", path]).unwrap_or_default();
            assert!(problem.contains(&format!("route {path} is one of the server's")), "{problem}");
        }
        for path in ["/graphql2", "/{page}", "/{*rest}", "/.well-known/x", "/api/graphql"] {
            assert_eq!(problem(&[path]), None, "{path}");
        }
    }

    #[test]
    fn every_path_of_the_server_is_reserved() {
        let sources = [include_str!("../http/mod.rs"), include_str!("../http/ops/metrics.rs")];
        let paths = sources.iter().flat_map(|text| text.split(".route(\"/").skip(1));
        let firsts: HashSet<_> = paths.filter_map(|rest| rest.split(['/', '"']).next()).collect();
        assert_eq!(firsts, RESERVED.into(), "RESERVED has the first segments of all paths");
    }

    #[test]
    fn path_that_is_given_twice_is_rejected() {
        let message = problem(&["/notes/{id}", "/notes/{key}"]).unwrap_or_default();
        assert!(message.contains("two routes /notes/{key}"), "{message}");
        let other = Routes::new().route("/notes/{x}", post(handler));
        let both = Routes::new().route("/notes/{id}", get(handler)).and(other);
        assert_eq!(both.router().err(), Some(InvalidRoute::Twice("/notes/{}".to_owned())));
    }

    #[test]
    fn relative_path_is_rejected() {
        for path in ["notes", "", "/"] {
            assert!(problem(&[path]).is_some_and(|it| it.contains("not a path")), "{path}");
        }
    }
}
