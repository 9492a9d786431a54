//! The principal components of the image prior, and the two products with them that every step takes.
//!
//! They are the largest thing that a step reads besides the network, so they are kept as bytes, and each is read once
//! for each product. Every sum adds in the same order whatever the instruction set, the number of threads and
//! the way the work is cut: results have the same bits on all of them.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

/// Components that are added together.
const TOGETHER: usize = 4;
/// Parts that a product is cut into.
const PARTS: usize = 8;
/// Sums that an inner product runs in, which the compiler keeps in registers.
const SUMS: usize = 16;

/// Vectors of one size, rounded to bytes, each with a scale of its own.
#[derive(Clone, Debug)]
pub(super) struct Components {
    size: usize,
    bytes: Vec<i8>,
    scales: Vec<f32>,
}

impl Components {
    /// None yet, with room for some, of `size` numbers each.
    pub(super) fn with_capacity(count: usize, size: usize) -> Self {
        Self {
            size,
            bytes: Vec::with_capacity(count * size),
            scales: Vec::with_capacity(count),
        }
    }

    /// From `[count, size]` bytes and the value of one unit of each component.
    pub(super) fn from_parts(bytes: Vec<i8>, scales: Vec<f32>, size: usize) -> Self {
        assert_eq!(bytes.len(), scales.len() * size);
        Self {
            size,
            bytes,
            scales,
        }
    }

    /// Adds a component, rounded to 255 steps of its largest value.
    pub(super) fn push(&mut self, component: &[f32]) {
        assert_eq!(component.len(), self.size);
        let largest = component.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let scale = (largest / 127.0).max(f32::MIN_POSITIVE);
        let rounded = component.iter().map(|x| (x / scale).round() as i8);
        self.bytes.extend(rounded);
        self.scales.push(scale);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.scales.len()
    }

    /// `[count, size]`, each in units of its scale.
    pub(super) fn bytes(&self) -> &[i8] {
        &self.bytes
    }

    /// The value of one unit of each.
    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The numbers, component by component.
    pub(super) fn values(&self) -> Vec<f32> {
        let rows = self.bytes.chunks_exact(self.size.max(1)).zip(&self.scales);
        rows.flat_map(|(row, scale)| row.iter().map(move |&x| f32::from(x) * scale))
            .collect()
    }

    /// Adds to `vector` each component times its coordinate.
    pub(super) fn add_combination(&self, coordinates: &[f32], vector: &mut [f32]) {
        self.add_combination_on(Arch::new(), coordinates, vector);
    }

    fn add_combination_on(&self, arch: Arch, coordinates: &[f32], vector: &mut [f32]) {
        assert_eq!((coordinates.len(), vector.len()), (self.count(), self.size));
        let factors = self.scales.iter().zip(coordinates).map(|(s, z)| s * z);
        let factors: Vec<f32> = factors.collect();
        let part = self.size.div_ceil(PARTS).max(1);
        vector
            .par_chunks_mut(part)
            .enumerate()
            .for_each(|(at, vector)| {
                arch.dispatch(AddRows {
                    rows: &self.bytes[at * part..],
                    size: self.size,
                    factors: &factors,
                    vector,
                });
            });
    }

    /// Squared norm of each component.
    pub(super) fn squared_norms(&self) -> Vec<f32> {
        let rows = self.bytes.chunks_exact(self.size).zip(&self.scales);
        let norm = |(row, scale): (&[i8], &f32)| {
            let sum: u64 = row
                .iter()
                .map(|&x| u64::from(x.unsigned_abs()).pow(2))
                .sum();
            sum as f32 * scale * scale
        };
        rows.map(norm).collect()
    }

    /// The inner product of each component with `vector`.
    pub(super) fn products(&self, vector: &[f32]) -> Vec<f32> {
        self.products_on(Arch::new(), vector)
    }

    fn products_on(&self, arch: Arch, vector: &[f32]) -> Vec<f32> {
        assert_eq!(vector.len(), self.size);
        let part = self.count().div_ceil(PARTS).max(1);
        let mut products = self.scales.clone();
        products
            .par_chunks_mut(part)
            .enumerate()
            .for_each(|(at, scales)| {
                arch.dispatch(ScaleByProducts {
                    rows: &self.bytes[at * part * self.size..],
                    vector,
                    scales,
                });
            });
        products
    }
}

/// Adds to `vector` the rows times their factors. Each row starts `size` bytes after the one before, and is as long as
/// `vector` at least.
struct AddRows<'a> {
    rows: &'a [i8],
    size: usize,
    factors: &'a [f32],
    vector: &'a mut [f32],
}

impl NullaryFnOnce for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            rows,
            size,
            factors,
            vector,
        } = self;
        let n = vector.len();
        let row = |at: usize| &rows[at * size..][..n];
        let (fours, rest) = factors.as_chunks::<TOGETHER>();
        for (at, f) in fours.iter().enumerate() {
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| row(at * TOGETHER + i));
            for i in 0..n {
                // One after the other, as if each row were added on its own.
                let mut x = vector[i];
                x += f[0] * f32::from(a[i]);
                x += f[1] * f32::from(b[i]);
                x += f[2] * f32::from(c[i]);
                x += f[3] * f32::from(d[i]);
                vector[i] = x;
            }
        }
        for (at, f) in rest.iter().enumerate() {
            let row = row(fours.len() * TOGETHER + at);
            for (x, &c) in vector.iter_mut().zip(row) {
                *x += f * f32::from(c);
            }
        }
    }
}

/// Multiplies the scale of each row by its inner product with `vector`.
struct ScaleByProducts<'a> {
    rows: &'a [i8],
    vector: &'a [f32],
    scales: &'a mut [f32],
}

impl NullaryFnOnce for ScaleByProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.rows.chunks_exact(self.vector.len());
        for (scale, row) in self.scales.iter_mut().zip(rows) {
            *scale *= inner_product(row, self.vector);
        }
    }
}

#[inline(always)]
fn inner_product(row: &[i8], vector: &[f32]) -> f32 {
    let (x, x_rest) = vector.as_chunks::<SUMS>();
    let (c, c_rest) = row.as_chunks::<SUMS>();
    let mut sums = [0.0_f32; SUMS];
    for (x, c) in x.iter().zip(c) {
        for i in 0..SUMS {
            sums[i] += x[i] * f32::from(c[i]);
        }
    }
    let rest = x_rest.iter().zip(c_rest);
    let rest: f32 = rest.map(|(x, &c)| x * f32::from(c)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes that leave something over wherever work is cut.
    const SIZE: usize = 16 * 13 + 5;
    const COUNT: usize = 4 * 11 + 3;

    fn wave(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * step).sin()).collect()
    }

    fn components() -> Components {
        let mut components = Components::with_capacity(COUNT, SIZE);
        for k in 0..COUNT {
            components.push(&wave(SIZE, 0.1 + 0.37 * k as f32));
        }
        components
    }

    fn value(components: &Components, row: usize, at: usize) -> f64 {
        let byte = components.bytes()[row * SIZE + at];
        f64::from(byte) * f64::from(components.scales()[row])
    }

    #[test]
    fn components_are_rounded_to_bytes() {
        let components = components();
        assert_eq!(components.count(), COUNT);
        for (at, x) in wave(SIZE, 0.1 + 0.37 * 9.0).iter().enumerate() {
            assert!((value(&components, 9, at) - f64::from(*x)).abs() < 0.5 / 127.0);
        }
        let mut zero = Components::with_capacity(1, 3);
        zero.push(&[0.0; 3]);
        assert_eq!(zero.bytes(), [0; 3]);
    }

    #[test]
    fn both_products_are_those_of_the_matrix() {
        let components = components();
        let (z, g) = (wave(COUNT, 0.7), wave(SIZE, 0.3));
        let mut x = wave(SIZE, 0.01);
        components.add_combination(&z, &mut x);
        for (at, x) in x.iter().enumerate() {
            let rows = (0..COUNT).map(|row| value(&components, row, at) * f64::from(z[row]));
            let expected = f64::from((at as f32 * 0.01).sin()) + rows.sum::<f64>();
            assert!((f64::from(*x) - expected).abs() < 1e-5, "{at}");
        }
        for (row, product) in components.products(&g).iter().enumerate() {
            let terms = (0..SIZE).map(|at| value(&components, row, at) * f64::from(g[at]));
            let expected: f64 = terms.sum();
            assert!((f64::from(*product) - expected).abs() < 1e-4, "{row}");
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let components = components();
        let (z, g) = (wave(COUNT, 0.7), wave(SIZE, 0.3));
        let scalar = Arch::Scalar;
        let combined = |arch| {
            let mut x = wave(SIZE, 0.01);
            components.add_combination_on(arch, &z, &mut x);
            x
        };
        assert_eq!(combined(Arch::new()), combined(scalar));
        let products = |arch| components.products_on(arch, &g);
        assert_eq!(products(Arch::new()), products(scalar));
    }
}
