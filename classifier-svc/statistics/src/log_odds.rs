//! Probabilities on the scale of a logit.

/// `log(p / (1 - p))` of a probability that is first kept `floor` away from 0 and 1, so that a certain classifier gives
/// no infinity. What is smaller than `floor` does not count, so it says how small a difference matters.
pub fn log_odds(probability: f64, floor: f64) -> f64 {
    let p = probability.clamp(floor, 1.0 - floor);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certainty_is_finite_and_a_coin_is_nothing() {
        assert_eq!(log_odds(0.5, 1e-6), 0.0);
        assert!((log_odds(0.9, 1e-6) - 9.0_f64.ln()).abs() < 1e-12);
        assert_eq!(log_odds(1.0, 1e-6), log_odds(1.0 - 1e-9, 1e-6));
        assert!((log_odds(0.0, 1e-4) + log_odds(1.0, 1e-4)).abs() < 1e-9);
    }
}
