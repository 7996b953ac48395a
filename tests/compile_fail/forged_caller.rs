//! Only an accepted credential makes a caller.
use hallpass_identity::{Caller, CallerKind};

fn forge(caller: Caller) -> Caller {
    Caller { kind: CallerKind::Service, ..caller }
}

fn main() {}
