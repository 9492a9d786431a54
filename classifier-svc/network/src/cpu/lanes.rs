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

/// Defines a function of an [`Isa`] whose body is written once over [`Lanes`] and compiled for each: the arguments
/// follow the `Isa`. The body may call the methods of `Lanes` freely; of pointers it makes it owes the usual care.
/// Behind `Lanes` there may be constants, which callers give or leave to inference.
macro_rules! per_isa {
    ($(#[$doc:meta])* $vis:vis fn $name:ident<$lanes:ident $(, const $k:ident: $kind:ty)*>(
        $($arg:ident: $type:ty),* $(,)?
    ) -> $result:ty $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, reason = "the arguments of a kernel")]
        $vis fn $name<$(const $k: $kind),*>(isa: $crate::cpu::Isa, $($arg: $type),*) -> $result {
            use $crate::cpu::lanes;

            #[inline(always)]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            unsafe fn with<$lanes: lanes::Lanes $(, const $k: $kind)*>($($arg: $type),*) -> $result {
                // SAFETY: those below run this on processors that have the instructions.
                unsafe { $body }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            unsafe fn avx512<$(const $k: $kind),*>($($arg: $type),*) -> $result {
                // SAFETY: this function's own contract.
                unsafe { with::<lanes::Avx512 $(, $k)*>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            unsafe fn avx2<$(const $k: $kind),*>($($arg: $type),*) -> $result {
                // SAFETY: this function's own contract.
                unsafe { with::<lanes::Avx2 $(, $k)*>($($arg),*) }
            }
            // SAFETY: an `Isa` is only made by detection.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    $crate::cpu::Isa::Avx512 => avx512::<$($k),*>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::cpu::Isa::Avx2 => avx2::<$($k),*>($($arg),*),
                    $crate::cpu::Isa::Portable => with::<lanes::Portable $(, $k)*>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use per_isa;

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
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * other`.
    unsafe fn mul(self, other: Self) -> Self;
    /// `max(0, self)`; what is not a number stays so.
    unsafe fn relu(self) -> Self;
    /// A bit per lane: whether `self > other`, or `self` is not a number. So the larger of two, by [`Lanes::select`],
    /// is not a number where either is not.
    unsafe fn exceeds(self, other: Self) -> u16;
    /// Lanes of `self` where the bit is set, else of `other`.
    unsafe fn select(self, bits: u16, other: Self) -> Self;

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
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }

    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // Not `max`, which would turn NaN into 0.
        Self(self.0.map(|x| if x < 0.0 { 0.0 } else { x }))
    }

    #[inline(always)]
    unsafe fn exceeds(self, other: Self) -> u16 {
        let bit = |i: usize| u16::from(self.0[i] > other.0[i] || self.0[i].is_nan()) << i;
        (0..LANES).map(bit).fold(0, |bits, bit| bits | bit)
    }

    #[inline(always)]
    unsafe fn select(self, bits: u16, other: Self) -> Self {
        let lane = |i| {
            if bits >> i & 1 == 1 {
                self.0[i]
            } else {
                other.0[i]
            }
        };
        Self(std::array::from_fn(lane))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

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
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // SAFETY: the processor has AVX-512F. Of two operands one of which is NaN, the second comes out.
            Self(unsafe { _mm512_max_ps(_mm512_setzero_ps(), self.0) })
        }

        #[inline(always)]
        unsafe fn exceeds(self, other: Self) -> u16 {
            // SAFETY: the processor has AVX-512F.
            unsafe {
                let larger = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0);
                larger | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0)
            }
        }

        #[inline(always)]
        unsafe fn select(self, bits: u16, other: Self) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_mask_mov_ps(other.0, bits, self.0) })
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
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: the processor has AVX2.
            unsafe {
                Self(
                    _mm256_add_ps(self.0, other.0),
                    _mm256_add_ps(self.1, other.1),
                )
            }
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: the processor has AVX2.
            unsafe {
                Self(
                    _mm256_sub_ps(self.0, other.0),
                    _mm256_sub_ps(self.1, other.1),
                )
            }
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: the processor has AVX2.
            unsafe {
                Self(
                    _mm256_mul_ps(self.0, other.0),
                    _mm256_mul_ps(self.1, other.1),
                )
            }
        }

        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // SAFETY: the processor has AVX2. Of two operands one of which is NaN, the second comes out.
            unsafe {
                let zero = _mm256_setzero_ps();
                Self(_mm256_max_ps(zero, self.0), _mm256_max_ps(zero, self.1))
            }
        }

        #[inline(always)]
        unsafe fn exceeds(self, other: Self) -> u16 {
            // SAFETY: the processor has AVX2.
            let half = |a, b| unsafe {
                let larger = _mm256_cmp_ps::<_CMP_GT_OQ>(a, b);
                let odd = _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a);
                _mm256_movemask_ps(_mm256_or_ps(larger, odd)) as u16
            };
            half(self.0, other.0) | half(self.1, other.1) << 8
        }

        #[inline(always)]
        unsafe fn select(self, bits: u16, other: Self) -> Self {
            // SAFETY: the processor has AVX2.
            let half = |a, b, bits: u16| unsafe {
                let lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
                let set = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), lane);
                let mask = _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane));
                _mm256_blendv_ps(b, a, mask)
            };
            Self(
                half(self.0, other.0, bits & 0xff),
                half(self.1, other.1, bits >> 8),
            )
        }
    }
}
