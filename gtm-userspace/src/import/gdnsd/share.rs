//! Numbers that are written differently here: shares of a set as percentages, and large weights as small ones.

/// Largest weight here.
const MAX_WEIGHT: u32 = 100;

/// The smallest number of `total` that makes up this fraction of them: `ceil(fraction * total)`, at least 1.
pub(super) fn needed(fraction: f64, total: u32) -> u32 {
    let wanted = fraction * f64::from(total);
    (1..=total).find(|count| f64::from(*count) >= wanted).unwrap_or(total.max(1))
}

/// A judgement that `needed` of `total` and no fewer meet, near to `fraction`; nothing when it is the default, `any`.
///
/// Some percentage always does, since a percent of at most 16 addresses is less than one of them.
pub(super) fn judgement(needed: u32, total: u32, fraction: f64) -> Option<String> {
    if needed <= 1 {
        return None;
    }
    if needed >= total {
        return Some("all".to_owned());
    }
    let counts = |percent: u32| percent * total <= needed * 100 && percent * total > (needed - 1) * 100;
    let near = (1..=100_u32).find(|percent| f64::from(*percent) + 0.5 >= fraction * 100.0);
    let percent = near.filter(|percent| counts(*percent)).unwrap_or(needed * 100 / total);
    Some(format!("{percent}%"))
}

/// Whether a share of the summed weights can be judged by counting: how many of the members meet it, when it is the same
/// number whichever they are. Else the number that would, were all weights equal.
pub(super) fn needed_by_weight(fraction: f64, weights: &[u32]) -> Result<u32, u32> {
    let total: u32 = weights.iter().sum();
    let passes = |sum: u32| f64::from(sum) >= fraction * f64::from(total);
    let mut sorted = weights.to_vec();
    sorted.sort_unstable();
    let (mut smallest, mut largest, mut count) = (0, 0, 0);
    for (low, high) in sorted.iter().zip(sorted.iter().rev()) {
        let fewer_pass = count > 0 && passes(largest);
        smallest += low;
        largest += high;
        count += 1;
        if passes(smallest) && !fewer_pass {
            return Ok(count);
        }
        if fewer_pass {
            break;
        }
    }
    Err(needed(fraction, u32::try_from(weights.len()).unwrap_or(u32::MAX)))
}

/// Weights of at most 100 with nearly the same shares.
#[derive(Debug, PartialEq)]
pub(super) struct Scaled {
    pub(super) weights: Vec<u32>,
    /// For each, its share before and after in percent; none when all are the same.
    pub(super) shares: Option<Vec<(f64, f64)>>,
}

/// Scales weights to at most 100 with the smallest error of a share; none becomes 0.
pub(super) fn scale(weights: &[u32]) -> Scaled {
    let largest = weights.iter().copied().max().unwrap_or(1).max(1);
    if largest <= MAX_WEIGHT {
        return Scaled { weights: weights.to_vec(), shares: None };
    }
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    if largest / divisor <= MAX_WEIGHT {
        return Scaled { weights: weights.iter().map(|weight| weight / divisor).collect(), shares: None };
    }
    let to = |target: u32| -> Vec<u32> {
        let scaled = weights.iter().map(|weight| {
            let (weight, largest) = (u64::from(*weight), u64::from(largest));
            let rounded = (2 * weight * u64::from(target) + largest) / (2 * largest);
            u32::try_from(rounded).unwrap_or(MAX_WEIGHT).clamp(1, MAX_WEIGHT)
        });
        scaled.collect()
    };
    let error = |scaled: &[u32]| {
        let differences = shares(weights).into_iter().zip(shares(scaled));
        differences.map(|(before, after)| (before - after).abs()).fold(0.0, f64::max)
    };
    let mut best = to(MAX_WEIGHT);
    for target in (1..MAX_WEIGHT).rev() {
        let next = to(target);
        if error(&next) < error(&best) {
            best = next;
        }
    }
    let shares = shares(weights).into_iter().zip(shares(&best)).collect();
    let divisor = best.iter().copied().fold(0, greatest_common_divisor).max(1);
    for weight in &mut best {
        *weight /= divisor;
    }
    Scaled { weights: best, shares: Some(shares) }
}

/// The share of each in percent.
fn shares(weights: &[u32]) -> Vec<f64> {
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    weights.iter().map(|weight| f64::from(*weight) * 100.0 / total).collect()
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_counts_are_met() {
        // gdnsd-plugin-multifo(8), "Intermediate value examples": of 1 to 8, and of 16.
        for (fraction, counts) in [
            (0.1, [1, 1, 1, 1, 1, 1, 1, 1, 2]),
            (0.2, [1, 1, 1, 1, 1, 2, 2, 2, 4]),
            (0.3, [1, 1, 1, 2, 2, 2, 3, 3, 5]),
            (0.4, [1, 1, 2, 2, 2, 3, 3, 4, 7]),
            (0.5, [1, 1, 2, 2, 3, 3, 4, 4, 8]),
            (0.6, [1, 2, 2, 3, 3, 4, 5, 5, 10]),
            (0.7, [1, 2, 3, 3, 4, 5, 5, 6, 12]),
            (0.8, [1, 2, 3, 4, 4, 5, 6, 7, 13]),
            (0.9, [1, 2, 3, 4, 5, 6, 7, 8, 15]),
        ] {
            for (total, count) in [1, 2, 3, 4, 5, 6, 7, 8, 16].into_iter().zip(counts) {
                assert_eq!(needed(fraction, total), count, "{fraction} of {total}");
            }
        }
    }

    #[track_caller]
    fn check_judgement(fraction: f64, total: u32, expect: Option<&str>) {
        assert_eq!(judgement(needed(fraction, total), total, fraction).as_deref(), expect);
    }

    #[test]
    fn judgements_keep_the_fraction_where_they_can() {
        check_judgement(0.5, 3, Some("50%"));
        check_judgement(0.5, 2, None);
        check_judgement(1.0, 5, Some("all"));
        check_judgement(0.9, 4, Some("all"));
        check_judgement(0.01, 16, None);
        check_judgement(0.334, 3, Some("66%"));
        check_judgement(0.3334, 3, Some("66%"));
    }

    #[track_caller]
    fn check_needed_by_weight(fraction: f64, weights: &[u32], expect: Result<u32, u32>) {
        assert_eq!(needed_by_weight(fraction, weights), expect, "{fraction} of {weights:?}");
    }

    #[test]
    fn weights_are_counted_where_it_is_the_same() {
        check_needed_by_weight(0.5, &[5, 5, 5], Ok(2));
        check_needed_by_weight(0.01, &[44, 11, 11, 11], Ok(1));
        check_needed_by_weight(1.0, &[1, 9], Ok(2));
        check_needed_by_weight(0.5, &[45, 60, 75], Ok(2));
        check_needed_by_weight(0.5, &[99, 15, 1], Err(2));
        check_needed_by_weight(0.5, &[1], Ok(1));
    }

    #[track_caller]
    fn check_scale(weights: &[u32], expect: &[u32], is_exact: bool) {
        let scaled = scale(weights);
        assert_eq!((scaled.weights.as_slice(), scaled.shares.is_none()), (expect, is_exact), "{weights:?}");
    }

    #[test]
    fn weights_are_scaled() {
        check_scale(&[99, 15, 1], &[99, 15, 1], true);
        check_scale(&[1000, 500, 250], &[4, 2, 1], true);
        check_scale(&[1_048_575, 1], &[100, 1], false);
        check_scale(&[1000, 999], &[1, 1], false);
        check_scale(&[301, 100], &[3, 1], false);
    }

    proptest! {
        #[test]
        fn a_judgement_is_met_by_the_same_counts(percent in 0.001..=1.0_f64, total in 1..=16_u32) {
            let needed = needed(percent, total);
            let judgement = judgement(needed, total, percent);
            for available in 0..=total {
                let met = match judgement.as_deref() {
                    None => available >= 1,
                    Some("all") => available == total,
                    Some(text) => {
                        available * 100 >= text.trim_end_matches('%').parse::<u32>().unwrap() * total
                    }
                };
                prop_assert_eq!(met, available >= needed, "{} of {}: {:?}", available, total, judgement);
            }
        }

        #[test]
        fn counting_is_the_same_as_weighing(
            fraction in 0.01..=1.0_f64,
            weights in prop::collection::vec(1..50_u32, 1..6),
        ) {
            let Ok(needed) = needed_by_weight(fraction, &weights) else { return Ok(()) };
            let total: u32 = weights.iter().sum();
            for subset in 0..1_usize << weights.len() {
                let chosen: Vec<u32> =
                    weights.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1).map(|(_, w)| *w).collect();
                if chosen.is_empty() {
                    continue;
                }
                let by_weight = f64::from(chosen.iter().sum::<u32>()) >= fraction * f64::from(total);
                let by_count = u32::try_from(chosen.len()).unwrap() >= needed;
                prop_assert_eq!(by_weight, by_count, "{:?} of {:?}", chosen, weights);
            }
        }

        #[test]
        fn scaled_shares_are_near(weights in prop::collection::vec(1..1_048_576_u32, 1..17)) {
            let scaled = scale(&weights);
            prop_assert!(scaled.weights.iter().all(|weight| (1..=100).contains(weight)));
            for (before, after) in scaled.shares.unwrap_or_default() {
                prop_assert!((before - after).abs() < 7.0, "{} {}", before, after);
            }
        }
    }
}
