//! A reverse proxy that serves a server below a path, and strips that path.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hallpass::testing::client;
use tokio::net::TcpListener;

/// Serves the server at `target` below `prefix`, such as `/api/hallpass/`, and returns the URL of that path. Other paths
/// are not found.
pub async fn serve_below(prefix: &'static str, target: &str) -> String {
    let target = target.to_owned();
    let forward = move |request: Request| {
        let target = target.clone();
        async move {
            let path = request.uri().path_and_query().unwrap().as_str();
            match path.strip_prefix(prefix) {
                Some(rest) => pass(format!("{target}/{rest}"), request).await,
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{prefix}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(forward)).await });
    url
}

/// Sends `request` to `url`, with all its headers, and streams the response.
async fn pass(url: String, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = reqwest::Body::wrap_stream(body.into_data_stream());
    let sent = client().request(head.method, url).headers(head.headers).body(body).send().await;
    let answer = sent.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        response = response.header(name, value);
    }
    response.body(Body::from_stream(answer.bytes_stream())).unwrap()
}
