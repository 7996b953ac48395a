//! A user id is not made of any string at hand.
use hallpass_entity::UserId;

fn main() {
    let _ = UserId("somebody".to_owned());
}
