//! HTML forms and names of callbacks, against the crate `form_urlencoded`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sockjs_core::{Callback, CallbackError, FormDecoder, form_payload};

// The first byte is the length of the chunks in which the form arrives.
fuzz_target!(|data: &[u8]| {
    let Some((&chunk, text)) = data.split_first() else {
        return;
    };
    form(text, usize::from(chunk).max(1));
    if let Ok(text) = str::from_utf8(text) {
        callback_name(text);
        callback_query(text);
    }
});

fn form(text: &[u8], chunk: usize) {
    let expected = form_urlencoded::parse(text)
        .find(|(name, _)| name == "d")
        .map(|(_, value)| value.into_owned());
    assert_eq!(form_payload(text), expected);

    let mut decoder = FormDecoder::new();
    let mut arrived = 0;
    for chunk in text.chunks(chunk) {
        let before = decoder.len();
        decoder.push(chunk);
        arrived += chunk.len();
        // An escape that began in an earlier chunk may be none.
        assert!(decoder.len() <= before + chunk.len() + 2);
        assert!(decoder.len() <= arrived);
        assert!(decoder.capacity() <= 2 * decoder.len() + 8);
        let len = decoder.len();
        assert_eq!(decoder.is_empty(), len == 0);
    }
    let decoded = decoder.finish();
    let decoded = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert_eq!(decoded, expected);
}

fn callback_name(name: &str) {
    let expected = if name.is_empty() {
        Err(CallbackError::Missing)
    } else if name.chars().count() <= 32 && name.chars().all(is_allowed) {
        Ok(name)
    } else {
        Err(CallbackError::Invalid)
    };
    let callback = Callback::parse(name);
    assert_eq!(
        callback.as_ref().map(Callback::as_str),
        expected.as_ref().copied()
    );
}

fn callback_query(query: &str) {
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let value = |name: &str| {
        fields
            .iter()
            .find(|it| it.0 == name)
            .map(|it| it.1.as_str())
    };
    let callback = Callback::from_query(Some(query));
    if let Ok(callback) = &callback {
        let name = callback.as_str();
        assert!((1..=32).contains(&name.len()) && name.chars().all(is_allowed));
    }
    let name = value("c").or(value("callback")).unwrap_or_default();
    assert_eq!(callback, Callback::parse(name));
}

fn is_allowed(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.')
}
