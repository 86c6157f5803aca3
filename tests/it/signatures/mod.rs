//! What the compiler reports for invalid handlers: each case in `ui/` must fail with one error, which
//! names the mistake.
//!
//! The compiler is asked directly, with the libraries this test is linked with. Nothing is built
//! again for it, and what other versions of the compiler say around the message does not matter.

mod compiler;

use std::fs;

use self::compiler::{Compiler, cases};

/// A mistake, and what the error says of it.
struct Mistake {
    case: &'static str,
    message: &'static str,
    /// The source that is underlined.
    at: &'static str,
    label: &'static str,
    /// The beginning of a note.
    note: &'static str,
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        case: "returns_a_number",
        message: "a session handler cannot return `u32`",
        at: "handler",
        label: "this function returns `u32`",
        note: "a session handler returns `()` or `Result<(), E>`",
    },
    Mistake {
        case: "returns_a_value",
        message: "a session handler cannot return `Result<u32, String>`",
        at: "handler",
        label: "this function returns `Result<u32, String>`",
        note: "a session handler returns `()` or `Result<(), E>`",
    },
    Mistake {
        case: "not_an_error",
        message: "a session handler cannot fail with `u32`",
        at: "handler",
        label: "`Box<dyn Error + Send + Sync>` cannot be made from `u32`",
        note: "the error is logged: it implements `std::error::Error`, `Send` and `Sync`, or is",
    },
    Mistake {
        case: "session_not_last",
        message: "a session handler takes `Session` as its last argument",
        at: "handler",
        label: "the last argument of this function is `HeaderMap`",
        note: "extractors come first, and `sockjs_axum::Session` comes last:",
    },
    Mistake {
        case: "no_session",
        message: "a session handler takes `Session` as its last argument",
        at: "handler",
        label: "the last argument of this function is `HeaderMap`",
        note: "extractors come first, and `sockjs_axum::Session` comes last:",
    },
    Mistake {
        case: "no_argument",
        message: "a session handler takes `Session` as its last argument",
        at: "handler",
        label: "the arguments of this function are `()`",
        note: "extractors come first, and `sockjs_axum::Session` comes last:",
    },
    Mistake {
        case: "body_extractor",
        message: "a session handler cannot take `String` as an argument",
        at: "handler",
        label: "`String` does not implement `FromRequestParts<_>`",
        note: "the arguments are extracted from the head of the request that opens the session: \
               extractors of a body, such as `String`, `Bytes`, `Json` and `Form`, cannot be used",
    },
    Mistake {
        case: "another_body_extractor",
        message: "a session handler cannot take `axum::body::Bytes` as an argument",
        at: "handler",
        label: "`axum::body::Bytes` does not implement `FromRequestParts<_>`",
        note: "the arguments are extracted from the head of the request that opens the session: \
               extractors of a body, such as `String`, `Bytes`, `Json` and `Form`, cannot be used",
    },
    Mistake {
        case: "not_send",
        message: "future cannot be sent between threads safely",
        at: "handler",
        label: "future returned by `handler` is not `Send`",
        note: "future is not `Send` as this value is used across an await",
    },
    Mistake {
        case: "not_async",
        message: "a session handler is an async function",
        at: "handler",
        label: "this function is not async: it returns `()`, which is not a future",
        note: "write `async fn`, or return a future",
    },
    Mistake {
        case: "nine_extractors",
        message: "a session handler takes at most 8 extractors",
        at: "handler",
        label: "the extractors of this function are `(Method, Method, Method, Method, Method, \
                Method, Method, Method, Method)`",
        note: "put several extractors into one argument:",
    },
    Mistake {
        case: "no_state_for_a_layer",
        message: "the state `u32` of the session handler was never supplied",
        at: "layer",
        label: "call `.with_state(..)` on the `SockJsLayer` first",
        note: "the state of a router, which `Router::with_state` supplies, does not reach a layer",
    },
    Mistake {
        case: "no_state_for_a_layer_in_place",
        message: "the state `u32` of the session handler was never supplied",
        at: "layer",
        label: "call `.with_state(..)` on the `SockJsLayer` first",
        note: "the state of a router, which `Router::with_state` supplies, does not reach a layer",
    },
    Mistake {
        case: "state_of_the_router",
        message: "the state `Arc<str>` of the session handler was never supplied",
        at: "layer",
        label: "call `.with_state(..)` on the `SockJsLayer` first",
        note: "the state of a router, which `Router::with_state` supplies, does not reach a layer",
    },
    Mistake {
        case: "no_state_for_a_service",
        message: "the state `u32` of the session handler was never supplied",
        at: "into_service",
        label: "call `.with_state(..)` on the `SockJsLayer` first",
        note: "the state of a router, which `Router::with_state` supplies, does not reach a layer",
    },
    Mistake {
        case: "no_state_of_an_app",
        message: "a session handler cannot take `State<Rooms>` as an argument",
        at: "handler",
        label: "`State<Rooms>` does not implement `FromRequestParts<()>`",
        note: "if `State<Rooms>` needs a state, supply the state by `SockJsLayer::with_state`",
    },
    Mistake {
        case: "no_function",
        message: "`&str` does not serve SockJS sessions",
        at: "\"handler\"",
        label: "not an `async fn(extractors.., Session)`",
        note: "a session handler is an async function of up to 8 extractors",
    },
];

#[test]
fn each_mistake_in_a_handler_gives_one_error_that_names_it() {
    let compiler = Compiler::find();
    for mistake in MISTAKES {
        let case = mistake.case;
        let errors = compiler.errors(case);

        let [error] = &errors[..] else {
            panic!("{case}: one error expected: {errors:#?}");
        };
        assert_eq!(error.message, mistake.message, "{case}");
        assert_eq!(error.at, mistake.at, "{case}");
        assert_eq!(error.label, mistake.label, "{case}");
        let mut notes = error.notes.iter();
        let is_there = notes.any(|note| note.text.starts_with(mistake.note));
        assert!(is_there, "{case}: {error:#?}");
    }
}

#[test]
fn a_guard_that_is_held_across_an_await_is_pointed_at() {
    let errors = Compiler::find().errors("not_send");

    let [error] = &errors[..] else {
        panic!("one error expected: {errors:#?}");
    };
    let labels: Vec<_> = error.notes.iter().flat_map(|note| &note.labels).collect();
    for (at, said) in [
        (
            "names_locked",
            "MutexGuard<'_, Vec<String>>` which is not `Send`",
        ),
        (
            "await",
            "await occurs here, with `names_locked` maybe used later",
        ),
    ] {
        let mut labels = labels.iter();
        let is_there = labels.any(|label| label.at == at && label.text.ends_with(said));
        assert!(is_there, "{at}: {error:#?}");
    }
}

#[test]
fn a_wrong_state_is_underlined() {
    let errors = Compiler::find().errors("wrong_state");

    let [error] = &errors[..] else {
        panic!("one error expected: {errors:#?}");
    };
    assert_eq!(error.at, "String::new()");
    assert_eq!(error.label, "expected `u32`, found `String`");
}

#[test]
fn every_case_is_tried() {
    let cases = fs::read_dir(cases()).expect("the cases are there");
    let cases = cases.map(|case| case.expect("the cases can be listed").file_name());
    let this = concat!(include_str!("mod.rs"), include_str!("compiler.rs"));

    for case in cases {
        let case = case.into_string().expect("a name in ASCII");
        let name = case.strip_suffix(".rs").expect("a Rust source");
        assert!(this.contains(&format!("\"{name}\"")), "{name}");
    }
}
