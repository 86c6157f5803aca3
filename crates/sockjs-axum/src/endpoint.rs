use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Method, Response, StatusCode, Uri};
use http_body::Body;
use sockjs_core::{SessionConfig, Transport};

use crate::body::OwnBody;
use crate::config::{Config, Cors, SessionConfigs};
use crate::error::BoxError;
use crate::http::header::origin::{Judgement, is_loaded_by_own_page};
use crate::http::header::{Headers, cache, cors};
use crate::http::page::{self, Iframe};
use crate::http::reject::{Refusal, Reject};
use crate::http::route::{Action, Route};
use crate::meter;
use crate::mount::registry::{Phase, Registry};
use crate::session::handler::ErasedHandler;
use crate::session::opening::Credentials;
use crate::transport;

/// One mount: its options, its handler and its sessions. Clones are the same mount.
#[derive(Clone)]
pub(crate) struct Endpoint(Arc<Mount>);

struct Mount {
    prefix: Arc<str>,
    config: Arc<Config>,
    sessions: SessionConfigs,
    handler: ErasedHandler<()>,
    iframe: Iframe,
    registry: Arc<Registry>,
}

impl Endpoint {
    pub(crate) fn new(
        prefix: Arc<str>,
        config: Arc<Config>,
        handler: ErasedHandler<()>,
        registry: Arc<Registry>,
    ) -> Self {
        let iframe = Iframe::new(&config.sockjs_url, &config.allowed_origins);
        Self(Arc::new(Mount {
            prefix,
            sessions: SessionConfigs::new(&config.session),
            config,
            handler,
            iframe,
            registry,
        }))
    }

    /// Finds what a URL asks of this mount; `None` if it is not under its prefix.
    pub(crate) fn route(&self, uri: &Uri) -> Option<Route> {
        Route::parse(&self.0.prefix, uri.path())
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Returns the delays and limits of a session of that transport.
    pub(crate) fn session_config(&self, transport: Transport) -> Arc<SessionConfig> {
        self.0.sessions.of(transport)
    }

    pub(crate) fn prefix(&self) -> &Arc<str> {
        &self.0.prefix
    }

    pub(crate) fn handler(&self) -> &ErasedHandler<()> {
        &self.0.handler
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.0.registry
    }

    /// Answers a request.
    ///
    /// Its head is on the heap, as each future that it is handed on to would have room for it.
    pub(crate) async fn respond<B>(
        self,
        route: Route,
        mut parts: Box<Parts>,
        body: B,
    ) -> Response<OwnBody>
    where
        B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
    {
        let config = self.config();
        let judgement = if route.is_guarded() {
            config.allowed_origins.judge(config.null_origin, &parts)
        } else {
            Judgement::Allowed
        };
        let headers = Headers::for_request(config, &route, &parts, judgement);
        let is_head = parts.method == Method::HEAD;
        if self.credentials(&route, &parts, judgement) == Credentials::Shown {
            // Read when the request opens a session.
            parts.extensions.insert(Credentials::Shown);
        }
        let answer = match judgement {
            Judgement::Allowed | Judgement::Nameless | Judgement::Unstated => {
                self.answer(route, parts, body).await
            }
            Judgement::Refused => Err(Reject::Origin.into()),
        };
        let mut response = match answer {
            Ok(response) => response,
            Err(refusal) => {
                meter::refused(self.prefix(), refusal.reason());
                refusal.into_response()
            }
        };
        headers.apply(response.headers_mut());
        if is_head {
            without_body(&mut response);
        }
        response
    }

    async fn answer<B>(
        &self,
        route: Route,
        parts: Box<Parts>,
        body: B,
    ) -> Result<Response<OwnBody>, Refusal>
    where
        B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
    {
        if !self.offers(&route) {
            return Err(Reject::NotFound.into());
        }
        let allow = route.allow(self.config().cors);
        let allowed = allow.contains(&parts.method)
            || (route.is_websocket() && transport::is_extended_connect(&parts));
        if !allowed {
            return Err(Reject::Method(allow).into());
        }
        if parts.method == Method::OPTIONS {
            return Ok(preflight(&route));
        }
        let route = match route {
            Route::Session(id, Action::XhrSend) => {
                return transport::xhr_send(self, parts, body, id).await;
            }
            Route::Session(id, Action::JsonpSend) => {
                return transport::jsonp_send(self, parts, body, id).await;
            }
            route => route,
        };
        // Nobody else wants it, and with a body unread a connection does not tell that its client is
        // gone.
        drop(body);
        match route {
            Route::Greeting => Ok(page::greeting().map(OwnBody::from)),
            // Without it, a client does not even try the transports.
            Route::Info if self.registry().phase() != Phase::Running => {
                Err(Reject::ShuttingDown.into())
            }
            Route::Info => Ok(page::info(self.config(), &parts).map(OwnBody::from)),
            Route::Iframe => Ok(self.0.iframe.response(&parts).map(OwnBody::from)),
            Route::RawWebSocket => transport::raw_websocket(self, parts).await,
            Route::Session(id, action) => match action {
                Action::WebSocket => transport::websocket(self, parts).await,
                Action::Xhr => transport::xhr(self, parts, id).await,
                Action::XhrStreaming => transport::xhr_streaming(self, parts, id).await,
                Action::EventSource => transport::eventsource(self, parts, id).await,
                Action::HtmlFile => transport::htmlfile(self, parts, id).await,
                Action::Jsonp => transport::jsonp(self, parts, id).await,
                Action::XhrSend | Action::JsonpSend => Err(Reject::NotFound.into()),
            },
            Route::Unknown => Err(Reject::NotFound.into()),
        }
    }

    /// Says whether the application may see a request's credentials: only where an allowed page,
    /// or no browser at all, sends them. Whoever makes a browser open a session knows its id and
    /// can join it.
    fn credentials(&self, route: &Route, parts: &Parts, judgement: Judgement) -> Credentials {
        let shown = self.config().allowed_origins.restrict()
            && match judgement {
                Judgement::Allowed => true,
                Judgement::Unstated => match route.loaded_as() {
                    Some((mode, dest)) => is_loaded_by_own_page(&parts.headers, mode, dest),
                    // A browser would have stated it.
                    None => true,
                },
                Judgement::Nameless | Judgement::Refused => false,
            };
        if shown {
            Credentials::Shown
        } else {
            Credentials::Concealed
        }
    }

    /// Returns whether the options leave that URL in place.
    fn offers(&self, route: &Route) -> bool {
        let config = self.config();
        match route {
            Route::Greeting | Route::Info => true,
            Route::Iframe => config.cors == Cors::Enabled,
            Route::RawWebSocket => config.transports.contains(&Transport::RawWebSocket),
            Route::Session(_, action) => match action.transport() {
                Some(transport) => config.transports.contains(&transport),
                None => config
                    .transports
                    .iter()
                    .any(|transport| !transport.is_websocket()),
            },
            Route::Unknown => false,
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("prefix", &self.0.prefix)
            .finish_non_exhaustive()
    }
}

fn preflight(route: &Route) -> Response<OwnBody> {
    let methods = if let Route::Info = route {
        "OPTIONS, GET"
    } else {
        "OPTIONS, POST"
    };
    let mut response = Response::new(OwnBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::preflight(response.headers_mut(), methods);
    cache::for_a_year(response.headers_mut());
    response
}

fn without_body(response: &mut Response<OwnBody>) {
    let len = response.body().size_hint().exact();
    // That of a 304 would have to be the page's.
    if let Some(len) = len.filter(|_| response.status() != StatusCode::NOT_MODIFIED) {
        response.headers_mut().insert(CONTENT_LENGTH, len.into());
    }
    *response.body_mut() = OwnBody::from(Bytes::new());
}
