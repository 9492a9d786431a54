//! Intervals of figures by bootstrap (Efron, "Bootstrap methods: another look at the jackknife", 1979).

/// Share of the draws below an interval of 95 %, and above it.
const TAIL: f64 = 0.025;

/// Where the middle 95 % of the draws of a figure begin and end; `None` where there are no draws.
pub fn interval(mut draws: Vec<f64>) -> Option<(f64, f64)> {
    draws.sort_by(f64::total_cmp);
    let last = draws.len().checked_sub(1)? as f64;
    let at = |share: f64| draws[(share * last).round() as usize];
    Some((at(TAIL), at(1.0 - TAIL)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fortieth_of_the_draws_is_on_either_side() {
        let draws = (0..=1000).rev().map(f64::from).collect();
        assert_eq!(interval(draws), Some((25.0, 975.0)));
        assert_eq!(interval(vec![3.0]), Some((3.0, 3.0)));
        assert_eq!(interval(Vec::new()), None);
    }
}
