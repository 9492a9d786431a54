//! How much fine structure a picture has.

use std::f64::consts::TAU;

/// Cycles a pixel above which structure counts as detail.
const FINE: f64 = 0.2;

/// Share, 0 to 1, of a grey picture's spectral energy above 0.2 cycles a pixel, its mean left out.
///
/// `grey` has `side * side` values, row by row. The result is 0 for a picture without any structure.
pub(crate) fn detail(grey: &[f32], side: usize) -> f64 {
    let spectrum = energy(grey, side);
    let (mut fine, mut all) = (0.0, 0.0);
    for (i, energy) in spectrum.into_iter().enumerate().skip(1) {
        let frequency = f64::hypot(cycles(i % side, side), cycles(i / side, side));
        all += energy;
        fine += if frequency > FINE { energy } else { 0.0 };
    }
    if all > 0.0 { fine / all } else { 0.0 }
}

/// Cycles a pixel of a component of the discrete Fourier transform, 0 to 0.5.
fn cycles(component: usize, side: usize) -> f64 {
    component.min(side - component) as f64 / side as f64
}

/// Squared absolute values of the discrete Fourier transform in two dimensions, row after row of `side` values.
fn energy(grey: &[f32], side: usize) -> Vec<f64> {
    let mean = grey.iter().map(|&g| f64::from(g)).sum::<f64>() / grey.len() as f64;
    let real: Vec<f64> = grey.iter().map(|&g| f64::from(g) - mean).collect();
    let imaginary = vec![0.0; real.len()];
    // Each pass transforms the rows and turns the picture on its side, so two transform it and turn it back.
    let once = transform_rows(&real, &imaginary, side);
    let (real, imaginary) = transform_rows(&once.0, &once.1, side);
    let both = real.iter().zip(&imaginary);
    both.map(|(r, i)| r * r + i * i).collect()
}

/// Transform of every row by its definition, transposed: fast enough for the small pictures here.
fn transform_rows(real: &[f64], imaginary: &[f64], side: usize) -> (Vec<f64>, Vec<f64>) {
    let turn = |k: usize| (-TAU * k as f64 / side as f64).sin_cos();
    let turns: Vec<(f64, f64)> = (0..side).map(turn).collect();
    let (mut to_real, mut to_imaginary) = (vec![0.0; side * side], vec![0.0; side * side]);
    for y in 0..side {
        let row = y * side..(y + 1) * side;
        for u in 0..side {
            let (mut sum_real, mut sum_imaginary) = (0.0, 0.0);
            let values = real[row.clone()].iter().zip(&imaginary[row.clone()]);
            for (x, (r, i)) in values.enumerate() {
                let (sin, cos) = turns[u * x % side];
                sum_real += r * cos - i * sin;
                sum_imaginary += r * sin + i * cos;
            }
            to_real[u * side + y] = sum_real;
            to_imaginary[u * side + y] = sum_imaginary;
        }
    }
    (to_real, to_imaginary)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 32;

    fn waves(waves: &[(f64, usize, usize)]) -> Vec<f32> {
        let value = |i: usize| {
            let (x, y) = (i % SIDE, i / SIDE);
            let wave = |&(height, across, down): &(f64, usize, usize)| {
                height * (TAU * (across * x + down * y) as f64 / SIDE as f64).sin()
            };
            0.5 + waves.iter().map(wave).sum::<f64>() as f32
        };
        (0..SIDE * SIDE).map(value).collect()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn a_wave_is_detail_where_it_is_fine() {
        // 6 of 32 is 0.1875 cycles a pixel, 7 of 32 is 0.219; 5 across and 5 down is 0.221 together.
        assert!(close(detail(&waves(&[(0.3, 6, 0)]), SIDE), 0.0));
        assert!(close(detail(&waves(&[(0.3, 0, 7)]), SIDE), 1.0));
        assert!(close(detail(&waves(&[(0.3, 5, 5)]), SIDE), 1.0));
        // Energies go by the square of the height: 1 part of 10.
        assert!(close(
            detail(&waves(&[(0.3, 1, 2), (0.1, 12, 3)]), SIDE),
            0.1
        ));
    }

    #[test]
    fn a_picture_without_structure_has_no_detail() {
        assert_eq!(detail(&[0.7; SIDE * SIDE], SIDE), 0.0);
    }

    #[test]
    fn energy_is_kept() {
        // Parseval: the spectrum has the picture's energy, times the number of pixels.
        let picture = [0.1, 0.9, 0.4, 0.8, 0.2, 0.3, 0.7, 0.5, 0.6];
        let mean = picture.iter().sum::<f32>() / 9.0;
        let spread: f64 = picture.iter().map(|g| f64::from(g - mean).powi(2)).sum();
        assert!(close(energy(&picture, 3).iter().sum::<f64>(), 9.0 * spread));
    }
}
