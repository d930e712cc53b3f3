//! Room that grows and shrinks while places are taken.

use super::Room;

#[tokio::test]
async fn room_that_grows_is_there_at_once() {
    let room = Room::new(1);
    let first = room.places().try_acquire_owned().unwrap();
    assert!(room.places().try_acquire_owned().is_err());
    tokio::spawn(room.resize(2));
    let second = room.places().try_acquire_owned().unwrap();
    drop((first, second));
    assert_eq!(room.places().available_permits(), 2);
}

#[tokio::test]
async fn room_that_shrinks_closes_nothing_and_lets_nobody_in_until_enough_have_left() {
    let room = Room::new(3);
    let places = room.places();
    let mut held: Vec<_> = (0..3)
        .map(|_| places.clone().try_acquire_owned().unwrap())
        .collect();
    tokio::spawn(room.resize(1));
    tokio::task::yield_now().await;
    held.pop();
    assert!(
        places.try_acquire().is_err(),
        "two connections are left, one is allowed"
    );
    held.pop();
    tokio::task::yield_now().await;
    assert!(places.try_acquire().is_err(), "the one place is taken");
    held.pop();
    tokio::task::yield_now().await;
    assert_eq!(places.available_permits(), 1);
}

#[tokio::test]
async fn room_that_shrinks_and_grows_again_is_what_it_was_told_last() {
    let room = Room::new(4);
    let places = room.places();
    let held: Vec<_> = (0..4)
        .map(|_| places.clone().try_acquire_owned().unwrap())
        .collect();
    tokio::spawn(room.resize(1));
    tokio::task::yield_now().await;
    tokio::spawn(room.resize(6));
    drop(held);
    tokio::task::yield_now().await;
    assert_eq!(places.available_permits(), 6);
}

#[test]
fn more_room_than_can_be_counted_is_no_panic() {
    assert!(Room::new(usize::MAX).places().available_permits() > 1 << 20);
}
