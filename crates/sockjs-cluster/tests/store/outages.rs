use std::sync::Arc;
use std::time::Duration;

use sockjs_cluster::{Claimed, Directory, Renewal, SETTLING, Unavailable};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::bench::{Bench, LIMIT, MINUTE, key, node};

crate::contract! {
    calls_end_after_three_seconds,
    calls_outlive_a_short_outage,
    empty_store_without_owners_is_used_after_a_while,
    owners_write_their_entries_first,
    release_and_renewal_do_not_wait_for_owners,
    store_that_was_away_has_its_entries,
}

/// How long calls are made again.
const PATIENCE: Duration = Duration::from_secs(3);

/// Returns how often the store was found empty by now.
async fn emptied(directory: &dyn Directory) -> u64 {
    let told = timeout(Duration::from_millis(1), directory.emptied(0)).await;
    told.unwrap_or(0)
}

/// Writes the entries of a node again each time that the store was emptied.
fn keep_leases(directory: Arc<dyn Directory>, number: u8, mut seen: u64) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            seen = directory.emptied(seen).await;
            let (entry, sessions) = (node(number), [key(number.into())]);
            let renewals = directory.renew(&sessions, &entry, MINUTE);
            assert_eq!(renewals.await, Ok(vec![Renewal::Restored]));
        }
    })
}

async fn calls_outlive_a_short_outage(bench: Bench) {
    let directory = bench.directory().await;
    directory.claim(key(1), &node(1), MINUTE).await.unwrap();
    bench.pause();
    let calls = tokio::spawn({
        let directory = directory.clone();
        async move {
            let owner = node(1);
            let sessions = [key(1)];
            tokio::join!(
                directory.claim(key(2), &owner, MINUTE),
                directory.find(key(1)),
                directory.renew(&sessions, &owner, MINUTE),
                directory.release(key(3), &owner, Duration::ZERO),
            )
        }
    });
    sleep(Duration::from_millis(1500)).await;
    bench.resume();
    let (claimed, found, renewals, released) = calls.await.unwrap();
    // A claim whose answer was lost may have had its effect.
    assert!([Ok(Claimed::New), Ok(Claimed::Taken(node(1)))].contains(&claimed));
    assert_eq!(found, Ok(Some(node(1))));
    assert_eq!(renewals, Ok(vec![Renewal::Renewed]));
    assert_eq!(released, Ok(()));
}

async fn calls_end_after_three_seconds(mut bench: Bench) {
    let directory = bench.directory().await;
    for is_killed in [false, true] {
        if is_killed {
            bench.kill();
        } else {
            bench.pause();
        }
        let start = Instant::now();
        let entry = node(1);
        let sessions = [key(1)];
        let (claimed, found, renewals, released) = tokio::join!(
            directory.claim(key(1), &entry, MINUTE),
            directory.find(key(1)),
            directory.renew(&sessions, &entry, MINUTE),
            directory.release(key(1), &entry, MINUTE),
        );
        assert_eq!(claimed, Err(Unavailable));
        assert_eq!(found, Err(Unavailable));
        assert_eq!(renewals, Err(Unavailable));
        assert_eq!(released, Err(Unavailable));
        let elapsed = start.elapsed();
        assert!(elapsed >= PATIENCE, "{elapsed:?}");
        assert!(elapsed <= PATIENCE + bench.tolerance(), "{elapsed:?}");
        assert!(!directory.is_connected());
        if !is_killed {
            bench.resume();
            directory.find(key(1)).await.unwrap();
            assert!(directory.is_connected());
        }
    }
    bench.restart();
    assert_eq!(directory.find(key(1)).await, Ok(None));
}

async fn store_that_was_away_has_its_entries(bench: Bench) {
    let (ours, theirs) = (bench.directory().await, bench.directory().await);
    ours.claim(key(1), &node(1), MINUTE).await.unwrap();
    let seen = emptied(&*theirs).await;
    bench.pause();
    // Long enough for the connection to be given up.
    assert_eq!(theirs.find(key(1)).await, Err(Unavailable));
    bench.resume();
    let start = Instant::now();
    let claimed = theirs.claim(key(1), &node(2), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::Taken(node(1))));
    assert!(start.elapsed() < SETTLING);
    let told = timeout(Duration::from_millis(1), theirs.emptied(seen)).await;
    assert!(told.is_err(), "nothing was lost");
}

async fn owners_write_their_entries_first(mut bench: Bench) {
    let (ours, theirs) = (bench.directory().await, bench.directory().await);
    for (directory, number) in [(&ours, 1), (&theirs, 2)] {
        let entry = node(number);
        let claimed = directory.claim(key(number.into()), &entry, MINUTE);
        assert_eq!(claimed.await, Ok(Claimed::New));
    }
    let keepers = [
        keep_leases(ours.clone(), 1, emptied(&*ours).await),
        keep_leases(theirs.clone(), 2, emptied(&*theirs).await),
    ];
    for _ in 0..2 {
        bench.kill();
        let calls = tokio::spawn({
            let (ours, theirs) = (ours.clone(), theirs.clone());
            async move {
                let entries = [node(1), node(2)];
                tokio::join!(
                    ours.claim(key(2), &entries[0], MINUTE),
                    theirs.claim(key(1), &entries[1], MINUTE),
                    ours.find(key(2)),
                    theirs.find(key(1)),
                )
            }
        });
        sleep(Duration::from_millis(1000)).await;
        let start = Instant::now();
        bench.restart();
        let (claim_2, claim_1, find_2, find_1) = calls.await.unwrap();
        assert_eq!(claim_1, Ok(Claimed::Taken(node(1))));
        assert_eq!(claim_2, Ok(Claimed::Taken(node(2))));
        assert_eq!(find_1, Ok(Some(node(1))));
        assert_eq!(find_2, Ok(Some(node(2))));
        let elapsed = start.elapsed();
        assert!(elapsed >= SETTLING, "{elapsed:?}");
        assert!(elapsed <= SETTLING + bench.tolerance(), "{elapsed:?}");
    }
    for keeper in keepers {
        assert!(!keeper.is_finished(), "an entry was not missing");
        keeper.abort();
    }
}

async fn empty_store_without_owners_is_used_after_a_while(mut bench: Bench) {
    let directory = bench.directory().await;
    directory.claim(key(1), &node(1), MINUTE).await.unwrap();
    let seen = emptied(&*directory).await;
    bench.kill();
    bench.restart();
    let told = timeout(LIMIT, directory.emptied(seen)).await;
    assert!(told.is_ok());
    let claimed = directory.claim(key(1), &node(2), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::New));
}

async fn release_and_renewal_do_not_wait_for_owners(mut bench: Bench) {
    let directory = bench.directory().await;
    let seen = emptied(&*directory).await;
    bench.kill();
    bench.restart();
    directory.emptied(seen).await;
    let (entry, sessions) = (node(1), [key(1)]);
    let find = directory.find(key(1));
    let at_once = async {
        let renewals = directory.renew(&sessions, &entry, MINUTE).await;
        assert_eq!(renewals, Ok(vec![Renewal::Restored]));
        let released = directory.release(key(1), &entry, Duration::ZERO).await;
        assert_eq!(released, Ok(()));
    };
    tokio::select! {
        biased;
        () = at_once => {}
        _ = find => panic!("the look-up did not wait"),
    }
}
