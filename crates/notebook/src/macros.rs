//! What is typed in cells.

/// Starts a search in the background, and returns its [`Run`](crate::Run) at once.
///
/// What is said are the methods of [`Search`](crate::Search): `space`, `searcher`, `data`, `trials`,
/// `epochs`, `seed` and so on. A name alone says what the variable of this name holds.
///
/// ```no_run
/// use nascent_notebook::prelude::*;
/// # fn main() -> Result<(), nascent_notebook::Error> {
/// let space = "nas_bench_201 channels=4 cells=1";
/// let run = search! { space, searcher: "random", data: "digits", trials: 10 }?;
/// run.wait()?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! search {
    (@say $search:expr $(,)?) => { $search.start() };
    (@say $search:expr, $key:ident : $value:expr) => {
        $crate::search!(@say $search.$key($crate::search!(@value $key $value)))
    };
    (@say $search:expr, $key:ident : $value:expr, $($rest:tt)*) => {
        $crate::search!(@say $search.$key($crate::search!(@value $key $value)), $($rest)*)
    };
    (@say $search:expr, $key:ident) => {
        $crate::search!(@say $search.$key($crate::search!(@value $key $key)))
    };
    (@say $search:expr, $key:ident, $($rest:tt)*) => {
        $crate::search!(@say $search.$key($crate::search!(@value $key $key)), $($rest)*)
    };
    // A space is borrowed, so that it is still there behind the search.
    (@value space $space:expr) => { &$space };
    (@value $key:ident $value:expr) => { $value };
    (@say $search:expr, $key:ident = $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "write `", ::core::stringify!($key), ": value` instead of `", ::core::stringify!($key), " = value`"
        ))
    };
    (@say $search:expr, $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "search! takes `name: value` with commas between, such as `space: \"nas_bench_201\", trials: 20`; \
             it does not understand `", ::core::stringify!($($rest)*), "`"
        ))
    };
    ($($said:tt)*) => { $crate::search!(@say $crate::Search::new(), $($said)*) };
}

/// A plot of one run or several: `plot!(best_so_far, run_a, run_b)`. [`plots`](crate::plots) has them
/// all.
#[macro_export]
macro_rules! plot {
    ($plot:ident, $($run:expr),+ $(,)?) => {
        $crate::internal::plot($crate::plots::$plot, &[$(&$run),+])
    };
    ($plot:ident $(,)?) => {
        ::core::compile_error!(::core::concat!(
            "plot! needs a run: `plot!(", ::core::stringify!($plot), ", run)`"
        ))
    };
    ($($other:tt)*) => {
        ::core::compile_error!("plot! needs the name of a plot, then runs: `plot!(best_so_far, run)`")
    };
}

/// The best trials of a run.
#[macro_export]
macro_rules! leaderboard {
    ($run:expr $(,)?) => {
        $crate::internal::leaderboard(&$run)
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "leaderboard! takes one run: `leaderboard!(run)`; compare!(a, b) takes several"
        )
    };
}

/// The architecture of a trial, drawn: `architecture!(run.best()?)`.
#[macro_export]
macro_rules! architecture {
    ($trial:expr $(,)?) => {
        $crate::internal::architecture(&$trial)
    };
    ($($other:tt)*) => {
        ::core::compile_error!("architecture! takes one trial: `architecture!(run.best()?)`")
    };
}

/// What two trials chose differently: `diff!(run.trial(0)?, run.best()?)`.
#[macro_export]
macro_rules! diff {
    ($a:expr, $b:expr $(,)?) => {
        $crate::internal::difference(&$a, &$b)
    };
    ($($other:tt)*) => {
        ::core::compile_error!("diff! takes two trials: `diff!(run.trial(0)?, run.best()?)`")
    };
}

/// Runs beside each other: `compare!(run_a, run_b)`.
#[macro_export]
macro_rules! compare {
    ($($run:expr),+ $(,)?) => { $crate::internal::compare(&[$(&$run),+]) };
    () => { ::core::compile_error!("compare! takes runs: `compare!(run_a, run_b)`") };
}

/// The trials of a run as a polars `DataFrame`: `frame!(run)?`.
#[macro_export]
macro_rules! frame {
    ($run:expr $(,)?) => {
        $crate::internal::frame(&$run)
    };
    ($($other:tt)*) => {
        ::core::compile_error!("frame! takes one run: `frame!(run)?`")
    };
}
