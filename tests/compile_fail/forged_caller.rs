//! Only an accepted credential makes a caller.
use hallpass::identity::{Caller, Kind};

fn forge(caller: Caller) -> Caller {
    Caller { kind: Kind::Service, ..caller }
}

fn main() {}
