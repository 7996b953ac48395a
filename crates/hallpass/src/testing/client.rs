//! HTTP client for tests: sends GraphQL requests as a caller.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::socket::Socket;

/// A client of a test server, with the headers of one caller.
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

    /// Adds a header.
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

    /// Sends a document that must succeed, and returns its data.
    pub async fn data(&self, query: &str) -> Value {
        self.ask(query).await.data()
    }

    /// Sends a document with variables that must succeed, and returns its data.
    pub async fn data_with(&self, query: &str, variables: Value) -> Value {
        self.ask_with(query, variables).await.data()
    }

    /// Sends a JSON body.
    pub async fn send(&self, body: &Value) -> GraphQlResponse {
        let request = self.request(Method::POST, "/graphql");
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        GraphQlResponse::read(request.send().await.expect("the server responds")).await
    }

    /// Opens a socket of `/graphql/ws`.
    pub async fn socket(&self) -> Socket {
        Socket::open(self.url, &self.headers).await
    }

    /// Begins a request to `path`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
    }
}

/// A response of the server.
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
    /// Reads `response`.
    ///
    /// # Panics
    /// If the body is incomplete.
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the body is complete");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    /// The data of a response without errors.
    ///
    /// # Panics
    /// If there are errors.
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

    /// The only error.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[track_caller]
    #[must_use]
    pub fn error(&self) -> &Value {
        let errors = self.body["errors"].as_array().expect("the response has errors");
        assert_eq!(errors.len(), 1, "expected one error: {}", self.body);
        &errors[0]
    }

    /// The message for the input at `path`, of a BAD_USER_INPUT error.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    #[must_use]
    pub fn first_error(&self, path: &str) -> &str {
        let error = self.error();
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{}", self.body);
        error["extensions"]["fields"][path]
            .as_str()
            .unwrap_or_else(|| panic!("no message for {path}: {}", self.body))
    }
}
