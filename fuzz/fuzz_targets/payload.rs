//! Payloads from clients and quoted text, against `serde_json`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sockjs_core::{Callback, Frame, Message, Payload, PayloadError, ResponseEncoder, quote};

// The first byte is the limit of a message, the rest is the text.
fuzz_target!(|data: &[u8]| {
    let Some((&limit, text)) = data.split_first() else {
        return;
    };
    check_text(&String::from_utf8_lossy(text), limit.into());
    check_text(
        &text.iter().map(near_special).collect::<String>(),
        limit.into(),
    );
});

/// Returns ASCII as it is, and for other bytes characters in and beside the ranges that are escaped,
/// because random bytes are hardly ever such a character.
fn near_special(byte: &u8) -> char {
    let code = match *byte {
        0xf0.. => 0xff00 + u32::from(*byte),
        0x80.. => 0x2004 + u32::from(*byte - 0x80),
        ascii => ascii.into(),
    };
    char::from_u32(code).unwrap()
}

fn check_text(text: &str, limit: usize) {
    parse(text, limit);
    parse(text, usize::MAX);
    quoted(text);
    // Messages of clients are what an echo quotes.
    if let Ok(payload) = Payload::parse(text, usize::MAX) {
        encoded(payload.collect());
    }
    encoded(text.split('\n').map(Message::from).collect());
}

fn parse(text: &str, limit: usize) {
    let array = sockjs_fuzz::array(text);
    check(Payload::parse(text, limit), array.clone(), text, limit);

    let expected = match sockjs_fuzz::single(text) {
        _ if text.is_empty() => Ok(Vec::new()),
        Some(single) => Ok(vec![single]),
        None => array.map_err(|_| PayloadError::Broken),
    };
    check(Payload::parse_frame(text, limit), expected, text, limit);

    let raw = Ok(vec![text.to_owned()]);
    check(Payload::raw(text, limit), raw, text, limit);
}

fn check(
    payload: Result<Payload, PayloadError>,
    expected: Result<Vec<String>, PayloadError>,
    text: &str,
    limit: usize,
) {
    let expected = expected.and_then(|texts| {
        let is_short = texts.iter().all(|it| it.len() <= limit);
        is_short.then_some(texts).ok_or(PayloadError::TooLong)
    });
    let (mut payload, texts) = match (payload, expected) {
        (Ok(payload), Ok(texts)) => (payload, texts),
        (payload, expected) => {
            assert_eq!(payload.err(), expected.err(), "{text:?}");
            return;
        }
    };
    let size = payload.size();
    assert!(size <= text.len());
    let mut left: usize = texts.iter().map(String::len).sum();
    for (i, expected) in texts.iter().enumerate() {
        assert_eq!((payload.len(), payload.text_len()), (texts.len() - i, left));
        assert_eq!(payload.next().as_deref(), Some(expected.as_str()));
        assert_eq!(payload.size(), size);
        left -= expected.len();
    }
    assert_eq!((payload.len(), payload.text_len()), (0, 0));
    assert_eq!(payload.next(), None);
}

fn quoted(text: &str) {
    let mut out = b"before".to_vec();
    quote(text, &mut out);
    let mut expected = "before\"".to_owned();
    for c in text.chars() {
        match c {
            '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{ffff}' => expected += &format!("\\u{:04x}", u32::from(c)),
            c => {
                let json = serde_json::to_string(&c).unwrap();
                expected += &json[1..json.len() - 1];
            }
        }
    }
    expected.push('"');
    assert_eq!(str::from_utf8(&out), Ok(expected.as_str()));
}

/// Checks that a client of each transport reads the messages that were sent.
fn encoded(messages: Vec<Message>) {
    let texts: Vec<String> = messages.iter().map(|it| it.as_str().to_owned()).collect();
    let frame = Frame::Messages(messages);
    let read = |frame: &str| {
        let array = frame.strip_prefix('a').unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(array).unwrap(), texts);
    };
    let string = |json: &str| serde_json::from_str::<String>(json).unwrap();
    let callback = Callback::parse("cb").unwrap();

    read(&frame.to_string());
    read(between(ResponseEncoder::xhr(), &frame, "", "\n").as_str());
    read(between(ResponseEncoder::xhr_streaming(1), &frame, "", "\n").as_str());
    let jsonp = ResponseEncoder::jsonp(callback.clone());
    read(&string(&between(jsonp, &frame, "/**/cb(", ");\r\n")));

    let data = between(
        ResponseEncoder::eventsource(1),
        &frame,
        "data: ",
        "\r\n\r\n",
    );
    assert!(!data.contains(['\r', '\n', '\0']));
    assert_eq!(data.matches('%').count(), data.matches("%25").count());
    read(&data.replace("%25", "%"));

    let htmlfile = ResponseEncoder::htmlfile(callback, 1);
    let json = between(htmlfile, &frame, "<script>\np(", ");\n</script>\r\n");
    assert!(!json.contains('<'));
    read(&string(&json));
}

fn between(mut encoder: ResponseEncoder, frame: &Frame, before: &str, behind: &str) -> String {
    let bytes = encoder.encode(frame);
    assert!(encoder.is_complete());
    let text = String::from_utf8(bytes).unwrap();
    let text = text.strip_prefix(before).unwrap();
    text.strip_suffix(behind).unwrap().to_owned()
}
