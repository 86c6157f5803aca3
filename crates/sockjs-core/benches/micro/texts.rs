//! What messages are made of.

/// Returns `len` bytes of text without anything to escape.
pub(crate) fn ascii(len: usize) -> String {
    repeat("The quick brown fox jumps over the lazy dog. ", len)
}

/// Returns `len` bytes of text that is JSON, as most applications send: a fifth is quotation marks.
pub(crate) fn json(len: usize) -> String {
    repeat(
        r#"{"type":"chat","room":"lobby","from":"Ann","at":1700000000,"text":"Hello, everyone"}"#,
        len,
    )
}

/// Returns about `len` bytes of text in many scripts. Its punctuation begins with the bytes that
/// characters to escape begin with, but needs no escape.
pub(crate) fn unicode(len: usize) -> String {
    repeat(
        "Grüße, “Welt” — привет, мир… 你好，世界！ 안녕하세요 🙂 ",
        len,
    )
}

/// Returns the first characters of an endless repetition that fit into `len` bytes.
fn repeat(text: &str, len: usize) -> String {
    let mut repeated = String::with_capacity(len);
    for c in text.chars().cycle() {
        if repeated.len() + c.len_utf8() > len {
            break;
        }
        repeated.push(c);
    }
    repeated
}
