//! Numbers side by side: what kernels are written in.
//!
//! A kernel is written once, generic over the instruction set ([`pulp::Simd`]) and the kind of
//! number ([`Element`]), and compiled for each instruction set; which of them runs is found out on
//! the machine that it runs on. So nothing has to be built for one kind of machine. AVX2 and
//! AVX-512 have run so far; the other instruction sets are the same source.

use std::fmt::Debug;

use bytemuck::Pod;
use pulp::{Arch, Scalar256b, Simd, WithSimd};

/// A kind of number that kernels compute with: `f32`, or `f64` for checks.
pub trait Element: Pod + Debug + Default + PartialOrd + Send + Sync + 'static {
    /// As many of them as the instruction set has in one register.
    type Vector<S: Simd>: Pod + Debug + Send + Sync;

    /// How many that are.
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::Vector<S>>() / size_of::<Self>()
    }

    /// The number as this kind.
    fn of(value: f64) -> Self;
    /// The number as `f64`.
    fn wide(self) -> f64;

    /// Numbers as vectors; what does not fill a vector is left out.
    fn vectors<S: Simd>(slice: &[Self]) -> &[Self::Vector<S>];
    /// Numbers as vectors that can be changed.
    fn vectors_mut<S: Simd>(slice: &mut [Self]) -> &mut [Self::Vector<S>];

    /// The same number in every lane.
    fn splat<S: Simd>(s: S, value: Self) -> Self::Vector<S>;
    /// `a + b`
    fn add<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a - b`
    fn sub<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a * b`
    fn mul<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a / b`
    fn div<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// The square root.
    fn sqrt<S: Simd>(s: S, a: Self::Vector<S>) -> Self::Vector<S>;
    /// `a * b + c`, rounded once where the machine can.
    fn mul_add<S: Simd>(
        s: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// The larger of both.
    fn max<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `then` in the lanes where `a > b`, else `otherwise`.
    fn where_greater<S: Simd>(
        s: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        then: Self::Vector<S>,
        otherwise: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// `then` in the lanes where `a == b`, else `otherwise`.
    fn where_equal<S: Simd>(
        s: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        then: Self::Vector<S>,
        otherwise: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// The sum of the lanes.
    fn sum<S: Simd>(s: S, a: Self::Vector<S>) -> Self;
    /// The first lane.
    fn first<S: Simd>(a: Self::Vector<S>) -> Self {
        bytemuck::cast_slice::<Self::Vector<S>, Self>(&[a])[0]
    }
}

macro_rules! element {
    ($number:ty, $vector:ident, $as_simd:ident, $as_mut_simd:ident, $splat:ident, $add:ident,
     $sub:ident, $mul:ident, $div:ident, $sqrt:ident, $mul_add:ident, $max:ident, $greater:ident, $equal:ident, $select:ident,
     $sum:ident) => {
        impl Element for $number {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $number
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn vectors<S: Simd>(slice: &[Self]) -> &[S::$vector] {
                S::$as_simd(slice).0
            }
            #[inline(always)]
            fn vectors_mut<S: Simd>(slice: &mut [Self]) -> &mut [S::$vector] {
                S::$as_mut_simd(slice).0
            }
            #[inline(always)]
            fn splat<S: Simd>(s: S, value: Self) -> S::$vector {
                s.$splat(value)
            }
            #[inline(always)]
            fn add<S: Simd>(s: S, a: S::$vector, b: S::$vector) -> S::$vector {
                s.$add(a, b)
            }
            #[inline(always)]
            fn sub<S: Simd>(s: S, a: S::$vector, b: S::$vector) -> S::$vector {
                s.$sub(a, b)
            }
            #[inline(always)]
            fn mul<S: Simd>(s: S, a: S::$vector, b: S::$vector) -> S::$vector {
                s.$mul(a, b)
            }
            #[inline(always)]
            fn div<S: Simd>(s: S, a: S::$vector, b: S::$vector) -> S::$vector {
                s.$div(a, b)
            }
            #[inline(always)]
            fn sqrt<S: Simd>(s: S, a: S::$vector) -> S::$vector {
                s.$sqrt(a)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(s: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                s.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn max<S: Simd>(s: S, a: S::$vector, b: S::$vector) -> S::$vector {
                s.$max(a, b)
            }
            #[inline(always)]
            fn where_greater<S: Simd>(
                s: S,
                a: S::$vector,
                b: S::$vector,
                then: S::$vector,
                otherwise: S::$vector,
            ) -> S::$vector {
                s.$select(s.$greater(a, b), then, otherwise)
            }
            #[inline(always)]
            fn where_equal<S: Simd>(
                s: S,
                a: S::$vector,
                b: S::$vector,
                then: S::$vector,
                otherwise: S::$vector,
            ) -> S::$vector {
                s.$select(s.$equal(a, b), then, otherwise)
            }
            #[inline(always)]
            fn sum<S: Simd>(s: S, a: S::$vector) -> Self {
                s.$sum(a)
            }
        }
    };
}

element!(
    f32,
    f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    sqrt_f32s,
    mul_add_e_f32s,
    max_f32s,
    greater_than_f32s,
    equal_f32s,
    select_f32s,
    reduce_sum_f32s
);
element!(
    f64,
    f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    sqrt_f64s,
    mul_add_e_f64s,
    max_f64s,
    greater_than_f64s,
    equal_f64s,
    select_f64s,
    reduce_sum_f64s
);

/// Runs a kernel with the best instruction set of this machine.
pub fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    match Arch::new() {
        // Without wide registers the compiler still makes the best of vectors of 8 numbers.
        Arch::Scalar => Scalar256b.vectorize(kernel),
        arch => arch.dispatch(kernel),
    }
}

/// As [`dispatch`], for a kernel whose vectors are neighbors in rows of this width: where rows are
/// not whole registers of the widest kind, narrower ones waste less.
pub fn dispatch_rows<E: Element, K: WithSimd>(width: usize, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(wide) = pulp::x86::V4::try_new()
        && !width.is_multiple_of(lanes::<E>())
    {
        return Simd::vectorize(*wide, kernel);
    }
    let _ = width;
    dispatch(kernel)
}

/// How many numbers of this kind are side by side on this machine.
pub fn lanes<E: Element>() -> usize {
    struct Lanes<E>(std::marker::PhantomData<E>);
    impl<E: Element> WithSimd for Lanes<E> {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            E::lanes::<S>()
        }
    }
    dispatch(Lanes::<E>(std::marker::PhantomData))
}
