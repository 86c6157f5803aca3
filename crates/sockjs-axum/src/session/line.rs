use std::num::NonZeroU32;
use std::task::{Context, Waker};

/// Tasks that wait in line. The cost of joining the line, of leaving it and of calling the first
/// task does not depend on the length of the line.
///
/// A task that joins gets a ticket. It must leave with that ticket, whether it was called or not.
#[derive(Debug)]
pub(super) struct Line<T> {
    /// The first two places are heads of rings: the waiting tasks in their order, and the free
    /// places. The place of a task that was called is a ring of its own.
    places: Vec<Place<T>>,
    taken: usize,
}

#[derive(Debug)]
struct Place<T> {
    /// What the task waits for. `None` if the place is free.
    item: Option<T>,
    waker: Option<Waker>,
    previous: u32,
    next: u32,
}

/// The right to one place in a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ticket(NonZeroU32);

/// A task that left its line.
#[derive(Debug)]
pub(super) struct Leaver<T> {
    pub(super) item: T,
    pub(super) was_called: bool,
}

/// The heads of the rings.
const WAITING: u32 = 0;
const FREE: u32 = 1;

impl<T> Line<T> {
    pub(super) fn new() -> Self {
        let places = [WAITING, FREE].map(Place::alone).into();
        Self { places, taken: 0 }
    }

    /// Adds a task at the end of the line.
    pub(super) fn join(&mut self, item: T, cx: Option<&Context<'_>>) -> Ticket {
        let mut index = self.place(FREE).next;
        if index == FREE {
            index = u32::try_from(self.places.len()).expect("memory ends before that");
            self.places.push(Place::alone(index));
        }
        self.move_to(index, WAITING);
        self.taken += 1;
        let place = self.place_mut(index);
        place.item = Some(item);
        place.waker = cx.map(|cx| cx.waker().clone());
        Ticket(NonZeroU32::new(index).expect("the first place is a head"))
    }

    /// Returns what the first task in the line waits for.
    pub(super) fn first(&self) -> Option<&T> {
        // The head of the ring has no item.
        self.place(self.place(WAITING).next).item.as_ref()
    }

    /// Calls the first task. It is no longer in the line, and keeps its ticket.
    pub(super) fn call_first(&mut self) -> Option<Waker> {
        let index = self.place(WAITING).next;
        if index == WAITING {
            return None;
        }
        self.unlink(index);
        self.place_mut(index).waker.take()
    }

    pub(super) fn was_called(&self, ticket: Ticket) -> bool {
        let index = ticket.0.get();
        self.place(index).next == index
    }

    /// Notes the task that is to be woken when it is called.
    pub(super) fn set_waker(&mut self, ticket: Ticket, cx: &Context<'_>) {
        match &mut self.place_mut(ticket.0.get()).waker {
            Some(waker) => waker.clone_from(cx.waker()),
            slot => *slot = Some(cx.waker().clone()),
        }
    }

    /// Gives the place of a task back. Returns `None` if the ticket was used before.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Leaver<T>> {
        let index = ticket.0.get();
        let was_called = self.was_called(ticket);
        let place = self.place_mut(index);
        let item = place.item.take()?;
        place.waker = None;
        self.move_to(index, FREE);
        self.taken -= 1;
        self.shrink();
        Some(Leaver { item, was_called })
    }

    /// Returns whether no task has a ticket.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Gives memory back, so that a line that was long once does not stay large. Each place is
    /// removed once, so that the cost of a call is constant on average.
    fn shrink(&mut self) {
        let heads = 2;
        while self.places.len() > heads
            && self.places.last().is_some_and(|place| place.item.is_none())
        {
            self.unlink(self.places.len() as u32 - 1);
            self.places.pop();
        }
        if self.places.len() < self.places.capacity() / 4 {
            self.places.shrink_to(self.places.len() * 2);
        }
    }

    /// Moves a place to the end of a ring.
    fn move_to(&mut self, index: u32, head: u32) {
        self.unlink(index);
        let last = self.place(head).previous;
        self.place_mut(index).previous = last;
        self.place_mut(index).next = head;
        self.place_mut(last).next = index;
        self.place_mut(head).previous = index;
    }

    /// Takes a place out of its ring.
    fn unlink(&mut self, index: u32) {
        let Place { previous, next, .. } = *self.place(index);
        self.place_mut(previous).next = next;
        self.place_mut(next).previous = previous;
        self.place_mut(index).previous = index;
        self.place_mut(index).next = index;
    }

    fn place(&self, index: u32) -> &Place<T> {
        &self.places[index as usize]
    }

    fn place_mut(&mut self, index: u32) -> &mut Place<T> {
        &mut self.places[index as usize]
    }
}

impl<T> Place<T> {
    fn alone(index: u32) -> Self {
        Self {
            item: None,
            waker: None,
            previous: index,
            next: index,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn join(line: &mut Line<usize>, item: usize) -> Ticket {
        line.join(item, Some(&Context::from_waker(Waker::noop())))
    }

    #[test]
    fn tasks_are_called_in_their_order() {
        let mut line = Line::new();
        let tickets = [1, 2, 3].map(|item| join(&mut line, item));
        assert_eq!(line.first(), Some(&1));

        assert!(line.call_first().is_some());
        assert_eq!(tickets.map(|it| line.was_called(it)), [true, false, false]);
        assert_eq!(line.first(), Some(&2));
        let leaver = line.leave(tickets[1]).unwrap();
        assert_eq!((leaver.item, leaver.was_called), (2, false));
        assert_eq!(line.first(), Some(&3));
        let leaver = line.leave(tickets[0]).unwrap();
        assert_eq!((leaver.item, leaver.was_called), (1, true));

        assert!(line.call_first().is_some());
        assert!(line.call_first().is_none());
        assert!(!line.is_empty());
        line.leave(tickets[2]).unwrap();
        assert!(line.is_empty());
    }

    #[test]
    fn a_ticket_is_good_once() {
        let mut line = Line::new();
        let first = join(&mut line, 1);
        let second = join(&mut line, 2);
        assert!(line.leave(first).is_some());
        assert!(line.leave(first).is_none());
        assert!(line.leave(second).is_some());
    }

    /// Compares the line with a simple queue, in many orders of calls.
    #[test]
    fn a_line_behaves_as_a_queue() {
        let mut line = Line::new();
        let mut queue = VecDeque::new();
        let mut called = Vec::new();
        // Numbers that look random, and are the same in every run.
        let mut random = 1_usize;
        for item in 0..20_000 {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let choice = random >> 33;
            match choice % 8 {
                0..4 => queue.push_back((item, join(&mut line, item))),
                4 | 5 if !queue.is_empty() => {
                    let (item, ticket) = queue.remove(choice / 8 % queue.len()).unwrap();
                    let leaver = line.leave(ticket).unwrap();
                    assert_eq!((leaver.item, leaver.was_called), (item, false));
                }
                6 => {
                    assert_eq!(line.call_first().is_some(), !queue.is_empty());
                    called.extend(queue.pop_front());
                }
                _ if !called.is_empty() => {
                    let (item, ticket) = called.swap_remove(choice / 8 % called.len());
                    let leaver = line.leave(ticket).unwrap();
                    assert_eq!((leaver.item, leaver.was_called), (item, true));
                }
                _ => {}
            }
            assert_eq!(line.first(), queue.front().map(|(item, _)| item));
            assert_eq!(line.is_empty(), queue.is_empty() && called.is_empty());
        }
    }

    #[test]
    fn a_line_that_was_long_becomes_small() {
        let mut line = Line::new();
        let early = join(&mut line, 0);
        let tickets: Vec<_> = (1..10_000).map(|item| join(&mut line, item)).collect();
        for ticket in tickets {
            line.leave(ticket).unwrap();
        }
        assert!(line.places.capacity() < 20, "{}", line.places.capacity());
        line.leave(early).unwrap();

        // Places are used again, while another item stays in the line.
        let mut last = join(&mut line, 0);
        for item in 1..10_000 {
            let next = join(&mut line, item);
            line.leave(last).unwrap();
            last = next;
        }
        assert!(line.places.len() < 10);
    }
}
