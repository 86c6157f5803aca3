//! What only a Redis server can show.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockjs_cluster::{Claimed, ConnectError, Entry, Redis, Renewal, SETTLING, Store, Unavailable};
use tokio::time::sleep;

use crate::bench::{Bench, LIMIT, MINUTE, key, node, receive, until_subscribed};
use crate::redis_server::RedisServer;

async fn error(url: &str) -> ConnectError {
    Redis::connect(url).await.unwrap_err()
}

#[tokio::test]
async fn wrong_urls_are_named() {
    let urls = [
        "",
        "localhost:6379",
        "http://127.0.0.1",
        "redis://",
        "redis://user:geheim@127.0.0.1/first",
    ];
    for url in urls {
        let error = error(url).await;
        assert!(matches!(error, ConnectError::Url(_)), "{url}: {error}");
        let text = error.to_string();
        assert!(text.starts_with("the Redis URL is wrong: "), "{text}");
        assert!(!text.contains("geheim"));
    }
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn tls_needs_a_feature() {
    let text = error("rediss://127.0.0.1").await.to_string();
    assert!(text.contains("needs the feature `tls`"), "{text}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_is_tried() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    // It does not speak TLS.
    let url = server.url().replace("redis://", "rediss://");
    let error = error(&url).await;
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn server_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    // The kernel accepts connections, and nobody answers.
    let start = Instant::now();
    let silent = error(&format!("redis://:geheim@{addr}")).await;
    assert!(start.elapsed() < Duration::from_secs(6));
    drop(listener);
    let absent = error(&format!("redis://:geheim@{addr}")).await;
    for error in [silent, absent] {
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&addr.to_string()), "{text}");
        assert!(!text.contains("geheim"));
    }
}

#[tokio::test]
async fn wrong_logins_are_named() {
    let Some(server) = RedisServer::start_with(&["--requirepass", "geheim"]) else {
        return;
    };
    let addr = server.addr();
    for login in ["", ":falsch@", "nobody:geheim@"] {
        let error = error(&format!("redis://{login}{addr}")).await;
        assert!(
            matches!(error, ConnectError::Auth { .. }),
            "{login}: {error}"
        );
        assert!(!error.to_string().contains("falsch"));
    }
    assert!(
        Redis::connect(&format!("redis://:geheim@{addr}"))
            .await
            .is_ok()
    );
    let url = format!("redis://default:geheim@{addr}/1");
    assert!(Redis::connect(&url).await.is_ok());
    let error = error(&format!("redis://:geheim@{addr}/99")).await;
    assert!(matches!(error, ConnectError::Database { .. }), "{error}");
}

/// The page shows an access list for the namespace `chat`.
#[tokio::test(flavor = "multi_thread")]
async fn documented_access_list_is_enough() {
    let page = include_str!("../../../../docs/cluster.md");
    let user = page.lines().find(|line| line.starts_with("user chat on "));
    let args: Vec<_> = ["--user"]
        .into_iter()
        .chain(user.unwrap().split(' ').skip(1))
        .collect();
    let Some(server) = RedisServer::start_with(&args) else {
        return;
    };
    let stats = || raw(&server, &[b"INFO", b"COMMANDSTATS"]);
    let pings = || {
        let stats = stats();
        let (_, pings) = stats.split_once("cmdstat_ping:calls=").unwrap();
        pings.split(',').next().unwrap().parse::<u32>().unwrap()
    };
    let before = pings();
    let url = format!("redis://chat:PASSWORD@{}/1", server.addr());
    let redis = Redis::connect(&url).await.unwrap();
    let (directory, topics) = redis.join("chat");
    let claimed = directory.claim(key(1), &node(1), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::New));
    let renewals = directory.renew(&[key(1), key(2)], &node(1), MINUTE).await;
    assert_eq!(renewals, Ok(vec![Renewal::Renewed, Renewal::Restored]));
    for (number, remembered) in [(1, Duration::ZERO), (2, MINUTE)] {
        let released = directory.release(key(number), &node(1), remembered).await;
        assert_eq!(released, Ok(()));
    }
    assert_eq!(directory.find(key(1)).await, Ok(None));
    topics.subscribe(b"a");
    until_subscribed(&*topics, &*topics, b"a").await;
    topics.unsubscribe(b"a");
    let start = Instant::now();
    // The connections of the topics ping.
    while pings() < before + 2 || raw(&server, &[b"PUBSUB", b"CHANNELS"]) != "*0" {
        assert!(start.elapsed() < LIMIT, "{}", stats());
        sleep(Duration::from_millis(10)).await;
    }
    assert!(directory.is_connected() && topics.is_connected());
    // The client library tells its name, and does without.
    let stats = stats();
    let mut commands = stats
        .lines()
        .filter(|line| !line.contains("cmdstat_client"));
    assert!(
        commands.all(|line| !line.contains("rejected_calls=") || line.contains("rejected_calls=0")),
        "{stats}"
    );
}

#[tokio::test]
async fn redis_cluster_is_refused() {
    let Some(server) = RedisServer::start_with(&["--cluster-enabled", "yes"]) else {
        return;
    };
    let error = error(&server.url()).await;
    assert!(matches!(error, ConnectError::Mode { .. }), "{error}");
    assert!(error.to_string().contains("`cluster`"), "{error}");
}

#[tokio::test]
async fn replica_is_refused() {
    let Some(server) = RedisServer::start_with(&["--replicaof", "127.0.0.1", "1"]) else {
        return;
    };
    let error = error(&server.url()).await;
    assert!(matches!(error, ConnectError::Replica { .. }), "{error}");
}

/// Answers as a server whose `HELLO` says `hello`.
fn pretend(hello: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let answer = move |mut stream: TcpStream| {
        let mut buffer = [0; 4096];
        while let Ok(1..) = stream.read(&mut buffer) {
            let asked = String::from_utf8_lossy(&buffer);
            for word in asked.split_whitespace() {
                let answer = match word {
                    "HELLO" => hello,
                    "CLIENT" | "INFO" => b"-ERR no\r\n",
                    _ => continue,
                };
                if stream.write_all(answer).is_err() {
                    return;
                }
            }
            buffer.fill(0);
        }
    };
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    addr
}

#[tokio::test]
async fn old_servers_are_refused() {
    let addr = pretend(
        b"%5\r\n+server\r\n+redis\r\n+version\r\n+6.2.14\r\n+proto\r\n:3\r\n\
          +mode\r\n+standalone\r\n+role\r\n+master\r\n",
    );
    let text = error(&format!("redis://{addr}")).await.to_string();
    let expected =
        format!("the Redis server at {addr} is of version 6.2.14; at least 7.0 is needed");
    assert_eq!(text, expected);

    let addr = pretend(b"-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n");
    let error = error(&format!("redis://{addr}")).await;
    assert!(matches!(error, ConnectError::TooOld { .. }), "{error}");
}

#[tokio::test]
async fn valkey_is_accepted() {
    let addr = pretend(
        b"%5\r\n+server\r\n+valkey\r\n+version\r\n+8.0.1\r\n+proto\r\n:3\r\n\
          +mode\r\n+standalone\r\n+role\r\n+master\r\n",
    );
    let connected = Redis::connect(&format!("redis://{addr}")).await;
    assert!(connected.is_ok(), "{connected:?}");
}

/// Sends one command on a connection of its own, and returns the raw answer.
fn raw(server: &RedisServer, command: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for word in command {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    stream.write_all(&bytes).unwrap();
    let mut answer = vec![0; 65536];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).trim().to_owned()
}

/// Returns the name of the key of a session, in the namespace of the bench.
fn name(number: u32) -> Vec<u8> {
    [b"test:\xff", &key(number).0[..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_no_node_writes_do_not_stop_a_renewal() {
    let Some(bench) = Bench::redis().await else {
        return;
    };
    let (directory, Bench::Redis(_, server)) = (bench.directory().await, &bench) else {
        unreachable!();
    };
    let short = Duration::from_secs(20);
    directory.claim(key(1), &node(1), short).await.unwrap();
    raw(server, &[b"SET", &name(2), b"?"]);
    raw(server, &[b"LPUSH", &name(3), b"?"]);
    let sessions = [key(1), key(2), key(3), key(4)];
    let renewals = directory.renew(&sessions, &node(1), MINUTE).await;
    let expected = [
        Renewal::Renewed,
        Renewal::Taken,
        Renewal::Taken,
        Renewal::Restored,
    ];
    assert_eq!(renewals, Ok(expected.to_vec()));
    for number in [1, 4] {
        let rest = raw(server, &[b"PTTL", &name(number)]);
        let rest: u64 = rest.trim_start_matches(':').parse().unwrap();
        assert!(rest > 30_000, "{rest}");
    }
    assert_eq!(raw(server, &[b"TYPE", &name(3)]), "+list");
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_takes_at_most_165_bytes() {
    let Some(bench) = Bench::redis().await else {
        return;
    };
    let directory = bench.directory().await;
    let Bench::Redis(_, server) = &bench else {
        unreachable!();
    };
    let ipv6 = Entry {
        addr: "[2001:db8::1]:4000".parse().unwrap(),
        ..node(2)
    };
    for (number, entry) in [(1, node(1)), (2, ipv6)] {
        directory.claim(key(number), &entry, MINUTE).await.unwrap();
        let name = name(number);
        let usage = raw(server, &[b"MEMORY", b"USAGE", &name, b"SAMPLES", b"0"]);
        println!("{}: {usage} bytes", entry.addr);
        let usage: usize = usage.trim_start_matches(':').parse().unwrap();
        assert!(usage <= 165);
    }
    let all = raw(server, &[b"DBSIZE"]);
    assert_eq!(all, ":3", "two entries and the marker");
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomer_waits_while_owners_write() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let redis = Redis::connect(&server.url()).await.unwrap();
    let start = Instant::now();
    let (first, _topics) = redis.join("test");
    first.emptied(0).await;
    sleep(Duration::from_millis(500)).await;
    // It finds a marker, and does not know how old it is.
    let (newcomer, _topics) = redis.join("test");
    let claimed = newcomer.claim(key(1), &node(1), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::New));
    assert!(start.elapsed() >= SETTLING, "{:?}", start.elapsed());
    // Another namespace settles by itself, and the next newcomer has nothing to wait for.
    let start = Instant::now();
    let (third, _topics) = redis.join("test");
    assert_eq!(third.find(key(1)).await, Ok(Some(node(1))));
    assert!(start.elapsed() < SETTLING, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_removed_by_hand_are_noticed() {
    let Some(bench) = Bench::redis().await else {
        return;
    };
    let (directory, Bench::Redis(_, server)) = (bench.directory().await, &bench) else {
        unreachable!();
    };
    let seen = directory.emptied(0).await;
    raw(server, &[b"FLUSHALL"]);
    let told = tokio::time::timeout(Duration::from_secs(20), directory.emptied(seen)).await;
    assert_eq!(told, Ok(seen + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn marker_that_no_node_writes_is_written_anew() {
    let Some(bench) = Bench::redis().await else {
        return;
    };
    let (directory, Bench::Redis(_, server)) = (bench.directory().await, &bench) else {
        unreachable!();
    };
    let scripts: [&[u8]; 3] = [
        b"redis.call('SET', KEYS[1], '?')",
        b"redis.call('SET', KEYS[1], '\\255 5')",
        b"redis.call('DEL', KEYS[1]) redis.call('LPUSH', KEYS[1], '?')",
    ];
    for script in scripts {
        let seen = directory.emptied(0).await;
        raw(server, &[b"EVAL", script, b"1", b"test:\xffmarker"]);
        let told = tokio::time::timeout(LIMIT, directory.emptied(seen)).await;
        assert_eq!(told, Ok(seen + 1));
        assert!(directory.is_connected());
        let (newcomer, _topics) = bench.join_as("test");
        assert_eq!(newcomer.find(key(1)).await, Ok(None));
    }
}

/// Limit: messages on their way to Redis.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_in_flight_are_bounded() {
    let Some(bench) = Bench::redis().await else {
        return;
    };
    let topics = bench.topics().await;
    topics.subscribe(b"a");
    until_subscribed(&*topics, &*topics, b"a").await;
    bench.pause();
    let message = Bytes::from(vec![b'x'; 100_000]);
    let mut outcomes = Vec::new();
    let limit = 8 << 20;
    let mut taken = 0;
    while taken <= limit {
        let mut outcome = topics.publish(b"a", message.clone());
        let at_once = tokio::time::timeout(Duration::ZERO, &mut outcome).await;
        if at_once.is_ok() {
            break;
        }
        outcomes.push(outcome);
        taken += message.len();
    }
    assert!(taken > limit / 2 && taken <= limit, "{taken}");
    bench.resume();
    for outcome in outcomes {
        assert_eq!(outcome.await, Ok(()));
    }
    // There is room again.
    assert_eq!(topics.publish(b"a", message).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_is_full_refuses_at_once() {
    let Some(server) = RedisServer::start_with(&["--maxmemory-policy", "noeviction"]) else {
        return;
    };
    let redis = Redis::connect(&server.url()).await.unwrap();
    let (directory, _topics) = redis.join("test");
    directory.claim(key(1), &node(1), MINUTE).await.unwrap();
    raw(&server, &[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    let start = Instant::now();
    let claimed = directory.claim(key(2), &node(1), MINUTE).await;
    assert_eq!(claimed, Err(Unavailable));
    assert_eq!(directory.find(key(1)).await, Ok(Some(node(1))));
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(directory.is_connected());
    raw(&server, &[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    let claimed = directory.claim(key(2), &node(1), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::New));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_end_with_their_last_handle() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let redis = Redis::connect(&server.url()).await.unwrap();
    // The connection that asks is not one of them.
    let connections = || {
        raw(&server, &[b"CLIENT", b"LIST"])
            .matches(" laddr=")
            .count()
            - 1
    };
    let wait_for = async |number| {
        let start = Instant::now();
        while connections() != number {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{}",
                connections()
            );
            sleep(Duration::from_millis(10)).await;
        }
    };
    let (directory, topics) = redis.join("test");
    topics.subscribe(b"a");
    until_subscribed(&*topics, &*topics, b"a").await;
    directory.find(key(1)).await.unwrap();
    wait_for(3).await;
    drop(directory);
    wait_for(2).await;
    drop(topics);
    wait_for(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_is_back_is_found_soon() {
    let Some(mut bench) = Bench::redis().await else {
        return;
    };
    let (directory, topics) = bench.join().await;
    topics.subscribe(b"a");
    until_subscribed(&*topics, &*topics, b"a").await;
    let start = Instant::now();
    bench.kill();
    assert_eq!(receive(&*topics).await, Err(Unavailable));
    // Nobody had to ask for a sign of life.
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
    // So long that the steps between two attempts would be longer if they still grew.
    sleep(Duration::from_secs(4)).await;
    bench.restart();
    let start = Instant::now();
    while !directory.is_connected() || !topics.is_connected() {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(
        start.elapsed() < Duration::from_millis(1000),
        "{:?}",
        start.elapsed()
    );
}

/// Limit: attempts to connect to Redis.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_at_once_are_not_made_in_a_hurry() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let redis = Redis::connect(&server.url()).await.unwrap();
    let (directory, _topics) = redis.join("test");
    directory.claim(key(1), &node(1), MINUTE).await.unwrap();
    let connections = || {
        let stats = raw(&server, &[b"INFO", b"STATS"]);
        let mut facts = stats.lines().filter_map(|line| line.split_once(':'));
        let (_, count) = facts
            .find(|(name, _)| *name == "total_connections_received")
            .unwrap();
        count.trim().parse::<u32>().unwrap()
    };
    let before = connections();
    // It still answers, but a claim breaks its connection.
    raw(&server, &[b"REPLICAOF", b"127.0.0.1", b"1"]);
    raw(
        &server,
        &[b"CONFIG", b"SET", b"replica-serve-stale-data", b"yes"],
    );
    let claimed = directory.claim(key(2), &node(1), MINUTE).await;
    assert_eq!(claimed, Err(Unavailable));
    let made = connections() - before;
    assert!((2..40).contains(&made), "{made} connections");
    raw(&server, &[b"REPLICAOF", b"NO", b"ONE"]);
    let claimed = directory.claim(key(2), &node(1), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::New));
}
