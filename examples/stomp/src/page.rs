//! The page at `/`, and the JavaScript clients it loads.

use std::path::PathBuf;
use std::{env, fs, io};

use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::{Router, routing::get};

const PAGE: &str = include_str!("index.html");

/// The JavaScript clients. The page and the iframe page load SockJS from one URL: the client refuses to
/// talk to an iframe that runs another version of itself.
pub(crate) struct Clients {
    sockjs: Script,
    stompjs: Script,
}

impl Clients {
    /// Reads the copies that `SOCKJS_CLIENT` and `STOMP_CLIENT` name, for machines without internet.
    pub(crate) fn from_env() -> io::Result<Self> {
        Ok(Self {
            sockjs: Script::from_env(
                "SOCKJS_CLIENT",
                "/sockjs.min.js",
                "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js",
            )?,
            stompjs: Script::from_env(
                "STOMP_CLIENT",
                "/stomp.umd.min.js",
                "https://cdn.jsdelivr.net/npm/@stomp/stompjs@7/bundles/stomp.umd.min.js",
            )?,
        })
    }

    /// Returns the URL of the SockJS client as a browser must write it.
    pub(crate) fn sockjs_url(&self) -> &'static str {
        self.sockjs.url
    }

    /// Returns the page and, if there are any, the copies of the clients.
    pub(crate) fn routes(&self) -> Router {
        let page = PAGE
            .replace("SOCKJS_URL", self.sockjs.url)
            .replace("STOMP_URL", self.stompjs.url);
        Router::new()
            .route("/", get(Html(page)))
            .merge(self.sockjs.routes())
            .merge(self.stompjs.routes())
    }
}

struct Script {
    url: &'static str,
    copy: Option<String>,
}

impl Script {
    /// Reads the copy that the variable names, to be served at `copy_url`. Without the variable, browsers
    /// load the script from `cdn_url`.
    fn from_env(variable: &str, copy_url: &'static str, cdn_url: &'static str) -> io::Result<Self> {
        let Some(path) = env::var_os(variable).map(PathBuf::from) else {
            return Ok(Self {
                url: cdn_url,
                copy: None,
            });
        };
        let copy = fs::read_to_string(&path).map_err(|err| {
            let path = path.display();
            io::Error::new(err.kind(), format!("{variable}={path}: {err}"))
        })?;
        Ok(Self {
            url: copy_url,
            copy: Some(copy),
        })
    }

    fn routes(&self) -> Router {
        let Some(script) = self.copy.clone() else {
            return Router::new();
        };
        let headers = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
        Router::new().route(self.url, get((headers, script)))
    }
}
