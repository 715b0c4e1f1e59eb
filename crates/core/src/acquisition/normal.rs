//! The standard normal distribution.
//!
//! The scaled complementary error function uses the rational approximations of Cody, "Rational
//! Chebyshev Approximations for the Error Function", Mathematics of Computation 23, 1969: the
//! relative error is near that of the floating-point numbers themselves, also far out in the tail.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The density of the standard normal distribution.
pub fn normal_pdf(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// The share of the standard normal distribution below `z`.
pub fn normal_cdf(z: f64) -> f64 {
    // Each half from its own tail, so that small shares keep their digits.
    let y = z.abs() * FRAC_1_SQRT_2;
    let tail = 0.5 * erfcx(y) * (-y * y).exp();
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// exp(x²) times the complementary error function of `x`, for `x` of at least 0.
pub(super) fn erfcx(x: f64) -> f64 {
    /// A quotient of polynomials; both from the highest power down.
    fn ratio(above: &[f64], below: &[f64], x: f64) -> f64 {
        let value = |terms: &[f64]| terms.iter().fold(0.0, |sum, term| sum * x + term);
        value(above) / value(below)
    }
    if x < 0.468_75 {
        let above = [
            1.857_777_061_846_031_5e-1,
            3.161_123_743_870_565_5e0,
            1.138_641_541_510_501_6e2,
            3.774_852_376_853_02e2,
            3.209_377_589_138_469_4e3,
        ];
        let below = [
            1.0,
            2.360_129_095_234_412_2e1,
            2.440_246_379_344_441_7e2,
            1.282_616_526_077_372_3e3,
            2.844_236_833_439_171e3,
        ];
        let squared = x * x;
        (1.0 - x * ratio(&above, &below, squared)) * squared.exp()
    } else if x < 4.0 {
        let above = [
            2.153_115_354_744_038_3e-8,
            5.641_884_969_886_701e-1,
            8.883_149_794_388_375,
            6.611_919_063_714_163e1,
            2.986_351_381_974_001e2,
            8.819_522_212_417_69e2,
            1.712_047_612_634_070_7e3,
            2.051_078_377_826_071_6e3,
            1.230_339_354_797_997_2e3,
        ];
        let below = [
            1.0,
            1.574_492_611_070_983_5e1,
            1.176_939_508_913_125e2,
            5.371_811_018_620_099e2,
            1.621_389_574_566_690_3e3,
            3.290_799_235_733_459_7e3,
            4.362_619_090_143_247e3,
            3.439_367_674_143_721_6e3,
            1.230_339_354_803_749_3e3,
        ];
        ratio(&above, &below, x)
    } else {
        let above = [
            1.631_538_713_730_209_7e-2,
            3.053_266_349_612_323_6e-1,
            3.603_448_999_498_044_5e-1,
            1.257_817_261_112_292_6e-1,
            1.608_378_514_874_228e-2,
            6.587_491_615_298_378e-4,
        ];
        let below = [
            1.0,
            2.568_520_192_289_822,
            1.872_952_849_923_467_3,
            5.279_051_029_514_285e-1,
            6.051_834_131_244_132e-2,
            2.335_204_976_268_691_8e-3,
        ];
        let inverse = 1.0 / (x * x);
        (1.0 / PI.sqrt() - inverse * ratio(&above, &below, inverse)) / x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_densities_are_those_of_the_c_library() {
        let known = [
            (-8.0, 6.220_960_574_271_819e-16, 5.052_271_083_536_893e-15),
            (-3.0, 0.001_349_898_031_630_095_7, 0.004_431_848_411_938_007_5),
            (-1.5, 0.066_807_201_268_858_09, 0.129_517_595_665_891_74),
            (-0.3, 0.382_088_577_811_047_3, 0.381_387_815_460_524_14),
            (0.2, 0.579_259_709_439_103, 0.391_042_693_975_455_9),
            (1.0, 0.841_344_746_068_542_9, 0.241_970_724_519_143_37),
            (2.5, 0.993_790_334_674_223_8, 0.017_528_300_493_568_54),
            (6.0, 0.999_999_999_013_412_3, 6.075_882_849_823_286e-9),
        ];
        for (z, cdf, pdf) in known {
            assert!((normal_cdf(z) / cdf - 1.0).abs() < 1e-13, "{z}: {}", normal_cdf(z));
            assert!((normal_pdf(z) / pdf - 1.0).abs() < 1e-13, "{z}: {}", normal_pdf(z));
        }
    }

    #[test]
    fn the_pieces_of_the_approximation_meet() {
        for at in [0.468_75, 4.0] {
            let (below, above) = (erfcx(at - 1e-12), erfcx(at + 1e-12));
            assert!((below - above).abs() < 1e-11, "{below} and {above} at {at}");
        }
    }
}
