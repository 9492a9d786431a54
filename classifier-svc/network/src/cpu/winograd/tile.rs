//! The transforms of Winograd's minimal filtering, F(m x m, 3 x 3) (Lavin and Gray 2016), one dimension at a time.
//!
//! Filter and input are evaluated at points, multiplied there, and interpolated. The points of F(4, 3) are 0, 2/3,
//! -2/3, 3/2, -3/2 and infinity, chosen for two things: rounding stays within about twice that of the plain sum (the
//! usual 0, 1, -1, 2, -2 lose twice as much again), and the set is its own inverse, x to 1/x. A kernel turned around
//! is a polynomial read backwards, whose values are those at the inverse points; the filter transform is scaled so
//! that they are the very same numbers. So filters of the adjoint are those of the convolution in another order.

use crate::cpu::lanes::Lanes;

/// Outputs of a tile in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSize {
    /// F(2x2, 3x3).
    Two,
    /// F(4x4, 3x3).
    Four,
}

impl TileSize {
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    pub(super) fn points(self) -> usize {
        (self.outputs() + 2) * (self.outputs() + 2)
    }
}

/// Transforms of one dimension: `M` outputs from `N = M + 2` inputs and three taps.
pub(super) trait Tile<const N: usize, const M: usize> {
    /// Where the value of a turned kernel at each point is found among those of the kernel.
    const TURNED: [usize; N];

    /// Three taps at the points.
    fn filter(taps: [f64; 3]) -> [f64; N];

    /// The same of sixteen kernels at once.
    ///
    /// # Safety
    /// As [`Lanes`].
    unsafe fn filters<L: Lanes>(taps: [L; 3]) -> [L; N];

    /// The input at the points.
    ///
    /// # Safety
    /// As [`Lanes`].
    unsafe fn input<L: Lanes>(d: [L; N]) -> [L; N];

    /// The outputs from the products at the points.
    ///
    /// # Safety
    /// As [`Lanes`].
    unsafe fn output<L: Lanes>(m: [L; N]) -> [L; M];
}

/// F(2, 3) with the points 0, 1, -1 and infinity.
pub(super) struct F2;

impl Tile<4, 2> for F2 {
    const TURNED: [usize; 4] = [3, 1, 2, 0];

    fn filter([g0, g1, g2]: [f64; 3]) -> [f64; 4] {
        [g0, (g0 + g1 + g2) / 2.0, (g0 - g1 + g2) / 2.0, g2]
    }

    #[inline(always)]
    unsafe fn filters<L: Lanes>([g0, g1, g2]: [L; 3]) -> [L; 4] {
        // SAFETY: the caller's contract.
        unsafe {
            let half = L::splat(0.5);
            let (even, odd) = (half.mul(g0.add(g2)), half.mul(g1));
            [g0, even.add(odd), even.sub(odd), g2]
        }
    }

    #[inline(always)]
    unsafe fn input<L: Lanes>([d0, d1, d2, d3]: [L; 4]) -> [L; 4] {
        // SAFETY: the caller's contract.
        unsafe { [d0.sub(d2), d1.add(d2), d2.sub(d1), d3.sub(d1)] }
    }

    #[inline(always)]
    unsafe fn output<L: Lanes>([m0, m1, m2, m3]: [L; 4]) -> [L; 2] {
        // SAFETY: the caller's contract.
        unsafe { [m0.add(m1.add(m2)), m1.sub(m2).add(m3)] }
    }
}

/// F(4, 3) with the points 0, A, -A, B, -B and infinity, where B = 1/A.
pub(super) struct F4;

const A: f64 = 2.0 / 3.0;
const B: f64 = 1.0 / A;

impl Tile<6, 4> for F4 {
    const TURNED: [usize; 6] = [5, 3, 4, 1, 2, 0];

    fn filter([g0, g1, g2]: [f64; 3]) -> [f64; 6] {
        let (even, odd) = (g0 + A * A * g2, A * g1);
        // At B = 1/A, times A^2: what a kernel turned around has at A.
        let turned = A * A * g0 + g2;
        [g0, even + odd, even - odd, turned + odd, turned - odd, g2]
    }

    #[inline(always)]
    unsafe fn filters<L: Lanes>([g0, g1, g2]: [L; 3]) -> [L; 6] {
        // SAFETY: the caller's contract.
        unsafe {
            let square = L::splat((A * A) as f32);
            let (even, odd) = (g0.fma(square, g2), L::splat(A as f32).mul(g1));
            let turned = g2.fma(square, g0);
            [
                g0,
                even.add(odd),
                even.sub(odd),
                turned.add(odd),
                turned.sub(odd),
                g2,
            ]
        }
    }

    #[inline(always)]
    unsafe fn input<L: Lanes>([d0, d1, d2, d3, d4, d5]: [L; 6]) -> [L; 6] {
        // SAFETY: the caller's contract.
        unsafe {
            let sum = L::splat(-(A * A + B * B) as f32);
            let (a, b) = (L::splat(A as f32), L::splat(B as f32));
            let even_a = d4.fma(L::splat(-(B * B) as f32), d2);
            let odd_a = a.mul(d3).fma(L::splat(-B as f32), d1);
            let even_b = d4.fma(L::splat(-(A * A) as f32), d2);
            let odd_b = b.mul(d3).fma(L::splat(-A as f32), d1);
            [
                d0.add(d4).fma(sum, d2),
                even_a.add(odd_a),
                even_a.sub(odd_a),
                even_b.add(odd_b),
                even_b.sub(odd_b),
                d1.add(d5).fma(sum, d3),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output<L: Lanes>([m0, m1, m2, m3, m4, m5]: [L; 6]) -> [L; 4] {
        // What Lagrange's polynomials are divided by at A and at B; B's filter values came times A^2.
        const AT_A: f64 = 1.0 / (2.0 * A * A * (A * A - B * B));
        const AT_B: f64 = 1.0 / (2.0 * (B * B - A * A));
        // SAFETY: the caller's contract.
        unsafe {
            let (even_a, odd_a) = (m1.add(m2), m1.sub(m2));
            let (even_b, odd_b) = (m3.add(m4), m3.sub(m4));
            let a = |power: i32| L::splat((AT_A * A.powi(power)) as f32);
            let b = |power: i32| L::splat((AT_B * B.powi(power)) as f32);
            [
                m0.fma(a(0), even_a).fma(b(0), even_b),
                a(1).mul(odd_a).fma(b(1), odd_b),
                a(2).mul(even_a).fma(b(2), even_b),
                m5.fma(a(3), odd_a).fma(b(3), odd_b),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::lanes::{LANES, Portable};

    /// In one dimension: outputs are the correlation of input and taps, and turning a kernel only exchanges values.
    fn check<T: Tile<N, M>, const N: usize, const M: usize>() {
        let taps = [0.3, -1.1, 0.7];
        let d: [f64; N] = std::array::from_fn(|i| (i as f64 * 1.7).sin());
        let turned = T::filter([taps[2], taps[1], taps[0]]);
        let filter = T::filter(taps);
        for (i, at) in T::TURNED.into_iter().enumerate() {
            assert!((turned[i] - filter[at]).abs() < 1e-15);
        }
        // SAFETY: plain Rust.
        let at_once = unsafe { T::filters(taps.map(|g| Portable::splat(g as f32))) };
        for (at_once, expected) in at_once.into_iter().zip(filter) {
            let mut lanes = [0.0; LANES];
            // SAFETY: sixteen floats.
            unsafe { at_once.store(lanes.as_mut_ptr()) };
            assert!((f64::from(lanes[0]) - expected).abs() < 2e-7);
        }
        // SAFETY: plain Rust.
        let y = unsafe {
            let v = T::input(d.map(|x| Portable::splat(x as f32)));
            let product = |i: usize| v[i].mul(Portable::splat(filter[i] as f32));
            T::output(std::array::from_fn(product))
        };
        for (i, y) in y.into_iter().enumerate() {
            let expected: f64 = (0..3).map(|t| d[i + t] * taps[t]).sum();
            let mut actual = [0.0; LANES];
            // SAFETY: sixteen floats.
            unsafe { y.store(actual.as_mut_ptr()) };
            assert!(
                (f64::from(actual[0]) - expected).abs() < 1e-6,
                "{i}: {} instead of {expected}",
                actual[0]
            );
        }
    }

    #[test]
    fn the_transforms_correlate() {
        check::<F2, 4, 2>();
        check::<F4, 6, 4>();
    }
}
