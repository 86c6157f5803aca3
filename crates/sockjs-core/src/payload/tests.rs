use proptest::prelude::*;
use serde_json::Value;

use super::PayloadError::{Broken, Expected, TooLong};
use super::*;

const NO_LIMIT: usize = usize::MAX;

type Parse = fn(&str, usize) -> Result<Payload, PayloadError>;

const BODY: Parse = Payload::parse;
const FRAME: Parse = Payload::parse_frame;
const RAW: Parse = |text, message_limit| Payload::raw(text, message_limit);

fn texts(parse: Parse, text: impl AsRef<str>) -> Result<Vec<String>, PayloadError> {
    let text = text.as_ref();
    let payload = parse(text, NO_LIMIT)?;
    assert!(payload.size() <= text.len());
    let (left, size) = (payload.len(), payload.size());
    let texts: Vec<String> = payload.clone().map(Message::into_string).collect();
    assert_eq!((texts.len(), payload.size()), (left, size));
    assert_text_len(payload, &texts);
    Ok(texts)
}

/// Takes the messages one by one, and compares their length with that of the texts.
fn assert_text_len(mut payload: Payload, texts: &[String]) {
    for taken in 0..=texts.len() {
        let len = texts[taken..].iter().map(String::len).sum::<usize>();
        assert_eq!(payload.text_len(), len);
        payload.next();
    }
    assert_eq!(payload.text_len(), 0);
}

#[test]
fn text_that_is_no_array_of_strings_is_refused() {
    let cases = [
        // The text, its error as a body, and its error as a frame (`None` if it is valid).
        ("", Expected, None),
        (" ", Broken, Some(Broken)),
        ("\"x\"", Expected, None),
        (" \"x\"\n", Expected, None),
        ("{}", Expected, Some(Broken)),
        ("{\"a\":[\"x\"]}", Expected, Some(Broken)),
        ("5", Expected, Some(Broken)),
        ("-0.5e+99999", Expected, Some(Broken)),
        ("null", Expected, Some(Broken)),
        ("true", Expected, Some(Broken)),
        ("[5]", Broken, Some(Broken)),
        ("[{\"a\":1}]", Broken, Some(Broken)),
        ("[null]", Broken, Some(Broken)),
        ("[[\"x\"]]", Broken, Some(Broken)),
        ("[\"x\",5]", Broken, Some(Broken)),
        ("[5,\"x\"]", Broken, Some(Broken)),
        ("x", Broken, Some(Broken)),
        ("'x'", Broken, Some(Broken)),
        ("{", Broken, Some(Broken)),
        ("nul", Broken, Some(Broken)),
        ("01", Broken, Some(Broken)),
        ("\"x", Broken, Some(Broken)),
        ("\"x\"\"y\"", Broken, Some(Broken)),
        ("[", Broken, Some(Broken)),
        ("]", Broken, Some(Broken)),
        ("[\"x\"", Broken, Some(Broken)),
        ("[\"x", Broken, Some(Broken)),
        ("[\"x\\", Broken, Some(Broken)),
        ("[\"x\\\"]", Broken, Some(Broken)),
        ("[,]", Broken, Some(Broken)),
        ("[\"x\",]", Broken, Some(Broken)),
        ("[,\"x\"]", Broken, Some(Broken)),
        ("[\"x\",,\"y\"]", Broken, Some(Broken)),
        ("[\"x\" \"y\"]", Broken, Some(Broken)),
        ("[\"x\"],", Broken, Some(Broken)),
        ("[\"x\"]]", Broken, Some(Broken)),
        ("[\"x\"][\"y\"]", Broken, Some(Broken)),
        ("[\"x\"]\0", Broken, Some(Broken)),
        ("\u{feff}[\"x\"]", Broken, Some(Broken)),
        ("[\u{a0}\"x\"]", Broken, Some(Broken)),
        ("[\u{b}\"x\"]", Broken, Some(Broken)),
        ("[\"\n\"]", Broken, Some(Broken)),
        ("[\"\0\"]", Broken, Some(Broken)),
        ("[\"\u{1f}\"]", Broken, Some(Broken)),
        ("[\"\\x\"]", Broken, Some(Broken)),
        ("[\"\\é\"]", Broken, Some(Broken)),
        ("[\"\\U0041\"]", Broken, Some(Broken)),
        ("[\"\\u\"]", Broken, Some(Broken)),
        ("[\"\\u004\"]", Broken, Some(Broken)),
        ("[\"\\u004g\"]", Broken, Some(Broken)),
        ("[\"\\u+041\"]", Broken, Some(Broken)),
        ("[\"\\u00é\"]", Broken, Some(Broken)),
        ("[\"\\ud800\\\"]", Broken, Some(Broken)),
        ("[\"\\ud800\\u\"]", Broken, Some(Broken)),
        ("[\"\\ud800\\udc0\"]", Broken, Some(Broken)),
    ];
    for (text, body_error, frame_error) in cases {
        assert_eq!(texts(BODY, text), Err(body_error), "{text:?} as body");
        assert_eq!(texts(FRAME, text).err(), frame_error, "{text:?} as frame");
    }
}

#[test]
fn arrays_of_strings_are_decoded() {
    let cases: [(&str, &[&str]); 14] = [
        ("[]", &[]),
        (" \t\r\n[ \t\r\n] \t\r\n", &[]),
        ("[\"\"]", &[""]),
        ("[\"x\"]", &["x"]),
        (" [ \"x\" , \"y\" ] ", &["x", "y"]),
        ("[\"[\",\"],\",\" \"]", &["[", "],", " "]),
        (r#"["\"\\\/\b\f\n\r\t"]"#, &["\"\\/\u{8}\u{c}\n\r\t"]),
        (r#"["\",\"","\\"]"#, &["\",\"", "\\"]),
        (r#"["\u0041\u00e9\u20AC\u0000"]"#, &["Aé€\0"]),
        (r#"["\ud83d\ude00\uD83D\uDE00"]"#, &["😀😀"]),
        ("[\"😀é\u{2028}\u{7f}\"]", &["😀é\u{2028}\u{7f}"]),
        (r#"["\ud800","\udc00"]"#, &["\u{fffd}", "\u{fffd}"]),
        (r#"["\udc00\ud800"]"#, &["\u{fffd}\u{fffd}"]),
        (
            r#"["\ud800\ud83d\ude00\ud800x\ud800\n"]"#,
            &["\u{fffd}😀\u{fffd}x\u{fffd}\n"],
        ),
    ];
    for (text, expected) in cases {
        for parse in [BODY, FRAME] {
            assert_eq!(texts(parse, text).unwrap(), expected, "{text:?}");
        }
    }
}

#[test]
fn a_frame_may_be_one_string_or_nothing() {
    assert_eq!(texts(FRAME, "").unwrap(), [""; 0]);
    assert_eq!(texts(FRAME, r#""""#).unwrap(), [""]);
    assert_eq!(texts(FRAME, "\n \"a\\n\" ").unwrap(), ["a\n"]);
    assert_eq!(texts(FRAME, r#""[\"x\"]""#).unwrap(), ["[\"x\"]"]);
}

#[test]
fn any_raw_text_is_one_message() {
    for text in ["", "[\"x\"]", "[", "\0"] {
        assert_eq!(texts(RAW, text).unwrap(), [text]);
    }
}

#[test]
fn message_limit_counts_decoded_bytes() {
    let cases = [
        (r#"[]"#, 0),
        (r#"[""]"#, 0),
        (r#"["abc"]"#, 3),
        (r#"["abc","abcd","ab"]"#, 4),
        (r#"["é"]"#, 2),
        (r#"["\u00e9\n"]"#, 3),
        (r#"["\ud83d\ude00"]"#, 4),
        (r#"["\ud83d"]"#, 3),
    ];
    for (text, longest) in cases {
        assert!(Payload::parse(text, longest).is_ok(), "{text}");
        assert!(Payload::parse_frame(text, longest).is_ok(), "{text}");
        if longest > 0 {
            assert_eq!(
                Payload::parse(text, longest - 1).err(),
                Some(TooLong),
                "{text}"
            );
            assert_eq!(
                Payload::parse_frame(text, longest - 1).err(),
                Some(TooLong),
                "{text}"
            );
        }
    }
    assert!(Payload::raw("abc", 3).is_ok());
    assert_eq!(Payload::raw("abc", 2).err(), Some(TooLong));
}

#[test]
fn broken_text_that_is_too_long_counts_as_broken() {
    assert_eq!(Payload::parse("[\"abc\",5]", 2).err(), Some(Broken));
    assert_eq!(Payload::parse_frame("\"abc\"]", 2).err(), Some(Broken));
}

#[test]
fn nesting_does_not_overflow_the_stack() {
    for open in ["[", "{\"a\":", " [ "] {
        let deep = open.repeat(50_000);
        for text in [deep.clone(), format!("{deep}\"x\""), format!("\"x\"{deep}")] {
            assert_eq!(texts(BODY, &*text), Err(Broken));
            assert_eq!(texts(FRAME, &*text), Err(Broken));
        }
    }
    let object = "{\"a\":".repeat(50_000) + "1" + &"}".repeat(50_000);
    assert_eq!(texts(BODY, object), Err(Expected));
    let array = "[".repeat(50_000) + &"]".repeat(50_000);
    assert_eq!(texts(BODY, array), Err(Broken));
}

#[test]
fn messages_are_yielded_one_by_one() {
    let mut payload = Payload::parse(r#"["a","b"]"#, NO_LIMIT).unwrap();
    assert_eq!((payload.len(), payload.size()), (2, 9));
    assert_eq!(payload.next().as_deref(), Some("a"));
    assert_eq!((payload.len(), payload.size()), (1, 9));
    assert_eq!(payload.next().as_deref(), Some("b"));
    assert!(payload.is_empty());
    assert_eq!(payload.next(), None);
    assert_eq!((payload.len(), payload.size()), (0, 9));
}

#[test]
fn one_message_as_quote_writes_it_is_kept_as_it_came() {
    let is_kept = |array: &str, parse: Parse| {
        let payload = parse(array, NO_LIMIT).unwrap();
        matches!(payload.content, Content::Quoted { .. })
    };
    let text = "{\"key\":\"value\"}\n".repeat(10);
    let array = serde_json::to_string(&[&text]).unwrap();
    for parse in [BODY, FRAME] {
        assert!(is_kept(&array, parse));
        assert_eq!(texts(parse, &array).unwrap(), [&*text]);
        assert!(parse(&array, text.len()).is_ok());
        assert_eq!(parse(&array, text.len() - 1).unwrap_err(), TooLong);
        for other in [
            serde_json::to_string(&[&text, &text]).unwrap(),
            array.replace("\\n", "\\u000a"),
            array.replace("key", "\\/"),
            array.replace("key", "\u{2028}"),
            array.replace('[', " [ "),
        ] {
            assert!(!is_kept(&other, parse), "{other}");
        }
    }
}

#[test]
fn text_len_counts_characters_and_not_escapes() {
    let text = format!("[\"{}\",\"\"]", "\\u00e9".repeat(100));
    let payload = Payload::parse(&text, NO_LIMIT).unwrap();
    assert_eq!((text.len(), payload.text_len()), (607, 200));
}

#[test]
fn many_empty_messages_cost_no_more_than_their_text() {
    let text = format!("[{}\"\"]", "\"\",".repeat(39_999));
    let payload = Payload::parse(&text, NO_LIMIT).unwrap();
    assert_eq!((payload.len(), payload.size()), (40_000, 40_000));
    assert_eq!(payload.filter(|message| message.is_empty()).count(), 40_000);
}

#[test]
fn decoded_messages_keep_little_spare_room() {
    let text = format!("[\"{}\"]", "\\u00e9\\n".repeat(100));
    let text = Payload::parse(&text, NO_LIMIT)
        .unwrap()
        .next()
        .unwrap()
        .into_string();
    assert!(text.capacity() <= text.len() + text.len() / 4 + 16);
}

proptest! {
    #[test]
    fn arrays_of_strings_are_read_as_serde_json_reads_them(text in array_of_strings()) {
        let expected: Vec<String> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&texts(BODY, &*text).unwrap(), &expected);
        prop_assert_eq!(&texts(FRAME, &*text).unwrap(), &expected);
        let longest = expected.iter().map(String::len).max().unwrap_or(0);
        prop_assert!(Payload::parse(&text, longest).is_ok());
        if longest > 0 {
            prop_assert_eq!(Payload::parse(&text, longest - 1).err(), Some(TooLong));
        }
    }

    #[test]
    fn any_text_is_judged_as_serde_json_judges_it(text in any::<String>()) {
        agrees_with_serde_json(&text)?;
    }

    #[test]
    fn any_bytes_are_judged_as_serde_json_judges_them(bytes: Vec<u8>) {
        agrees_with_serde_json(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn nearly_json_is_judged_as_serde_json_judges_it(text in nearly_json()) {
        agrees_with_serde_json(&text)?;
    }

    #[test]
    fn a_damaged_array_is_judged_as_serde_json_judges_it(
        text in array_of_strings(), at: prop::sample::Index, damage in nearly_json(),
    ) {
        let at = text.char_indices().map(|(at, _)| at).nth(at.index(text.chars().count())).unwrap();
        agrees_with_serde_json(&text[..at])?;
        agrees_with_serde_json(&format!("{}{damage}{}", &text[..at], &text[at..]))?;
    }

    #[test]
    fn any_code_units_are_read_as_javascript_would_send_them(units: Vec<u16>) {
        let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let text = texts(BODY, format!("[\"{escaped}\"]")).unwrap();
        prop_assert_eq!(text, [String::from_utf16_lossy(&units)]);
    }
}

fn agrees_with_serde_json(text: &str) -> Result<(), TestCaseError> {
    // Our one exception to strict JSON, which has a test of its own.
    if text.to_ascii_lowercase().contains("\\ud") {
        return Ok(());
    }
    let json = serde_json::from_str::<Value>(text);
    let strings = serde_json::from_str::<Vec<String>>(text);
    let single = serde_json::from_str::<String>(text);

    let body = match (&strings, &json) {
        (Ok(strings), _) => Ok(strings.clone()),
        (Err(_), _) if text.is_empty() => Err(Expected),
        (Err(_), Ok(Value::Array(_)) | Err(_)) => Err(Broken),
        (Err(_), Ok(_)) => Err(Expected),
    };
    prop_assert_eq!(texts(BODY, text), body);

    let frame = match (strings, single) {
        (Ok(strings), _) => Ok(strings),
        (_, Ok(single)) => Ok(vec![single]),
        _ if text.is_empty() => Ok(Vec::new()),
        _ => Err(Broken),
    };
    prop_assert_eq!(texts(FRAME, text), frame);
    Ok(())
}

/// JSON arrays of strings, with white space and escapes in any place.
fn array_of_strings() -> impl Strategy<Value = String> {
    let space = || prop_oneof![4 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"];
    let character = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{1,40}",
        1 => any::<char>().prop_map(|c| match c {
            '\0'..='\u{1f}' | '"' | '\\' => format!("\\u{:04X}", c as u32),
            _ => c.to_string(),
        }),
        1 => any::<char>().prop_map(|c| {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }),
        1 => "\\\\[\"\\\\/bfnrt]",
    ];
    let string = (space(), prop::collection::vec(character, 0..6), space())
        .prop_map(|(before, text, after)| format!("{before}\"{}\"{after}", text.concat()));
    (space(), prop::collection::vec(string, 0..6), space())
        .prop_map(|(before, strings, after)| format!("{before}[{}]{after}", strings.join(",")))
}

/// Tokens of JSON and similar text, in any order.
fn nearly_json() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\\",
        "\\n",
        "\\u00e9",
        "\\u",
        "u00",
        "0",
        "-1",
        ".5",
        "e2",
        "null",
        "true",
        "\"x\"",
        "\"x\",",
        "[\"x\"]",
        "\"a\":",
        " ",
        "\t",
        "\n",
        "\r",
        "\u{b}",
        "\0",
        "/",
        "é",
        "\u{feff}",
        "\u{7f}",
        "12345678901234567890",
    ]);
    prop::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat())
}
