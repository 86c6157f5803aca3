//! `xhr_streaming`: padding, then a line for each frame, as in `xhr`.

use std::str;

pub(super) use super::xhr::encode;

// Internet Explorer gives a script no part of a response until 2 KiB have arrived.
pub(super) const PRELUDE: &str = {
    const LINE: [u8; 2049] = {
        let mut line = [b'h'; 2049];
        line[2048] = b'\n';
        line
    };
    match str::from_utf8(&LINE) {
        Ok(line) => line,
        Err(_) => unreachable!(),
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prelude_is_two_kibibytes_and_a_line_feed() {
        assert_eq!(PRELUDE, "h".repeat(2048) + "\n");
    }
}
