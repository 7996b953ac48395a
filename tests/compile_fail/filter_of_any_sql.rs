//! A filter is made of the columns of its table, not of any condition.
use hallpass_data::Filter;
use hallpass_entity::task;
use sea_orm::Condition;

fn main() {
    let _: Filter<task::Entity> = Condition::any().into();
}
