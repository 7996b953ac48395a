//! What lasts longer than one answer: sockets, and streams of events.

pub(super) mod events;
mod line;
mod protocol;
mod seats;
mod session;
pub(super) mod socket;

pub(super) use seats::Seats;
