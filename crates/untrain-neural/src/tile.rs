//! The innermost loops: sums that stay in registers.
//!
//! What is here decides how fast a product is, and nothing of what it is: each sum is a chain of fused multiply-adds in the order in
//! which terms come, whatever the width and the number of registers.

use pulp::{Simd, bytemuck};

/// How many inputs are read with one check of their bounds, where there are so many.
pub(crate) const GROUP: usize = 8;

/// The sums of `H` rows, each `C` registers wide.
#[derive(Clone, Copy)]
pub(crate) struct Tile<S: Simd, const H: usize, const C: usize> {
    sums: [[S::f32s; C]; H],
}

/// The loops are inlined into where wide registers are switched on: `pulp` compiles for them what it can see.
#[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
impl<S: Simd, const H: usize, const C: usize> Tile<S, H, C> {
    /// How many columns.
    pub(crate) const WIDTH: usize = C * S::F32_LANES;

    /// Begins with what stands in the first `rows` rows and `width` columns of `place`, whose rows lie `stride` apart.
    #[inline(always)]
    pub(crate) fn load(simd: S, place: &[f32], stride: usize, rows: usize, width: usize) -> Self {
        let mut sums = [[simd.splat_f32s(0.0); C]; H];
        for (row, sums) in sums.iter_mut().enumerate().take(rows) {
            let values = &place[row * stride..row * stride + width];
            if width == Self::WIDTH {
                *sums = Self::rows(values).first().copied().unwrap_or(*sums);
                continue;
            }
            for (column, sum) in sums.iter_mut().enumerate() {
                *sum = simd.partial_load_f32s(&values[(column * S::F32_LANES).min(width)..]);
            }
        }
        Self { sums }
    }

    /// Puts them back.
    #[inline(always)]
    pub(crate) fn store(&self, simd: S, place: &mut [f32], stride: usize, rows: usize, width: usize) {
        for (row, sums) in self.sums.iter().enumerate().take(rows) {
            let values = &mut place[row * stride..row * stride + width];
            if width == Self::WIDTH {
                values.copy_from_slice(bytemuck::cast_slice(sums));
                continue;
            }
            for (column, sum) in sums.iter().enumerate() {
                simd.partial_store_f32s(&mut values[(column * S::F32_LANES).min(width)..], *sum);
            }
        }
    }

    /// Adds one term to each sum.
    #[inline(always)]
    pub(crate) fn add(&mut self, simd: S, left: &[f32; H], right: &[S::f32s; C]) {
        for (sums, left) in self.sums.iter_mut().zip(left) {
            add_term(simd, sums, *left, right);
        }
    }

    /// Adds `G` terms to each sum, from rows that lie apart.
    #[inline(always)]
    pub(crate) fn add_group<const G: usize>(&mut self, simd: S, left: [&[f32; G]; H], right: &[[S::f32s; C]; G]) {
        for (term, right) in right.iter().enumerate() {
            for (sums, left) in self.sums.iter_mut().zip(left) {
                add_term(simd, sums, left[term], right);
            }
        }
    }

    /// A panel of rows as wide as the tile.
    #[inline(always)]
    pub(crate) fn rows(panel: &[f32]) -> &[[S::f32s; C]] {
        bytemuck::cast_slice::<f32, S::f32s>(panel).as_chunks().0
    }
}

#[expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]
#[inline(always)]
fn add_term<S: Simd, const C: usize>(simd: S, sums: &mut [S::f32s; C], left: f32, right: &[S::f32s; C]) {
    let left = simd.splat_f32s(left);
    for (sum, right) in sums.iter_mut().zip(right) {
        *sum = simd.mul_add_f32s(left, *right, *sum);
    }
}

/// Room for numbers that begins where a line of the cache does: wide registers then load no two lines for one.
#[derive(Debug, Default)]
pub(crate) struct Room(Vec<f32>);

impl Room {
    /// Room for `n` numbers; what they are is not said.
    pub(crate) fn get(&mut self, n: usize) -> &mut [f32] {
        const LINE: usize = 64;
        self.0.resize(self.0.len().max(n + LINE / size_of::<f32>()), 0.0);
        let start = self.0.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
        &mut self.0[start..start + n]
    }
}

/// The registers of this machine, narrower ones that it has too, and none: what a test asks of all of them.
#[cfg(test)]
pub(crate) fn on_all<Op: pulp::WithSimd>(make: impl Fn() -> Op) -> Vec<Op::Output> {
    let mut found = vec![pulp::Arch::new().dispatch(make()), make().with_simd(pulp::Scalar)];
    #[cfg(target_arch = "x86_64")]
    found.extend(pulp::x86::V3::try_new().map(|simd| Simd::vectorize(simd, make())));
    found
}

/// Numbers of -0.5 to 0.5 that a seed decides, for tests.
#[cfg(test)]
pub(crate) fn numbers(n: usize, seed: u64) -> Vec<f32> {
    (0..n).map(|i| untrain_core::unit(untrain_core::mix(seed, i as u64)) as f32 - 0.5).collect()
}
