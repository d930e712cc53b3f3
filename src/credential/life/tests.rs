//! Lives and waits, by table and by property.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: Timestamp = 1_800_000_000.0;

fn lasts(expires_in: Value, exp: Option<f64>) -> Duration {
    Life::of(Some(&expires_in), exp, NOW, 0.5).lasts
}

#[test]
fn x08_expires_in_is_believed_within_reason() {
    let hour = Duration::from_secs(3600);
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(lasts(json!(3600), None), hour);
    assert_eq!(lasts(json!(3600), Some(NOW + 60.0)), hour);
    assert_eq!(lasts(json!(1.5), None), Duration::from_millis(1500));
    assert_eq!(lasts(json!(604_800), None), day);
    // Half a second would be two fetches a second.
    assert_eq!(lasts(json!(0.5), None), Duration::from_secs(1));
    for nonsense in [
        json!(0),
        json!(-1),
        json!("3600"),
        json!(null),
        json!(true),
        json!(1e18),
        json!(u64::MAX),
        json!([3600]),
    ] {
        // The token's own word, as long as it is one.
        assert_eq!(
            lasts(nonsense.clone(), Some(NOW + 3600.0)),
            hour,
            "{nonsense}"
        );
        assert_eq!(lasts(nonsense.clone(), Some(1e18)), day, "{nonsense}");
        for exp in [None, Some(NOW - 10.0), Some(f64::NAN), Some(-1e300)] {
            let life = Life::of(Some(&nonsense), exp, NOW, 0.5);
            assert_eq!(life.serves, Duration::from_secs(2), "{nonsense} {exp:?}");
            assert_eq!(life.renews, None, "{nonsense} {exp:?}");
        }
    }
    assert_eq!(Life::of(None, Some(NOW + 3600.0), NOW, 0.5).lasts, hour);
    assert_eq!(Life::of(None, None, NOW, 0.5).lasts, Duration::from_secs(2));
}

#[test]
fn a_token_is_renewed_at_three_quarters_of_its_life_or_a_little_before() {
    let renews = |chance| Life::of(Some(&json!(3600)), None, NOW, chance).renews;
    assert_eq!(renews(0.0), Some(Duration::from_secs(2700)));
    assert_eq!(renews(1.0), Some(Duration::from_secs(2430)));
    let life = Life::of(Some(&json!(3600)), None, NOW, 0.0);
    assert_eq!(life.serves, Duration::from_secs(3595));
}

#[test]
fn x07_waits_double_to_fifteen_seconds_and_heed_retry_after_within_reason() {
    let wait = |failures, asked: Option<u64>| {
        backoff(failures, asked.map(Duration::from_secs), 0.0).as_secs()
    };
    let doubled: Vec<u64> = (1..8).map(|failures| wait(failures, None)).collect();
    assert_eq!(doubled, [1, 2, 4, 8, 15, 15, 15]);
    assert_eq!(wait(u32::MAX, None), 15);
    assert_eq!(wait(1, Some(7)), 7);
    assert_eq!(wait(5, Some(7)), 15);
    assert_eq!(wait(1, Some(1_000_000_000)), 60);
    assert_eq!(wait(1, Some(u64::MAX)), 60);
}

proptest! {
    #[test]
    fn x08_no_number_makes_a_life_of_nothing_or_for_ever(
        told in any::<f64>(), exp in any::<f64>(), now in any::<f64>(), chance in any::<f64>(),
    ) {
        let life = Life::of(Some(&json!(told)), Some(exp), now, chance);
        prop_assert!(life.lasts >= Duration::from_secs(1) && life.lasts <= LONGEST);
        prop_assert!(life.serves >= Duration::from_secs(1) && life.serves <= LONGEST);
        if let Some(renews) = life.renews {
            prop_assert!(renews >= Duration::from_secs(1) && renews <= life.lasts);
        }
    }
}
