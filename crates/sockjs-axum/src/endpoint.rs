//! How a mount answers a request: route, method, origin, transport, headers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, Version};
use http_body::Body;
use sockjs_core::{Endpoint, Info};

use crate::config::Config;
use crate::error::BoxError;
use crate::http::header::{self, Cors, Headers, Judgement, Silence, cache, is_loaded_by_own_page};
use crate::http::page;
use crate::http::reject::{Refusal, Reject};
use crate::http::route::Route;
use crate::meter;
use crate::mount::{Mount, Opener, Wanted};
use crate::session::Credentials;
use crate::transport::{self, Beside, Bounds, OwnBody, Upload, max_form_len};

/// Answers a request.
///
/// The head is boxed, because the futures that pass it on would each reserve space for it.
pub(crate) fn respond<B>(
    mount: Arc<Mount>,
    route: Route,
    parts: Box<Parts>,
    body: B,
) -> impl Future<Output = Response<OwnBody>> + Send
where
    B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
{
    let mut upload = Upload::new(&parts, body);
    // Not an async function, because that reserves space for its arguments twice.
    async move {
        let config = mount.config();
        let judgement = if route.is_guarded() {
            let silence = match route.loaded_as() {
                Some(_) => Silence::Browser,
                None => Silence::Program,
            };
            config
                .allowed_origins
                .judge(config.null_origin, silence, &parts)
        } else {
            Judgement::Allowed
        };
        let headers =
            Headers::for_request(config.cors, &config.jsessionid, &route, &parts, judgement);
        let is_head = parts.method == Method::HEAD;
        let is_receive = route.is_receive();
        // HTTP/2 has no such header. A session is led to another node by its next connection.
        let closes = mount.is_leaving()
            && parts.version <= Version::HTTP_11
            && route.endpoint().has_session_id()
            && route.endpoint() != Endpoint::WebSocket;
        let answer = match judgement {
            Judgement::Allowed | Judgement::NullOrigin | Judgement::NoOrigin => {
                let credentials = credentials(config, &route, &parts, judgement);
                answer(&mount, route, Opener { parts, credentials }, &mut upload).await
            }
            Judgement::Refused => Err(Reject::Origin.into()),
        };
        let mut response = answer.unwrap_or_else(|refusal| {
            meter::refused(mount.prefix(), refusal.reason());
            refusal.into_response(mount.warnings()).map(OwnBody::from)
        });
        // Before the answer, because an answer that is complete ends the reading of the request.
        if !upload.is_at_end() {
            let is_polled = is_receive && response.status().is_success();
            Box::pin(upload.discard(bounds(config, is_polled))).await;
        }
        headers.apply(response.headers_mut());
        if closes {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if is_head {
            remove_body(&mut response);
        }
        response
    }
}

#[expect(
    clippy::manual_async_fn,
    reason = "an async function reserves space for its arguments twice"
)]
fn answer(
    mount: &Arc<Mount>,
    route: Route,
    opener: Opener,
    upload: &mut Upload,
) -> impl Future<Output = Result<Response<OwnBody>, Refusal>> {
    async move {
        let (config, parts) = (mount.config(), &*opener.parts);
        if !offers(config, &route) {
            return Err(Reject::NotFound.into());
        }
        let allow = route.allow(config.cors);
        if !allow.contains(&parts.method.as_str()) && !is_websocket_over_http2(&route, parts) {
            return Err(Reject::Method(allow).into());
        }
        if parts.method == Method::OPTIONS {
            return Ok(preflight(config, &route, parts));
        }
        let wanted = &Wanted::Client(route.endpoint(), route.session_id());
        let limit = config.body_limit;
        let response = match route.endpoint() {
            Endpoint::Greeting => return Ok(page::greeting().map(OwnBody::from)),
            // Without `/info`, a client does not try any transport.
            Endpoint::Info if mount.is_shutting_down() => return Err(Reject::ShuttingDown.into()),
            Endpoint::Info => return Ok(info(config, parts).map(OwnBody::from)),
            Endpoint::Iframe => return Ok(mount.iframe().response(parts).map(OwnBody::from)),
            Endpoint::XhrSend => return transport::xhr_send(mount, parts, upload, wanted).await,
            Endpoint::JsonpSend => {
                return transport::jsonp_send(mount, parts, upload, wanted).await;
            }
            Endpoint::RawWebSocket => {
                let response = transport::raw_websocket(mount, opener).await?;
                upload.abandon();
                return Ok(response);
            }
            Endpoint::WebSocket => {
                let response = transport::websocket(mount, opener).await?;
                upload.abandon();
                return Ok(response);
            }
            Endpoint::Xhr => {
                Beside::new(upload, limit, transport::xhr(mount, opener, wanted)).await?
            }
            Endpoint::XhrStreaming => {
                Beside::new(
                    upload,
                    limit,
                    transport::xhr_streaming(mount, opener, wanted),
                )
                .await?
            }
            Endpoint::EventSource => {
                Beside::new(upload, limit, transport::eventsource(mount, opener, wanted)).await?
            }
            Endpoint::HtmlFile => {
                Beside::new(upload, limit, transport::htmlfile(mount, opener, wanted)).await?
            }
            Endpoint::Jsonp => {
                Beside::new(upload, limit, transport::jsonp(mount, opener, wanted)).await?
            }
            Endpoint::Unknown => return Err(Reject::NotFound.into()),
        };
        Ok(response.map(|body| body.beside(upload, limit)))
    }
}

/// Returns whether the options leave that URL in place.
fn offers(config: &Config, route: &Route) -> bool {
    match route.endpoint() {
        Endpoint::Greeting | Endpoint::Info => true,
        Endpoint::Iframe => config.cors == Cors::Enabled,
        Endpoint::XhrSend | Endpoint::JsonpSend => config
            .transports
            .iter()
            .any(|transport| !transport.is_websocket()),
        endpoint @ (Endpoint::RawWebSocket
        | Endpoint::WebSocket
        | Endpoint::Xhr
        | Endpoint::XhrStreaming
        | Endpoint::EventSource
        | Endpoint::HtmlFile
        | Endpoint::Jsonp
        | Endpoint::Unknown) => endpoint
            .transport()
            .is_some_and(|transport| config.transports.contains(&transport)),
    }
}

/// Returns how much of a body is read and thrown away before its request is answered.
fn bounds(config: &Config, is_polled: bool) -> Bounds {
    let bytes = max_form_len(config.body_limit);
    if is_polled {
        // Not for long, because the session has no receiver meanwhile.
        let total = MAX_PAUSE.min(config.session.disconnect_delay() / 4);
        let pause = total;
        return Bounds {
            bytes,
            total,
            pause,
        };
    }
    Bounds {
        bytes,
        total: config.body_timeout,
        pause: MAX_PAUSE,
    }
}

/// Decides whether the application may see a request's credentials: only if an allowed page sends
/// them, or a client that is not a browser. A page that makes a browser open a session knows the
/// session's id, and can join the session.
fn credentials(config: &Config, route: &Route, parts: &Parts, judgement: Judgement) -> Credentials {
    let shown = config.allowed_origins.restrict()
        && match judgement {
            Judgement::Allowed => true,
            Judgement::NoOrigin => match route.loaded_as() {
                Some((mode, dest)) => is_loaded_by_own_page(&parts.headers, mode, dest),
                // A browser would have sent the origin.
                None => true,
            },
            Judgement::NullOrigin | Judgement::Refused => false,
        };
    if shown {
        Credentials::Shown
    } else {
        Credentials::Concealed
    }
}

fn is_websocket_over_http2(route: &Route, parts: &Parts) -> bool {
    matches!(
        route.endpoint(),
        Endpoint::RawWebSocket | Endpoint::WebSocket
    ) && transport::is_extended_connect(parts)
}

fn info(config: &Config, parts: &Parts) -> Response<Bytes> {
    let base_url = config.base_url.as_ref().map(|url| url.call(parts));
    page::info(&Info {
        websocket: config.websocket(),
        cookie_needed: config.jsessionid.is_enabled(),
        base_url: base_url.as_deref(),
        entropy: page::entropy(),
    })
}

fn preflight(config: &Config, route: &Route, parts: &Parts) -> Response<OwnBody> {
    let methods = if route.endpoint() == Endpoint::Info {
        "OPTIONS, GET"
    } else {
        "OPTIONS, POST"
    };
    let mut response = Response::new(OwnBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    header::preflight(
        response.headers_mut(),
        methods,
        config.private_network,
        &parts.headers,
    );
    cache::for_a_year(response.headers_mut());
    response
}

fn remove_body(response: &mut Response<OwnBody>) {
    let len = response.body().size_hint().exact();
    // The length in a 304 would have to be that of the page.
    if let Some(len) = len.filter(|_| response.status() != StatusCode::NOT_MODIFIED) {
        response.headers_mut().insert(CONTENT_LENGTH, len.into());
    }
    *response.body_mut() = OwnBody::from(Bytes::new());
}

/// How long nothing may arrive of a body that is thrown away, before its client is answered.
const MAX_PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mount::Registry;
    use crate::session::{ErasedHandler, echo};

    #[test]
    fn future_of_a_request_stays_small() {
        let mount = Mount::new(
            "".into(),
            Arc::default(),
            ErasedHandler::new(echo),
            Arc::new(Registry::new()),
        );
        let route = Route::parse("", "/").expect("every path has an empty prefix");
        let (parts, body) = http::Request::new(axum::body::Body::empty()).into_parts();

        let future = respond(Arc::new(mount), route, Box::new(parts), body);

        // The malloc of glibc serves up to 1032 bytes from a cache of the thread.
        assert!(size_of_val(&future) <= 1032, "{}", size_of_val(&future));
    }
}
