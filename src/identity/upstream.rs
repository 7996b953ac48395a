//! The one HTTP client, for everything asked of the auth server.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;

/// More than any key set or session.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// Node closes a connection that was idle for five seconds; ours must not be the one that notices.
const IDLE: Duration = Duration::from_secs(4);

/// A pooled client with a deadline, a limit, and no redirects: an answer from elsewhere is none.
#[derive(Clone)]
pub(super) struct Upstream {
    client: reqwest::Client,
}

/// What the auth server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

/// No whole answer came, with a reason for the log.
pub(super) struct NoAnswer(pub(super) &'static str);

impl Upstream {
    #[expect(clippy::disallowed_methods, reason = "this is the one client")]
    pub(super) fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(Policy::none())
            .pool_idle_timeout(IDLE)
            .no_proxy()
            .user_agent(concat!("hallpass/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    pub(super) async fn get(
        &self,
        url: reqwest::Url,
        headers: HeaderMap,
    ) -> Result<Answer, NoAnswer> {
        let mut response = self
            .client
            .get(url)
            .headers(headers)
            .send()
            .await
            .map_err(|error| NoAnswer(why(&error)))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| NoAnswer(why(&error)))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(NoAnswer("the answer is larger than 1 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status(), body })
    }
}

/// A reason without the address, which could hold a password.
fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "nobody answers there"
    } else {
        "the answer broke off"
    }
}
