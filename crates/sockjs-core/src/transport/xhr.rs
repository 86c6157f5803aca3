//! `xhr`: each frame is a line.

use crate::Frame;

pub(super) fn encode(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.len_hint() + 1);
    frame.write_to(&mut out);
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloseReason;

    #[test]
    fn a_frame_is_a_line() {
        assert_eq!(encode(&Frame::Open), b"o\n");
        assert_eq!(
            encode(&Frame::Messages(vec!["x\n".into()])),
            b"a[\"x\\n\"]\n"
        );
        let close = Frame::Close(CloseReason::ANOTHER_CONNECTION);
        assert_eq!(
            encode(&close),
            b"c[2010,\"Another connection still open\"]\n"
        );
    }
}
