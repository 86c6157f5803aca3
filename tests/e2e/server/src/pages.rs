//! The files under `/e2e/`.

use std::path::PathBuf;
use std::sync::Arc;
use std::{env, io};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

/// The URL of the JavaScript client, on whichever host a page comes from.
pub(crate) const CLIENT_URL: &str = "/e2e/sockjs.js";

#[derive(Debug)]
struct Files {
    pages: PathBuf,
    client: PathBuf,
}

/// Returns the routes, with the folders that the environment names.
pub(crate) fn routes() -> io::Result<Router> {
    let files = Files {
        pages: path("PAGES")?,
        client: path("SOCKJS_CLIENT")?,
    };
    Ok(Router::new()
        .route("/e2e/{name}", get(file))
        .with_state(Arc::new(files)))
}

fn path(variable: &str) -> io::Result<PathBuf> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("{variable} is not set"));
    env::var_os(variable).map(PathBuf::from).ok_or_else(missing)
}

async fn file(
    Path(name): Path<String>,
    State(files): State<Arc<Files>>,
) -> Result<impl IntoResponse, StatusCode> {
    let (path, content_type) = match name.as_str() {
        "page.html" => (files.pages.join(name), "text/html; charset=utf-8"),
        "harness.js" | "messages.js" => (files.pages.join(name), "text/javascript; charset=utf-8"),
        "sockjs.js" => (files.client.clone(), "text/javascript; charset=utf-8"),
        _ => return Err(StatusCode::NOT_FOUND),
    };
    let content = tokio::fs::read(path)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, content_type)], content))
}
