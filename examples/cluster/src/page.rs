//! The page at `/`, and the JavaScript client it loads.

use std::path::PathBuf;
use std::{env, fs, io};

use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::{Router, routing::get};

const PAGE: &str = include_str!("index.html");

/// Where browsers get the client from, unless `SOCKJS_CLIENT` names a copy to serve instead.
const CLIENT_URL: &str = "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js";
const COPY_URL: &str = "/sockjs.min.js";

/// The JavaScript client, from one URL for the page and for the iframe page alike: the client
/// refuses to talk to an iframe that runs another version of itself.
pub(crate) struct Client {
    copy: Option<String>,
}

impl Client {
    /// Reads the copy that `SOCKJS_CLIENT` names, for machines without internet.
    pub(crate) fn from_env() -> io::Result<Self> {
        let Some(path) = env::var_os("SOCKJS_CLIENT").map(PathBuf::from) else {
            return Ok(Self { copy: None });
        };
        let copy = fs::read_to_string(&path).map_err(|err| {
            let path = path.display();
            io::Error::new(err.kind(), format!("SOCKJS_CLIENT={path}: {err}"))
        })?;
        Ok(Self { copy: Some(copy) })
    }

    /// Returns the URL of the client as a browser must write it.
    pub(crate) fn url(&self) -> &'static str {
        match self.copy {
            Some(_) => COPY_URL,
            None => CLIENT_URL,
        }
    }

    /// Returns the page and, if there is one, the copy of the client.
    pub(crate) fn routes(&self) -> Router {
        let page = Html(PAGE.replace("SOCKJS_URL", self.url()));
        let routes = Router::new().route("/", get(page));
        let Some(script) = self.copy.clone() else {
            return routes;
        };
        let headers = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
        routes.route(COPY_URL, get((headers, script)))
    }
}
