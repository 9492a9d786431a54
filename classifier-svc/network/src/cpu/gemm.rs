//! Products of matrices, the right one packed: what Winograd's convolution does at each of its points, and what a
//! fully connected layer is.
//!
//! Sums run over the inner dimension in order, in one register each, whatever the tile: results do not depend on how
//! the work is cut.

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::lanes::{Isa, LANES, Lanes, Portable};

/// `c = a b`, where `a` is `[rows, inner]`, `b` is packed `[blocks, inner, 16]` and `c` is `[rows, blocks, 16]`.
#[derive(Clone, Copy)]
pub(super) struct Gemm {
    pub(super) rows: usize,
    pub(super) inner: usize,
    pub(super) blocks: usize,
    pub(super) a: *const f32,
    /// Floats from one row of `a` to the next.
    pub(super) a_row: usize,
    pub(super) b: *const f32,
    /// Floats from one block of `b` to the next.
    pub(super) b_block: usize,
    pub(super) c: *mut f32,
    /// Floats from one row of `c` to the next.
    pub(super) c_row: usize,
}

impl Gemm {
    /// Computes the product.
    ///
    /// # Safety
    /// The pointers must be valid for what the dimensions say, `c` for writing, and the processor must have `isa`.
    pub(super) unsafe fn run(&self, isa: Isa) {
        // By hand, not by `per_isa!`: tiles differ with the number of registers.
        // SAFETY: the caller's contract.
        unsafe {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => avx512(self),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2(self),
                Isa::Portable => self.panels::<Portable, 1, 4>(),
            }
        }
    }

    /// By panels of up to four blocks, which stay in the cache while all rows go by.
    #[inline(always)]
    unsafe fn panels<L: Lanes, const B: usize, const P: usize>(&self) {
        let mut block = 0;
        // SAFETY: blocks and rows stay below those of the product.
        unsafe {
            while block < self.blocks {
                let blocks = (self.blocks - block).min(4);
                let mut row = 0;
                while row < self.rows {
                    let left = self.rows - row;
                    row += match (left, blocks) {
                        (l, _) if l >= P => self.strip::<L, B, P>(row, block, blocks),
                        (8.., _) if P > 8 => self.strip::<L, B, 8>(row, block, blocks),
                        (4.., 4) if P > 4 => self.strip::<L, 4, 4>(row, block, blocks),
                        (4.., _) if P > 4 => self.strip::<L, B, 4>(row, block, blocks),
                        (2.., 4) if P > 4 => self.strip::<L, 4, 2>(row, block, blocks),
                        (_, 4) if P > 4 => self.strip::<L, 4, 1>(row, block, blocks),
                        _ => self.strip::<L, 1, 1>(row, block, blocks),
                    };
                }
                block += blocks;
            }
        }
    }

    /// `P` rows of a panel; gives `P`.
    #[inline(always)]
    unsafe fn strip<L: Lanes, const B: usize, const P: usize>(
        &self,
        row: usize,
        block: usize,
        blocks: usize,
    ) -> usize {
        let mut done = 0;
        // SAFETY: as `panels`.
        unsafe {
            while done + B <= blocks {
                self.tile::<L, B, P>(row, block + done);
                done += B;
            }
            while done < blocks {
                self.tile::<L, 1, P>(row, block + done);
                done += 1;
            }
        }
        P
    }

    #[inline(always)]
    unsafe fn tile<L: Lanes, const B: usize, const P: usize>(&self, row: usize, block: usize) {
        // SAFETY: as `panels`.
        unsafe {
            let a = self.a.add(row * self.a_row);
            let b = self.b.add(block * self.b_block);
            let mut sums = [[L::splat(0.0); B]; P];
            for k in 0..self.inner {
                let column: [L; B] =
                    std::array::from_fn(|i| L::load(b.add(i * self.b_block + k * LANES)));
                for (p, sums) in sums.iter_mut().enumerate() {
                    let x = L::splat(*a.add(p * self.a_row + k));
                    for (sum, weights) in sums.iter_mut().zip(column) {
                        *sum = sum.fma(x, weights);
                    }
                }
            }
            for (p, sums) in sums.iter().enumerate() {
                for (i, sum) in sums.iter().enumerate() {
                    sum.store(self.c.add((row + p) * self.c_row + (block + i) * LANES));
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(gemm: &Gemm) {
    // SAFETY: this function's own contract. 2 blocks x 12 rows fill 24 of 32 registers with sums.
    unsafe {
        if gemm.blocks == 1 {
            gemm.panels::<Avx512, 1, 24>();
        } else {
            gemm.panels::<Avx512, 2, 12>();
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(gemm: &Gemm) {
    // SAFETY: this function's own contract. 6 rows of two registers fill 12 of 16 registers with sums.
    unsafe { gemm.panels::<Avx2, 1, 6>() }
}
