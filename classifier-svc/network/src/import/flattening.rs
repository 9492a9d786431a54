//! Checks the order in which fc6 reads the last activation against its weights.
//!
//! A trained layer treats neighbouring places of a channel alike, so its weights for them are correlated; those for
//! neighbouring channels are not. Weights that were converted by hand may have kernels in one program's order and fc6 in
//! the other's, which no shape shows.

use super::found::Layout;

/// Rows that are looked at.
const ROWS: usize = 64;
/// Correlation of neighbours from which a layer is certainly trained: our own has 0.27 in its order, 0.00 in the other.
const CORRELATED: f64 = 0.05;

/// Whether the weights of a matrix contradict the order that they are taken to have. `values` are `[out, channels, side,
/// side]` in this program's order, `layout` is that of the file.
pub(super) fn contradicts(values: &[f32], channels: usize, side: usize, layout: Layout) -> bool {
    let inputs = channels * side * side;
    if side < 2 || channels < 2 || inputs == 0 {
        return false;
    }
    let places = |row: &[f32]| -> [f64; 3] {
        let first = |c: usize, h: usize, w: usize| (c * side + h) * side + w;
        // Where an input of this program is if it is read in the file's other order.
        let other = |c: usize, h: usize, w: usize| match layout {
            Layout::ChannelsFirst => (h * side + w) * channels + c,
            Layout::ChannelsLast => {
                let at = first(c, h, w);
                let (c, place) = (at % channels, at / channels);
                first(c, place / side, place % side)
            }
        };
        let mut sums = [0.0; 3];
        for c in 0..channels {
            for h in 0..side {
                for w in 0..side - 1 {
                    let product = |a: usize, b: usize| f64::from(row[a]) * f64::from(row[b]);
                    sums[0] += product(first(c, h, w), first(c, h, w + 1));
                    sums[1] += product(other(c, h, w), other(c, h, w + 1));
                }
            }
        }
        let squares: f64 = row.iter().map(|x| f64::from(*x).powi(2)).sum();
        sums[2] = squares * (side - 1) as f64 / side as f64;
        sums
    };
    let rows = values.chunks_exact(inputs);
    let step = rows.len().div_ceil(ROWS).max(1);
    let sums = rows.step_by(step).map(places);
    let [taken, other, all] = sums.fold([0.0; 3], |sum, row| {
        [sum[0] + row[0], sum[1] + row[1], sum[2] + row[2]]
    });
    all > 0.0 && other / all > CORRELATED && other > 2.0 * taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose neighbouring places are alike, in channels, rows, columns.
    fn trained(channels: usize, side: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut values = Vec::new();
        for _ in 0..ROWS * channels {
            let plane = noise();
            values.extend((0..side * side).map(|_| plane + noise()));
        }
        values
    }

    #[test]
    fn an_order_that_the_weights_contradict_is_noticed() {
        let (channels, side) = (32, 3);
        let right = trained(channels, side);
        let inputs = channels * side * side;
        // As if the rows were still in the order of Keras.
        let wrong: Vec<f32> = (0..right.len())
            .map(|at| {
                let (row, at) = (at / inputs, at % inputs);
                let (c, place) = (at % channels, at / channels);
                right[row * inputs + c * side * side + place]
            })
            .collect();
        // A file of Keras whose fc6 was not in Keras' order.
        let turned: Vec<f32> = (0..right.len())
            .map(|at| {
                let (row, at) = (at / inputs, at % inputs);
                let (c, place) = (at / (side * side), at % (side * side));
                right[row * inputs + place * channels + c]
            })
            .collect();
        for (values, layout, expected) in [
            (&right, Layout::ChannelsFirst, false),
            (&right, Layout::ChannelsLast, false),
            (&wrong, Layout::ChannelsFirst, true),
            (&turned, Layout::ChannelsLast, true),
        ] {
            assert_eq!(
                contradicts(values, channels, side, layout),
                expected,
                "{layout:?}"
            );
        }
        let noise: Vec<f32> = right
            .iter()
            .enumerate()
            .map(|(i, _)| (i as f32 * 12.9898).sin())
            .collect();
        assert!(!contradicts(&noise, channels, side, Layout::ChannelsFirst));
    }
}
