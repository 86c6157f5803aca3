use std::fmt;
use std::sync::Arc;

use axum::response::Response as AxumResponse;
use bytes::{Buf, Bytes};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use sockjs_core::{CloseReason, Transport};

use crate::body::OwnBody;
use crate::config::{Config, Cors};
use crate::driver::{Attachment, Driver, Origin};
use crate::error::BoxError;
use crate::handler::{Accepted, ErasedHandler};
use crate::header::{Headers, cache, cors};
use crate::opening::{self, Opening};
use crate::page::{self, Iframe};
use crate::registry::{Found, Key, Place, Registry};
use crate::reject::Reject;
use crate::route::{Action, Route};
use crate::session::Session;
use crate::task::{self, App};
use crate::transport;

/// One mount: its options, its handler and its sessions. Clones are the same mount.
#[derive(Clone)]
pub(crate) struct Endpoint(Arc<Mount>);

struct Mount {
    prefix: Arc<str>,
    config: Arc<Config>,
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
        let iframe = Iframe::new(&config.sockjs_url);
        Self(Arc::new(Mount {
            prefix,
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

    /// Answers a request.
    pub(crate) async fn respond<B>(self, route: Route, req: Request<B>) -> Response<OwnBody>
    where
        B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
    {
        let (parts, body) = req.into_parts();
        let headers = Headers::for_request(self.config(), &route, &parts);
        let method = parts.method.clone();
        let mut response = match self.answer(route, parts, body).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response().await,
        };
        headers.apply(response.headers_mut());
        if method == Method::HEAD {
            without_body(&mut response);
        }
        response
    }

    async fn answer<B>(
        &self,
        route: Route,
        parts: Parts,
        body: B,
    ) -> Result<Response<OwnBody>, Refusal>
    where
        B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
    {
        if !self.offers(&route) {
            return Err(Reject::NotFound.into());
        }
        let allow = route.allow(self.config().cors);
        let allowed = allow
            .split(", ")
            .any(|method| method == parts.method.as_str())
            || (route.is_websocket() && transport::is_extended_connect(&parts));
        if !allowed {
            return Err(Reject::Method(allow).into());
        }
        if parts.method == Method::OPTIONS {
            return Ok(preflight(&route));
        }
        match route {
            Route::Greeting => Ok(page::greeting().map(OwnBody::from)),
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
                Action::XhrSend => transport::xhr_send(self, parts, body, id).await,
                Action::JsonpSend => transport::jsonp_send(self, parts, body, id).await,
            },
            Route::Unknown => Err(Reject::NotFound.into()),
        }
    }

    /// Returns whether the options leave that URL in place.
    fn offers(&self, route: &Route) -> bool {
        let config = self.config();
        match route {
            Route::Greeting | Route::Info => true,
            Route::Iframe => config.cors == Cors::Enabled,
            Route::RawWebSocket => config.transports.contains(&Transport::RawWebSocket),
            Route::Session(_, action) => action
                .transport()
                .is_none_or(|transport| config.transports.contains(&transport)),
            Route::Unknown => false,
        }
    }
}

/// Sessions.
impl Endpoint {
    /// Attaches a receive request to the session of that id, which it opens if there is none.
    /// Otherwise says with what close frame to answer.
    pub(crate) async fn attach(
        &self,
        parts: Parts,
        id: &str,
        transport: Transport,
    ) -> Result<Result<Attachment, CloseReason>, Refusal> {
        let origin = Origin {
            transport,
            remote_addr: opening::remote_addr(&parts),
        };
        let key = self.key(&parts, id);
        match self.0.registry.find(&key) {
            Found::Live(driver) => return Ok(driver.attach(origin)),
            Found::Ended(reason) => return Ok(Err(reason)),
            Found::Nothing => {}
        }
        let (accepted, opening, place) = self.accept(parts, Addressed::ById).await?;
        let (driver, attachment) = Driver::open(opening, origin, self.config().session);
        match self.0.registry.insert(&key, &driver) {
            Found::Nothing => {}
            // Another request opened it while the extractors ran.
            Found::Live(driver) => return Ok(driver.attach(origin)),
            Found::Ended(reason) => return Ok(Err(reason)),
        }
        let app = App::new(accepted(Session::new(driver.clone())));
        tokio::spawn(task::run(
            driver.clone(),
            app,
            place.occupy(Some(key), driver),
        ));
        Ok(Ok(attachment))
    }

    /// Finds the session a send request is for.
    pub(crate) fn find(&self, parts: &Parts, id: &str) -> Option<Arc<Driver>> {
        match self.0.registry.find(&self.key(parts, id)) {
            Found::Live(driver) => Some(driver),
            Found::Ended(_) | Found::Nothing => None,
        }
    }

    /// Lets the handler's extractors judge a request that is to open a session.
    pub(crate) async fn accept(
        &self,
        mut parts: Parts,
        addressed: Addressed,
    ) -> Result<(Accepted, Opening, Place), Refusal> {
        let place = self.0.registry.reserve(self.config().max_sessions);
        let place = place.ok_or(Reject::TooManySessions)?;
        let prefix_len = opening::prefix_len(&parts, &self.0.prefix);
        opening::conceal_credentials(&mut parts);
        if let Addressed::ById = addressed {
            opening::conceal_id(&mut parts);
        }
        let opening = Opening::new(&parts, prefix_len);
        let accepted = self
            .0
            .handler
            .accept(parts)
            .await
            .map_err(Refusal::ByHandler)?;
        Ok((accepted, opening, place))
    }

    /// Makes the key of a session. A mount whose prefix has parameters is as many mounts as there
    /// are values, so that the prefix belongs to the key where it is not this mount's own.
    fn key(&self, parts: &Parts, id: &str) -> Key {
        let prefix_len = opening::prefix_len(parts, &self.0.prefix);
        match opening::original_uri(parts).path().get(..prefix_len) {
            Some(prefix) if *prefix != *self.0.prefix => format!("{prefix}/{id}").into(),
            _ => id.into(),
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

/// Whether a URL holds a session id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Addressed {
    ById,
    Anonymously,
}

/// Why a request got no answer from a transport.
pub(crate) enum Refusal {
    ByUs(Reject),
    ByHandler(AxumResponse),
}

impl Refusal {
    async fn into_response(self) -> Response<OwnBody> {
        match self {
            Self::ByUs(reject) => {
                tracing::debug!(reason = %reject, "request refused");
                reject.response().map(OwnBody::from)
            }
            Self::ByHandler(response) => {
                tracing::debug!(
                    status = response.status().as_u16(),
                    "session refused by handler"
                );
                let (parts, body) = response.into_parts();
                let body = match Limited::new(body, MAX_REJECTION).collect().await {
                    Ok(body) => body.to_bytes(),
                    Err(_) => Bytes::new(),
                };
                Response::from_parts(parts, OwnBody::from(body))
            }
        }
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self::ByUs(reject)
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
    if let Some(len) = response.body().size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, len.into());
    }
    *response.body_mut() = OwnBody::from(Bytes::new());
}

/// How many bytes an extractor's rejection may have. They are read whole before they are sent.
const MAX_REJECTION: usize = 64 * 1024;
