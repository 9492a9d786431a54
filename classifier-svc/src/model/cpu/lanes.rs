//! Sixteen floats at a time, on whatever the processor has.
//!
//! Kernels are written once over [`Lanes`] and compiled once per instruction set; [`Isa::detect`] chooses at run
//! time, so no build flag is needed.

use std::sync::OnceLock;

/// Channels that lie together in memory: the innermost dimension of every activation and weight array.
pub(crate) const LANES: usize = 16;

/// The instruction sets that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 512-bit registers with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit registers with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust, vectorised by the compiler for the target's baseline.
    Portable,
}

impl Isa {
    /// The best instruction set of this processor.
    pub fn detect() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// Every instruction set of this processor, the best first.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "only x86-64 has more than one")]
        let mut all = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.insert(0, Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                all.insert(0, Self::Avx512);
            }
        }
        all
    }
}

/// Sixteen `f32` values.
///
/// # Safety
/// Every method may only run on a processor that has the implementor's instruction set, and should be inlined
/// into a function compiled for it. Pointers must be valid for sixteen floats; they need no alignment.
pub(crate) unsafe trait Lanes: Copy {
    /// All lanes hold `value`.
    unsafe fn splat(value: f32) -> Self;
    /// Reads sixteen floats.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes sixteen floats.
    unsafe fn store(self, to: *mut f32);
    /// `self + a * b`.
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    /// Lane by lane the larger.
    unsafe fn max(self, other: Self) -> Self;

    /// The sum of all lanes, pairwise.
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let mut v = [0.0; LANES];
        // SAFETY: `v` holds sixteen floats.
        unsafe { self.store(v.as_mut_ptr()) };
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                v[i] += v[i + width];
            }
        }
        v[0]
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

// SAFETY: plain Rust; any processor has it.
unsafe impl Lanes for Portable {
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for sixteen floats.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for sixteen floats.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        // Not `mul_add`: without the instruction it would call a slow library function.
        Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].max(other.0[i])))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_set1_ps,
        _mm256_storeu_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_max_ps, _mm512_set1_ps,
        _mm512_storeu_ps,
    };

    use super::Lanes;

    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    // SAFETY: only run behind `Isa::Avx512`, which detection alone makes.
    unsafe impl Lanes for Avx512 {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above, and the caller vouches for sixteen floats.
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above, and the caller vouches for sixteen floats.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn fma(self, a: Self, b: Self) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_max_ps(self.0, other.0) })
        }
    }

    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256, __m256);

    // SAFETY: only run behind `Isa::Avx2`, which detection alone makes.
    unsafe impl Lanes for Avx2 {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the processor has AVX2.
            let v = unsafe { _mm256_set1_ps(value) };
            Self(v, v)
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above, and the caller vouches for sixteen floats.
            unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above, and the caller vouches for sixteen floats.
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }

        #[inline(always)]
        unsafe fn fma(self, a: Self, b: Self) -> Self {
            // SAFETY: the processor has FMA.
            unsafe {
                Self(
                    _mm256_fmadd_ps(a.0, b.0, self.0),
                    _mm256_fmadd_ps(a.1, b.1, self.1),
                )
            }
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: the processor has AVX2.
            unsafe {
                Self(
                    _mm256_max_ps(self.0, other.0),
                    _mm256_max_ps(self.1, other.1),
                )
            }
        }
    }
}
