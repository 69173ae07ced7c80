//! What was taken from a queue, on its way through a generation: call by call, so that a worker can
//! turn to its other plugins between two of them.

use super::{queue::Delivery, seat::Seat};
use crate::record::Record;
use std::sync::Arc;

/// How far what was taken is judged.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Where among the taken the choice begins.
    begin: usize,
    /// The generation that it was made for.
    chosen: Option<u32>,
    /// What that one wants, up to an event that it does not want but has to hear of.
    wanted: Vec<Arc<Record>>,
    /// Where each of the wanted stands among the taken.
    places: Vec<usize>,
    /// How many of them are done with.
    done: usize,
    heard: Option<usize>,
    /// Timers that are due before what comes next, and how many of them are done with.
    due: (Vec<Arc<Record>>, usize),
}

impl Round {
    /// What the next call is to hold, `most` at most and all of one step of the clock; none at the
    /// end. It is the same again until it is [`done`](Round::done) with, or another generation has
    /// the seat: that one goes on behind what the other was done with.
    pub fn next(
        &mut self,
        taken: &[Delivery],
        seat: &mut Seat,
        most: usize,
        wants: impl Fn(&Seat, &Delivery) -> bool,
    ) -> Option<&[Arc<Record>]> {
        if self.chosen != Some(seat.number) {
            if let Some(last) = self.done.checked_sub(1) {
                self.begin = self.places[last] + 1;
            }
            self.choose(taken, seat, &wants);
        }
        while self.due.1 == self.due.0.len() {
            let next = match (self.wanted.get(self.done), self.heard) {
                (Some(wanted), _) => wanted,
                (None, Some(place)) => &taken[place].record,
                (None, None) => return None,
            };
            // Timers are told first.
            self.due = (seat.reach(next), 0);
            if !self.due.0.is_empty() {
                break;
            }
            if self.done < self.wanted.len() {
                let rest = &self.wanted[self.done..];
                let step = seat.one_step(rest).min(most);
                return Some(&rest[..step]);
            }
            self.begin = self.heard.map_or(taken.len(), |place| place + 1);
            self.choose(taken, seat, &wants);
        }
        let rest = &self.due.0[self.due.1..];
        Some(&rest[..rest.len().min(most)])
    }

    fn choose(
        &mut self,
        taken: &[Delivery],
        seat: &mut Seat,
        wants: &impl Fn(&Seat, &Delivery) -> bool,
    ) {
        self.chosen = Some(seat.number);
        self.wanted.clear();
        self.places.clear();
        self.done = 0;
        self.heard = None;
        self.due = (Vec::new(), 0);
        seat.remember(&taken[self.begin..]);
        for (place, delivery) in taken.iter().enumerate().skip(self.begin) {
            if wants(seat, delivery) {
                self.wanted.push(delivery.record.clone());
                self.places.push(place);
            } else if seat.follows(&delivery.record) {
                self.heard = Some(place);
                break;
            }
        }
    }

    /// So many of what was next are done with.
    pub fn done(&mut self, count: usize) {
        match self.due.1 < self.due.0.len() {
            true => self.due.1 += count,
            false => self.done += count,
        }
    }

    /// All that was taken is judged.
    pub fn end(&mut self) {
        self.begin = 0;
        self.chosen = None;
        self.wanted.clear();
        self.places.clear();
        self.done = 0;
    }
}
