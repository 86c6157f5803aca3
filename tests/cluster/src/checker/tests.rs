use std::time::Duration;

use super::{Missing, Verdict, check};
use crate::log::{Event, Fault, FaultKind, Kind, Leave, NodeId, Record, Trouble};

/// Makes a log, in which nothing is wrong yet.
#[derive(Default)]
struct Bench {
    record: Record,
    now: Duration,
}

impl Bench {
    /// Begins with a session of a node, which has sent three messages and got them back.
    fn echoing(transport: &'static str, owner: NodeId) -> Self {
        let mut bench = Self::default();
        bench.add(Kind::Began(transport));
        bench.add(Kind::Opened(owner));
        for number in 1..4 {
            bench.echo(number);
        }
        bench
    }

    fn add(&mut self, kind: Kind) {
        self.now += Duration::from_millis(10);
        let at = self.now;
        self.record.events.push(Event {
            at,
            session: 7,
            kind,
        });
    }

    fn take(&mut self, number: u64) {
        self.add(Kind::Sent(number));
        self.add(Kind::Taken(number));
    }

    fn hear(&mut self, number: u64) {
        self.add(Kind::Received { from: 7, number });
    }

    fn echo(&mut self, number: u64) {
        self.take(number);
        self.hear(number);
    }

    /// Adds a fault that begins now and lasts for a while.
    fn fault(&mut self, kind: FaultKind, node: NodeId, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        let from = self.now;
        let node = Some(node);
        self.record.faults.push(Fault {
            kind,
            node,
            from,
            until,
        });
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn close(&mut self, through: NodeId) {
        let through = Some(through);
        self.add(Kind::Closed {
            code: 1001,
            through,
        });
    }

    fn verdict(&self) -> Verdict {
        check(&self.record, Missing::Forbidden)
    }

    fn expect(&self, problem: &str) {
        let problems = self.verdict().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(problem), "{problems:?}");
    }

    fn expect_none(&self) {
        assert_eq!(self.verdict().problems, Vec::<String>::new());
    }
}

#[test]
fn session_that_ends_well_is_no_problem() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.add(Kind::Left(Leave::Satisfied));
    bench.expect_none();
    let verdict = bench.verdict();
    assert_eq!((verdict.sent, verdict.taken, verdict.received), (3, 3, 3));
    assert_eq!((verdict.sessions, verdict.lost_sessions), (1, 0));
}

#[test]
fn duplicate_is_a_problem() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.hear(3);
    bench.add(Kind::Left(Leave::Satisfied));
    bench.expect("message 3 of 7 twice");
    assert_eq!(bench.verdict().doubled, 1);
}

#[test]
fn hole_is_a_problem() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.take(4);
    bench.echo(5);
    bench.add(Kind::Left(Leave::Satisfied));
    bench.expect("a hole: no message 4 before 5");
    assert_eq!(bench.verdict().lost, 1);
}

#[test]
fn hole_before_a_close_is_a_problem() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.fault(FaultKind::Killed, 0, 5);
    bench.take(4);
    bench.echo(5);
    bench.close(1);
    bench.expect("a hole: no message 4 before 5");
}

#[test]
fn disorder_is_a_problem() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.take(4);
    bench.take(5);
    bench.hear(5);
    bench.hear(4);
    bench.add(Kind::Left(Leave::Satisfied));
    let verdict = bench.verdict();
    assert_eq!(verdict.disordered, 1);
    assert!(verdict.problems[1].contains("message 4 of 7 after message 5"));
}

#[test]
fn message_that_was_never_sent_is_a_problem() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.hear(4);
    bench.add(Kind::Left(Leave::Satisfied));
    bench.expect("message 4 was never sent");
}

#[test]
fn message_that_was_taken_must_come_back_while_the_session_lives() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.take(4);
    bench.add(Kind::Left(Leave::Unanswered));
    bench.expect("messages were taken, but did not come back");
    assert_eq!(bench.verdict().lost, 1);
}

#[test]
fn message_whose_fate_is_unknown_may_come_or_not() {
    for comes in [true, false] {
        let mut bench = Bench::echoing("xhr", 0);
        bench.fault(FaultKind::Killed, 1, 5);
        let trouble = Trouble {
            status: None,
            through: Some(1),
        };
        bench.add(Kind::Sent(4));
        bench.add(Kind::NotTaken(4, trouble));
        if comes {
            bench.hear(4);
        }
        bench.add(Kind::Left(Leave::CannotSend));
        bench.expect_none();
    }
}

#[test]
fn messages_of_others_may_be_missed_only_where_that_is_allowed() {
    let mut bench = Bench::echoing("xhr", 0);
    for number in [1, 2, 4] {
        bench.add(Kind::Received { from: 8, number });
    }
    bench.add(Kind::Left(Leave::Satisfied));
    bench.expect("1 messages of 8 missed");
    let verdict = check(&bench.record, Missing::Allowed);
    assert_eq!((verdict.problems.len(), verdict.missed), (0, 1));
}

#[test]
fn session_lost_with_its_owner_is_no_problem_if_its_client_hears_of_it_in_time() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.fault(FaultKind::Killed, 0, 2);
    bench.wait(4);
    bench.close(1);
    bench.expect_none();
    let slowest = bench.verdict().slowest_close["killed"];
    assert_eq!(slowest.as_secs(), 4);
}

#[test]
fn close_that_is_late_is_a_problem() {
    for (kind, limit) in [
        (FaultKind::Killed, 5),
        (FaultKind::Hung, 15),
        (FaultKind::Cut, 15),
    ] {
        let mut bench = Bench::echoing("xhr", 0);
        bench.fault(kind, 0, 30);
        bench.wait(limit);
        bench.close(1);
        bench.expect("heard of its end only");
    }
}

#[test]
fn direct_response_of_a_node_that_hangs_is_broken_by_the_balancer_alone() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.fault(FaultKind::Hung, 0, 30);
    bench.wait(29);
    let through = Some(0);
    bench.add(Kind::NotReceived(Trouble {
        status: Some(504),
        through,
    }));
    bench.wait(10);
    bench.close(1);
    bench.expect_none();
}

#[test]
fn session_whose_response_a_relay_had_that_hangs_may_be_lost() {
    for (through, is_well) in [(0, true), (2, false)] {
        let mut bench = Bench::echoing("xhr", 1);
        bench.fault(FaultKind::Hung, 0, 30);
        bench.add(Kind::Asked);
        bench.wait(31);
        bench.add(Kind::Answered(Some(through)));
        bench.add(Kind::Asked);
        bench.add(Kind::Answered(Some(2)));
        bench.close(2);
        match is_well {
            true => bench.expect_none(),
            false => bench.expect("lost without a reason"),
        }
    }
}

#[test]
fn request_without_an_answer_is_at_the_node_that_hangs() {
    for (kind, is_well) in [(FaultKind::Hung, true), (FaultKind::Killed, false)] {
        let mut bench = Bench::echoing("xhr", 1);
        bench.fault(kind, 0, 30);
        bench.add(Kind::Asked);
        bench.add(Kind::Sent(4));
        let trouble = Trouble {
            status: Some(404),
            through: Some(2),
        };
        bench.add(Kind::NotTaken(4, trouble));
        bench.wait(20);
        bench.add(Kind::Left(Leave::CannotSend));
        match is_well {
            true => bench.expect_none(),
            false => bench.expect("lost without a reason"),
        }
    }
}

#[test]
fn session_of_another_node_must_live() {
    for kind in [
        FaultKind::Killed,
        FaultKind::Hung,
        FaultKind::Cut,
        FaultKind::Stalled,
    ] {
        let mut bench = Bench::echoing("xhr", 1);
        bench.fault(kind, 0, 5);
        bench.close(2);
        bench.expect("lost without a reason");
    }
}

#[test]
fn session_whose_response_was_on_its_way_through_the_node_may_be_lost() {
    let mut bench = Bench::echoing("xhr", 1);
    bench.fault(FaultKind::Killed, 0, 5);
    let through = Some(0);
    bench.add(Kind::NotReceived(Trouble {
        status: Some(200),
        through,
    }));
    bench.close(2);
    bench.expect_none();
}

#[test]
fn websockets_survive_what_is_between_the_nodes() {
    for kind in [FaultKind::Cut, FaultKind::Stalled, FaultKind::StoreAway] {
        let mut bench = Bench::echoing("websocket", 0);
        bench.fault(kind, 0, 5);
        bench.close(0);
        bench.expect("lost without a reason");
    }
}

#[test]
fn short_faults_cost_no_session() {
    for kind in [FaultKind::Paused, FaultKind::StoreHiccup] {
        let mut bench = Bench::echoing("xhr", 0);
        bench.fault(kind, 0, 5);
        bench.close(1);
        bench.expect("lost without a reason");
    }
}

#[test]
fn session_of_a_node_that_is_replaced_lives_until_the_grace_is_over() {
    let grace = Duration::from_secs(10);
    for (wait, owner, is_well) in [(10, 0, true), (9, 0, false), (10, 1, false)] {
        let mut bench = Bench::echoing("xhr", owner);
        bench.fault(FaultKind::Replaced { grace }, 0, 20);
        bench.wait(wait);
        bench.close(1);
        match is_well {
            true => bench.expect_none(),
            false => bench.expect("lost without a reason"),
        }
    }
}

#[test]
fn fault_is_no_excuse_for_what_comes_long_after_it() {
    for (kind, wait) in [
        (FaultKind::Hung, 31),
        (FaultKind::Cut, 18),
        (FaultKind::Stalled, 18),
        (FaultKind::StoreAway, 18),
    ] {
        let mut bench = Bench::echoing("xhr", 0);
        bench.fault(kind, 0, 10);
        bench.wait(wait);
        bench.close(1);
        bench.expect("lost without a reason");
    }
}

#[test]
fn loss_of_one_response_is_no_excuse_for_a_loss_long_after_it() {
    let mut bench = Bench::echoing("xhr", 1);
    bench.fault(FaultKind::Killed, 0, 2);
    let through = Some(0);
    bench.add(Kind::NotReceived(Trouble {
        status: Some(502),
        through,
    }));
    bench.wait(10);
    bench.close(2);
    bench.expect("lost without a reason");
}

#[test]
fn client_that_cannot_send_hears_of_it_since_it_has_sent() {
    for (wait, is_well) in [(14, true), (15, false)] {
        let mut bench = Bench::echoing("xhr", 0);
        bench.fault(FaultKind::Stalled, 0, 30);
        bench.wait(10);
        bench.add(Kind::Sent(4));
        bench.wait(wait);
        let trouble = Trouble {
            status: Some(503),
            through: Some(1),
        };
        bench.add(Kind::NotTaken(4, trouble));
        bench.add(Kind::Left(Leave::CannotSend));
        match is_well {
            true => bench.expect_none(),
            false => bench.expect("heard of its end only"),
        }
    }
}

#[test]
fn session_must_not_outlive_its_owner() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.fault(FaultKind::Killed, 0, 2);
    bench.wait(6);
    bench.echo(4);
    bench.add(Kind::Left(Leave::Satisfied));
    bench.expect("outlived its owner");
}

#[test]
fn session_must_not_open_twice() {
    let mut bench = Bench::echoing("xhr", 0);
    bench.add(Kind::Opened(1));
    bench.add(Kind::Left(Leave::Satisfied));
    bench.expect("opened twice");
}

#[test]
fn session_without_an_end_is_a_problem() {
    Bench::echoing("xhr", 0).expect("neither closed nor left");
}

#[test]
fn opening_may_fail_only_while_something_is_wrong_with_its_node_or_the_store() {
    let grace = Duration::from_secs(10);
    for (fault, is_well) in [
        (Some((FaultKind::StoreAway, 0)), true),
        (Some((FaultKind::Killed, 1)), true),
        (Some((FaultKind::Killed, 0)), false),
        (Some((FaultKind::Hung, 0)), false),
        (Some((FaultKind::Cut, 1)), false),
        (Some((FaultKind::StoreHiccup, 1)), false),
        (Some((FaultKind::Replaced { grace }, 1)), false),
        (None, false),
    ] {
        let mut bench = Bench::default();
        if let Some((kind, node)) = fault {
            bench.fault(kind, node, 5);
        }
        bench.add(Kind::Began("xhr"));
        bench.add(Kind::NotOpened(Trouble {
            status: Some(503),
            through: Some(1),
        }));
        match is_well {
            true => bench.expect_none(),
            false => bench.expect("not opened, without a reason"),
        }
    }
}

#[test]
fn node_that_is_back_must_not_deny_a_session_of_another_one() {
    for (status, is_well) in [(None, true), (Some(503), true), (Some(404), false)] {
        let mut bench = Bench::echoing("xhr", 1);
        bench.fault(FaultKind::Killed, 0, 2);
        bench.wait(3);
        bench.add(Kind::Sent(4));
        let through = Some(0);
        bench.add(Kind::NotTaken(4, Trouble { status, through }));
        bench.add(Kind::Left(Leave::CannotSend));
        match is_well {
            true => bench.expect_none(),
            false => bench.expect("lost without a reason"),
        }
    }
}

#[test]
fn client_of_a_killed_node_is_told_that_the_node_is_gone() {
    for (code, is_well) in [(1001, true), (2010, false)] {
        let mut bench = Bench::echoing("xhr", 0);
        bench.fault(FaultKind::Killed, 0, 2);
        let through = Some(1);
        bench.add(Kind::Closed { code, through });
        match is_well {
            true => bench.expect_none(),
            false => bench.expect("lost without a reason"),
        }
    }
}
