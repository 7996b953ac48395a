//! A user id is not made of any string at hand.
use hallpass_data::UserId;

fn main() {
    let _ = UserId("some-user".to_owned());
}
