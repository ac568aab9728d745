//! Loops in the widest registers that the machine has, and conversions of 64-bit integers that go through them.
#![expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]

/// Runs `work`, which must be inlined into it, with the registers that the machine has.
#[inline(always)]
pub(crate) fn wide<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// `1.5 · 2^52`: a number under 2^51 that is added to it is rounded to an integer, ties to even, and stands in its lowest bits.
pub(crate) const TO_INTEGER: f64 = 6_755_399_441_055_744.0;
/// `2^32`.
const HALF: f64 = 4_294_967_296.0;

/// The nearest float, as `x as f64` has it: both halves are put behind an exponent, and added up with one rounding.
#[inline(always)]
pub(crate) fn real(x: i64) -> f64 {
    // 2^84 + 2^63, whose last bit counts 2^32; 2^52, whose last bit counts 1; and the sum of all three.
    const HIGH: u64 = 0x4530_0000_8000_0000;
    const LOW: u64 = 0x4330_0000_0000_0000;
    const BOTH: u64 = 0x4530_0000_8010_0000;
    let high = f64::from_bits((x as u64 >> 32) ^ HIGH);
    let low = f64::from_bits((x as u64 & 0xffff_ffff) | LOW);
    (high - f64::from_bits(BOTH)) + low
}

/// The nearest integer of a number under 2^62, half by half: what is left of the upper one is exact.
#[inline(always)]
pub(crate) fn whole(x: f64) -> i64 {
    let high = x * (1.0 / HALF) + TO_INTEGER;
    let low = (x - (high - TO_INTEGER) * HALF) + TO_INTEGER;
    let integer = |y: f64| y.to_bits().wrapping_sub(TO_INTEGER.to_bits()) as i64;
    (integer(high) << 32).wrapping_add(integer(low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_integer_becomes_the_float_that_a_cast_makes(x: i64, shift in 0..64_u32) {
            prop_assert_eq!(real(x >> shift), (x >> shift) as f64);
        }

        #[test]
        fn a_float_becomes_its_nearest_integer(x in -4.6e18..4.6e18_f64, shift in 0..64_i32) {
            let x = libm::scalbn(x, -shift);
            prop_assert_eq!(whole(x), x.round_ties_even() as i64, "{}", x);
        }
    }

    #[test]
    fn the_ends_of_the_range_are_converted_too() {
        for x in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX, 1 << 53, (1 << 53) + 1, u32::MAX.into(), -(1 << 32)] {
            assert_eq!(real(x), x as f64, "{x}");
        }
        for x in [0.5, 1.5, -0.5, -2.5, HALF / 2.0, HALF, -HALF / 2.0, HALF * HALF / 4.0, 0.0, -0.0] {
            assert_eq!(whole(x), x.round_ties_even() as i64, "{x}");
        }
    }
}
