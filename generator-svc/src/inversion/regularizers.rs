//! Terms of the loss, each a value and its gradient, and transformations of the image, that keep it plausible: the
//! paper's R(I).

/// Total variation: the mean squared difference of neighbouring pixels. Adds `weight` times its gradient.
pub fn total_variation(weight: f64, image: &[f32], side: usize, gradient: &mut [f32]) -> f64 {
    let factor = weight / image.len() as f64;
    let mut value = 0.0;
    let mut pair = |a: usize, b: usize| {
        let difference = f64::from(image[a]) - f64::from(image[b]);
        value += difference * difference;
        let slope = (2.0 * factor * difference) as f32;
        gradient[a] += slope;
        gradient[b] -= slope;
    };
    for i in 0..image.len() {
        if i % side + 1 < side {
            pair(i + 1, i);
        }
        if i / side % side + 1 < side {
            pair(i + side, i);
        }
    }
    factor * value
}

/// The mean squared distance from mid-grey. Adds `weight` times its gradient.
pub fn l2(weight: f64, image: &[f32], gradient: &mut [f32]) -> f64 {
    let factor = weight / image.len().max(1) as f64;
    let mut value = 0.0;
    for (g, &x) in gradient.iter_mut().zip(image) {
        let distance = f64::from(x) - 0.5;
        value += distance * distance;
        *g += (2.0 * factor * distance) as f32;
    }
    factor * value
}

/// `mean(d Pd)`, with d the difference of an image's coordinates from what the prior expects and P the inverse of their
/// covariance: the squared Mahalanobis distance, per component. Adds `weight` times its gradient with respect to z.
pub fn mahalanobis(weight: f64, d: &[f32], pd: &[f32], gradient: &mut [f32]) -> f64 {
    let factor = weight / d.len().max(1) as f64;
    let mut value = 0.0;
    for ((g, &d), &pd) in gradient.iter_mut().zip(d).zip(pd) {
        value += f64::from(d) * f64::from(pd);
        *g += (2.0 * factor * f64::from(pd)) as f32;
    }
    factor * value
}

/// Shifts every plane of an image by whole pixels, around the edges. The shift back is both inverse and adjoint.
pub fn shift(image: &[f32], side: usize, (dx, dy): (isize, isize)) -> Vec<f32> {
    let wrap = |i: usize, d: isize| (i as isize - d).rem_euclid(side as isize) as usize;
    let mut out = Vec::with_capacity(image.len());
    for plane in image.chunks_exact(side * side) {
        for y in 0..side {
            let row = &plane[wrap(y, dy) * side..][..side];
            out.extend((0..side).map(|x| row[wrap(x, dx)]));
        }
    }
    out
}

/// Gaussian blur of every plane, `sigma` in pixels; edge pixels repeat beyond the edge.
pub fn blur(image: &mut [f32], side: usize, sigma: f64) {
    let radius = (3.0 * sigma).ceil() as isize;
    let kernel: Vec<f64> = (-radius..=radius)
        .map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp())
        .collect();
    let total: f64 = kernel.iter().sum();
    let along = |image: &[f32], at: usize, position: usize, step: usize| {
        let sum: f64 = kernel
            .iter()
            .zip(-radius..=radius)
            .map(|(k, d)| {
                let to = (position as isize + d).clamp(0, side as isize - 1);
                let index = at as isize + (to - position as isize) * step as isize;
                k * f64::from(image[index as usize])
            })
            .sum();
        (sum / total) as f32
    };
    for plane in image.chunks_exact_mut(side * side) {
        let rows: Vec<f32> = (0..plane.len())
            .map(|i| along(plane, i, i % side, 1))
            .collect();
        for (i, x) in plane.iter_mut().enumerate() {
            *x = along(&rows, i, i / side, side);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 6;

    fn image() -> Vec<f32> {
        (0..3 * SIDE * SIDE)
            .map(|i| (i as f32 * 0.7).sin() * 0.4 + 0.5)
            .collect()
    }

    #[test]
    fn every_gradient_is_the_slope_of_its_term() {
        type Term = fn(&[f32], &mut [f32]) -> f64;
        let terms: [(&str, Term); 3] = [
            ("total variation", |x, g| total_variation(0.7, x, SIDE, g)),
            ("l2", |x, g| l2(0.7, x, g)),
            ("mahalanobis", |x, g| {
                let centre = (0..x.len()).map(|i| (i as f32).cos());
                let d: Vec<f32> = x.iter().zip(centre).map(|(x, c)| x - c).collect();
                // One and a half times the distance along a direction that takes in all.
                let along = d.iter().sum::<f32>() / d.len() as f32;
                let pd: Vec<f32> = d.iter().map(|d| d + 0.5 * along).collect();
                mahalanobis(0.7, &d, &pd, g)
            }),
        ];
        for (name, term) in terms {
            let x = image();
            let mut gradient = vec![0.0; x.len()];
            term(&x, &mut gradient);
            for i in [0, 5, 17, 35, 36, 77, 107] {
                let at = |step: f32| {
                    let mut moved = x.clone();
                    moved[i] += step;
                    term(&moved, &mut vec![0.0; x.len()])
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!(
                    (slope - f64::from(gradient[i])).abs() < 1e-5,
                    "{name}[{i}]: {slope} {}",
                    gradient[i]
                );
            }
        }
    }

    #[test]
    fn a_shift_back_undoes_a_shift() {
        let x = image();
        assert_ne!(shift(&x, SIDE, (2, -1)), x);
        assert_eq!(shift(&shift(&x, SIDE, (2, -1)), SIDE, (-2, 1)), x);
    }

    #[test]
    fn blur_keeps_flat_images_and_smooths_others() {
        let mut flat = vec![0.3; 3 * SIDE * SIDE];
        blur(&mut flat, SIDE, 1.0);
        assert!(flat.iter().all(|x| (x - 0.3).abs() < 1e-6));
        let mut x = image();
        let before = total_variation(1.0, &x, SIDE, &mut vec![0.0; x.len()]);
        blur(&mut x, SIDE, 0.8);
        assert!(total_variation(1.0, &x, SIDE, &mut vec![0.0; x.len()]) < 0.7 * before);
    }
}
