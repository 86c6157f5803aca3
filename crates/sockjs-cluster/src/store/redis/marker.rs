use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, cmd};
use uuid::Uuid;

use super::names::Names;
use crate::store::directory::SETTLING;
use crate::store::gate::Contents;

/// What is known of the key that tells an empty store from a new connection.
///
/// Whoever does not find the key has found the store empty, and writes the key with a value that was
/// never there before. Everybody else learns from the new value that the store was empty.
pub(super) struct Marker {
    key: Vec<u8>,
    known: Option<String>,
}

/// What a node has read, before it takes note of it.
pub(super) struct Reading {
    id: String,
    age: Option<Duration>,
}

impl Marker {
    pub(super) fn new(names: &Names) -> Self {
        Self {
            key: names.marker(),
            known: None,
        }
    }

    /// Reads the key, or writes it.
    pub(super) async fn read(&self, mut connection: MultiplexedConnection) -> RedisResult<Reading> {
        let (id, age): (String, i64) = self.command().query_async(&mut connection).await?;
        let age = u64::try_from(age).ok().map(Duration::from_millis);
        Ok(Reading { id, age })
    }

    pub(super) fn take_note(&mut self, reading: Reading) -> Contents {
        let contents = match (&self.known, reading.age) {
            (_, None) => Contents::Emptied,
            (Some(known), Some(_)) if *known == reading.id => return Contents::Kept,
            (Some(_), Some(_)) => Contents::Emptied,
            // This node has no entries yet. The other nodes may still write theirs.
            (None, Some(age)) => match SETTLING.checked_sub(age) {
                Some(rest) => Contents::Settling(rest),
                None => Contents::Kept,
            },
        };
        self.known = Some(reading.id);
        contents
    }

    fn command(&self) -> Cmd {
        let mut command = cmd("EVAL");
        // An answer may be lost, so that each attempt needs a value of its own.
        let id = Uuid::new_v4().simple().to_string();
        command.arg(SCRIPT).arg(1).arg(&self.key).arg(id);
        command
    }
}

/// Returns the id in the marker and its age in milliseconds, or -1 if the marker was missing. A value that no
/// node writes counts as missing, because it would keep all nodes out for ever.
const SCRIPT: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.pcall('GET', KEYS[1])
if type(found) == 'table' then
  if not string.find(found.err, 'WRONGTYPE', 1, true) then
    return found
  end
  found = nil
end
local id, since = string.match(found or '', '^(%x+) (%d+)$')
if not id then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. string.format('%.0f', now))
  return {ARGV[1], -1}
end
return {id, math.max(0, now - since)}";

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(id: &str, age: Option<u64>) -> Reading {
        Reading {
            id: id.to_owned(),
            age: age.map(Duration::from_millis),
        }
    }

    #[test]
    fn new_value_means_that_the_store_was_empty() {
        let mut marker = Marker::new(&Names::new("test"));
        assert_eq!(marker.take_note(reading("a", Some(9999))), Contents::Kept);
        assert_eq!(marker.take_note(reading("a", Some(10))), Contents::Kept);
        assert_eq!(marker.take_note(reading("b", Some(10))), Contents::Emptied);
        assert_eq!(marker.take_note(reading("b", Some(20))), Contents::Kept);
        assert_eq!(marker.take_note(reading("c", None)), Contents::Emptied);
    }

    #[test]
    fn newcomer_waits_for_the_rest_of_the_time() {
        let mut marker = Marker::new(&Names::new("test"));
        let rest = Duration::from_millis(1100);
        let contents = marker.take_note(reading("a", Some(400)));
        assert_eq!(contents, Contents::Settling(rest));
    }
}
