//! Which pages may use a mount, by the origin that browsers send.

mod credentials;
mod disabled_cors;
mod guard;
mod iframe;
mod lists;
mod rebinding;

use support::{Opening, Peer, Request, Server};

/// An allowed origin.
const APP: &str = "https://app.example";

/// An origin that is not allowed.
const EVIL: &str = "https://evil.example";

/// Header fields of a request.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// Adds header fields to a request. `Host` is replaced.
fn with(request: Request<'static>, fields: Fields<'_>) -> Request<'static> {
    let fields = fields.iter();
    fields.fold(request, |request, (name, value)| match *name {
        "Host" => request.host(value),
        name => request.header(name, value),
    })
}

/// A request to a guarded URL.
struct Guarded {
    name: String,
    /// The status if the request is accepted.
    status: u16,
    /// Whether scripts of other origins may read the answer.
    shared: bool,
    request: Request<'static>,
}

/// Returns a request to every guarded URL. `peer` is a session that is open and has a receiver, so
/// that every request is answered at once.
fn guarded(server: &Server, peer: &Peer) -> Vec<Guarded> {
    let session = peer.path("").trim_end_matches('/').to_owned();
    let mut requests = vec![
        ("info", 200, true, server.get("/echo/info")),
        (
            "head of info",
            200,
            true,
            server.request("HEAD", "/echo/info"),
        ),
        (
            "preflight of info",
            204,
            true,
            server.request("OPTIONS", "/echo/info"),
        ),
        ("xhr_send", 204, true, peer.post("xhr_send").body("[]")),
        ("jsonp_send", 200, false, peer.post("jsonp_send").body("[]")),
    ];
    for endpoint in ["xhr", "xhr_streaming", "xhr_send"] {
        let request = peer.request("OPTIONS", endpoint);
        requests.push((endpoint, 204, true, request));
    }
    let requests = requests.into_iter();
    let requests =
        requests.map(|(name, status, shared, request)| (name.to_owned(), status, shared, request));
    let openings = Opening::ALL.map(|opening| {
        let request = opening.request(server, &opening.path(&session));
        let name = format!("{opening:?}");
        (name, opening.status(), opening.is_shared(), request)
    });
    let requests = requests.chain(openings);
    let requests = requests.map(|(name, status, shared, request)| Guarded {
        name,
        status,
        shared,
        request,
    });
    requests.collect()
}
