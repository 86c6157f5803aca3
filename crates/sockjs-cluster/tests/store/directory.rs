use std::time::Duration;

use sockjs_axum::peers::SessionKey;
use sockjs_cluster::{Claimed, Renewal};
use tokio::task::JoinSet;

use crate::bench::{Bench, MINUTE, key, node, until_gone};

crate::contract! {
    entry_ends_with_its_lease,
    namespaces_are_separate,
    one_of_a_thousand_racers_wins,
    release_leaves_other_entries_alone,
    release_removes_or_shortens,
    renewal_prolongs_the_lease,
    renewal_says_what_it_found,
}

async fn one_of_a_thousand_racers_wins(bench: Bench) {
    let mut racers = JoinSet::new();
    for number in 0..10 {
        let directory = bench.directory().await;
        for _ in 0..100 {
            let directory = directory.clone();
            racers.spawn(async move {
                let claimed = directory.claim(key(1), &node(number), MINUTE).await;
                (number, claimed.unwrap())
            });
        }
    }
    let outcomes = racers.join_all().await;
    let is_new = |(_, claimed): &&(u8, Claimed)| *claimed == Claimed::New;
    let winners: Vec<_> = outcomes.iter().filter(is_new).collect();
    let [(winner, _)] = winners[..] else {
        panic!("{} winners", winners.len());
    };
    for (_, claimed) in &outcomes {
        assert!([Claimed::New, Claimed::Taken(node(*winner))].contains(claimed));
    }
    let directory = bench.directory().await;
    assert_eq!(directory.find(key(1)).await, Ok(Some(node(*winner))));
}

async fn entry_ends_with_its_lease(bench: Bench) {
    let directory = bench.directory().await;
    let lease = Duration::from_millis(400);
    let start = tokio::time::Instant::now();
    let claimed = directory.claim(key(1), &node(1), lease).await;
    assert_eq!(claimed, Ok(Claimed::New));
    until_gone(&*directory, key(1)).await;
    assert!(start.elapsed() >= lease - Duration::from_millis(5));
    let claimed = directory.claim(key(1), &node(2), lease).await;
    assert_eq!(claimed, Ok(Claimed::New));
    // What has ended takes no memory.
    assert!(bench.entries().is_none_or(|entries| entries == 1));
}

async fn renewal_says_what_it_found(bench: Bench) {
    let (ours, theirs) = (bench.directory().await, bench.directory().await);
    // More than one command renews.
    let sessions: Vec<SessionKey> = (0..1000).map(key).collect();
    let found = |number: usize| match number % 3 {
        0 => Renewal::Renewed,
        1 => Renewal::Restored,
        _ => Renewal::Taken,
    };
    for (number, &session) in sessions.iter().enumerate() {
        let claimed = match found(number) {
            Renewal::Renewed => ours.claim(session, &node(1), MINUTE).await,
            Renewal::Restored => continue,
            Renewal::Taken => theirs.claim(session, &node(2), MINUTE).await,
        };
        assert_eq!(claimed, Ok(Claimed::New));
    }
    let renewals = ours.renew(&sessions, &node(1), MINUTE).await.unwrap();
    let expected: Vec<_> = (0..1000).map(found).collect();
    assert!(renewals == expected);
    assert_eq!(theirs.find(key(0)).await, Ok(Some(node(1))));
    assert_eq!(theirs.find(key(1)).await, Ok(Some(node(1))));
    assert_eq!(ours.find(key(2)).await, Ok(Some(node(2))));
    assert_eq!(ours.renew(&[], &node(1), MINUTE).await, Ok(vec![]));
}

async fn renewal_prolongs_the_lease(bench: Bench) {
    let directory = bench.directory().await;
    let lease = bench.short_lease();
    directory.claim(key(1), &node(1), lease).await.unwrap();
    let renewals = directory.renew(&[key(1)], &node(1), MINUTE).await;
    assert_eq!(renewals, Ok(vec![Renewal::Renewed]));
    // This lease ends later than that of the claim would have.
    directory.claim(key(2), &node(1), lease).await.unwrap();
    until_gone(&*directory, key(2)).await;
    assert_eq!(directory.find(key(1)).await, Ok(Some(node(1))));
}

async fn release_removes_or_shortens(bench: Bench) {
    let directory = bench.directory().await;
    for number in [1, 2] {
        let claimed = directory.claim(key(number), &node(1), MINUTE).await;
        assert_eq!(claimed, Ok(Claimed::New));
    }
    let remembered = bench.short_lease();
    let now = Duration::ZERO;
    assert_eq!(directory.release(key(1), &node(1), now).await, Ok(()));
    assert_eq!(directory.find(key(1)).await, Ok(None));
    assert_eq!(
        directory.release(key(2), &node(1), remembered).await,
        Ok(())
    );
    let claimed = directory.claim(key(2), &node(2), MINUTE).await;
    assert_eq!(claimed, Ok(Claimed::Taken(node(1))));
    until_gone(&*directory, key(2)).await;
}

async fn release_leaves_other_entries_alone(bench: Bench) {
    let directory = bench.directory().await;
    directory.claim(key(1), &node(1), MINUTE).await.unwrap();
    for remembered in [Duration::ZERO, Duration::from_millis(1)] {
        assert_eq!(
            directory.release(key(1), &node(2), remembered).await,
            Ok(())
        );
        assert_eq!(
            directory.release(key(2), &node(2), remembered).await,
            Ok(())
        );
    }
    // A lease that ends later than the shortened one would have.
    let lease = Duration::from_millis(50);
    directory.claim(key(3), &node(1), lease).await.unwrap();
    until_gone(&*directory, key(3)).await;
    assert_eq!(directory.find(key(1)).await, Ok(Some(node(1))));
    assert_eq!(directory.find(key(2)).await, Ok(None));
}

async fn namespaces_are_separate(bench: Bench) {
    for (number, namespace) in [(1, "chat"), (2, "chat2"), (3, "chat:"), (4, "")] {
        let (directory, _) = bench.join_as(namespace);
        let claimed = directory.claim(key(1), &node(number), MINUTE).await;
        assert_eq!(claimed, Ok(Claimed::New));
    }
}
