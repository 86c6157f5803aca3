/// The status of the process for a close code.
pub(crate) fn code(close: u16) -> u8 {
    match close {
        1000 => 0,
        1001..=1015 => (close - 990) as u8,
        3000..=4999 => 3,
        _ => 4,
    }
}

/// The same for the reader of `--help`.
pub(crate) const HELP: &str = "\
Exit status:
  0      closed with 1000, by either side
  1      could not connect, or could not read or write
  2      invalid arguments
  3      closed with a code of the application, 3000 to 4999
  11-25  closed with 1001 to 1015: 16 is 1006, the connection was lost
  4      closed with any other code";

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn close_codes_have_different_statuses() {
        for (close, status) in [
            (1000, 0),
            (1001, 11),
            (1002, 12),
            (1006, 16),
            (1011, 21),
            (1015, 25),
            (3000, 3),
            (4999, 3),
            (2010, 4),
            (0, 4),
            (65535, 4),
        ] {
            assert_eq!(code(close), status, "{close}");
        }
    }
}
