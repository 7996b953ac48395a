//! Asking a server, as a caller.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A caller in front of a server.
#[derive(Clone)]
pub struct Client<'a> {
    http: &'a reqwest::Client,
    url: &'a str,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Client<'a> {
    pub(crate) fn anonymous(http: &'a reqwest::Client, url: &'a str) -> Self {
        Self { http, url, headers: Vec::new() }
    }

    /// The same, with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends a document.
    pub async fn ask(&self, query: &str) -> GraphQlResponse {
        self.send(&json!({ "query": query })).await
    }

    /// Sends a document with variables.
    pub async fn ask_with(&self, query: &str, variables: Value) -> GraphQlResponse {
        self.send(&json!({ "query": query, "variables": variables })).await
    }

    /// Sends a document that must succeed, and gives its data.
    pub async fn data(&self, query: &str) -> Value {
        self.ask(query).await.data()
    }

    /// Sends a document with variables that must succeed, and gives its data.
    pub async fn data_with(&self, query: &str, variables: Value) -> Value {
        self.ask_with(query, variables).await.data()
    }

    /// Sends a request.
    pub async fn send(&self, body: &Value) -> GraphQlResponse {
        let request = self.request(Method::POST, "/graphql");
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        GraphQlResponse::read(request.send().await.expect("the server answers")).await
    }

    /// A request to be filled in.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
    }
}

/// What a server answered.
#[derive(Debug)]
pub struct GraphQlResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: JSON, or text.
    pub body: Value,
}

impl GraphQlResponse {
    /// The whole of `response`.
    ///
    /// # Panics
    /// When it breaks off.
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer is whole");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    /// The data of an answer without errors.
    ///
    /// # Panics
    /// When there are some.
    #[track_caller]
    #[must_use]
    pub fn data(self) -> Value {
        assert!(self.body.get("errors").is_none(), "unexpected errors: {}", self.body);
        assert_eq!(self.status, StatusCode::OK);
        self.body["data"].clone()
    }

    /// The codes of the errors, in order.
    #[must_use]
    pub fn codes(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array();
        let codes = errors.into_iter().flatten();
        codes.map(|error| error["extensions"]["code"].as_str().unwrap_or("none")).collect()
    }

    /// The one error.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    #[must_use]
    pub fn error(&self) -> &Value {
        let errors = self.body["errors"].as_array().expect("the answer has errors");
        assert_eq!(errors.len(), 1, "one error was expected: {}", self.body);
        &errors[0]
    }

    /// What is wrong with the input at `path`.
    ///
    /// # Panics
    /// When nothing is.
    #[track_caller]
    #[must_use]
    pub fn first_error(&self, path: &str) -> &str {
        let error = self.error();
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{}", self.body);
        error["extensions"]["fields"][path]
            .as_str()
            .unwrap_or_else(|| panic!("nothing is said of {path}: {}", self.body))
    }
}
