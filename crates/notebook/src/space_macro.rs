//! The grammar of `space!`.

/// Declares a search space.
///
/// ```
/// use nascent_notebook::prelude::*;
/// # fn main() -> Result<(), nascent_notebook::Error> {
/// let space = space! {
///     choices {
///         width: [8, 16];
///         depth: 1..=3;
///         dropout: ["off", "on"];
///         rate: 0.1..=0.5, when dropout == "on";
///     }
///     cell block(x) {
///         a = sum(x: [nor_conv_1x1, nor_conv_3x3]);
///         y = sum(x: [none, skip_connect], a: [nor_conv_3x3, conv(kernel: 5)]);
///     }
///     network {
///         stem(channels: width);
///         repeat(depth) { block; }
///         residual_reduction(channels: width * 2);
///         block;
///         global_avg_pool;
///         dropout(rate: rate);
///         classifier;
///     }
/// }?;
/// // Two widths, three depths, and a rate that is any number where there is dropout.
/// assert_eq!(space.spec().len(), 4 + 3);
/// assert!(space.spec().parse("width=8,depth=2,dropout=off,block.x-a=nor_conv_1x1,\
///                             block.x-y=none,block.a-y=conv(kernel:5)").is_ok());
/// # Ok(())
/// # }
/// ```
///
/// - `choices { name: options; }`: a range with both ends, `log(16..=256)`, `(8..=64).step_by(8)`, or a list
///   of texts or numbers. `, when other == "on"` (or `in ["a", "b"]`, or `>= 2`) says under which condition
///   it applies. `width[depth]: …` is one width for each of what repeats `depth` times.
/// - `cell name(input) { node = sum(from: [operations], …); }`: each node adds up (`sum`) or puts side by
///   side (`concat`) what its edges bring; an edge has a list of operations to choose from, one operation
///   (`x: nor_conv_1x1`), or none (`x`). The last node is the output.
/// - `network { layer; }`: layers are cells and operations, with settings (`conv(channels: width, kernel: 3);`)
///   and conditions (`batch_norm, when norm == "batch";`). `repeat(times) { … }` repeats, and
///   `stages(3, channels: 8) { … }` begins with a stem, and halves the image and doubles the channels from
///   stage to stage. With one cell the network may be left out: three stages and a head.
///
/// The names of choices are variables where they are used, so a slip is an error of the compiler; what only
/// the whole can show is an error at run time, which names the place.
#[macro_export]
macro_rules! space {
    // Choices: they stay as variables.
    (@choices $declare:ident
        $($name:ident $([$per:ident])? : $options:expr $(, when $on:ident $is:tt $value:tt)? ;)*
    ) => {
        $(let $name = $declare.choice(
            ::core::stringify!($name),
            $crate::space!(@option $($per)?),
            {
                #[allow(unused_imports)]
                use $crate::internal::scales::*;
                $crate::internal::Options::domain($options)
            },
            $crate::space!(@when $($on $is $value)?),
        );)*
    };
    (@choices $declare:ident $($other:tt)*) => { $crate::space!(@wrong_choice $($other)*); };

    (@option) => { ::core::option::Option::None };
    (@option $some:expr) => { ::core::option::Option::Some($some) };

    // Conditions.
    (@when) => { ::core::option::Option::None };
    (@when $on:ident == $value:expr) => {
        ::core::option::Option::Some($crate::internal::is_one_of($on, &[&$value]))
    };
    (@when $on:ident in [$($value:expr),+ $(,)?]) => {
        ::core::option::Option::Some($crate::internal::is_one_of($on, &[$(&$value),+]))
    };
    (@when $on:ident >= $value:expr) => {
        ::core::option::Option::Some($crate::internal::is_at_least($on, $value))
    };
    (@when $on:ident $is:tt $value:tt) => {
        ::core::compile_error!(::core::concat!(
            "a condition is `", ::core::stringify!($on), " == \"option\"`, `", ::core::stringify!($on),
            " in [\"a\", \"b\"]` or `", ::core::stringify!($on), " >= 2`, and not `", ::core::stringify!($on),
            " ", ::core::stringify!($is), " ", ::core::stringify!($value), "`"
        ))
    };

    // Settings of an operation.
    (@with $($setting:ident : $value:expr),* $(,)?) => {
        &[$((::core::stringify!($setting), $crate::internal::Given::setting($value))),*]
    };
    (@with $($other:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "settings are written `name: value`, with commas between, such as `conv(channels: 8, kernel: 3)`, \
             and not `", ::core::stringify!($($other)*), "`"
        ))
    };

    // The operations on an edge.
    (@ops) => { &[] };
    (@ops [$($op:ident $(($($with:tt)*))?),* $(,)?]) => {
        &[$($crate::internal::operation($crate::internal::ops::$op, $crate::space!(@with $($($with)*)?))),*]
    };
    (@ops $op:ident $(($($with:tt)*))?) => { $crate::space!(@ops [$op $(($($with)*))?]) };
    (@ops $($other:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "the operations of an edge are a list of names, such as `x: [none, nor_conv_3x3, conv(kernel: 5)]`, \
             and not `", ::core::stringify!($($other)*), "`"
        ))
    };

    // Nodes.
    (@concat sum $($edges:tt)*) => { false };
    (@concat concat $($edges:tt)*) => { true };
    (@concat $other:ident $($edges:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "a node joins its edges by `sum` or `concat`, and not by `", ::core::stringify!($other), "`"
        ))
    };
    (@edges $list:ident $($from:ident $(: $op:tt $(($($with:tt)*))?)?),* $(,)?) => {
        $($list.edge($from, $crate::space!(@ops $($op $(($($with)*))?)?));)*
    };
    (@edges $list:ident $($other:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "the edges of a node are the nodes they come from, with operations behind a colon, such as \
             `sum(x: [none, nor_conv_3x3], a)`, and not `", ::core::stringify!($($other)*), "`"
        ));
    };
    (@nodes $nodes:ident $($node:ident = $join:ident ($($edges:tt)*);)*) => {
        $(let $node = {
            #[allow(unused_mut)]
            let mut edges = $crate::internal::Edges::new();
            $crate::space!(@edges edges $($edges)*);
            $nodes.node(::core::stringify!($node), $crate::space!(@concat $join), edges)
        };)*
    };
    (@nodes $nodes:ident $($other:tt)*) => { $crate::space!(@wrong_node $($other)*); };

    // Parts of the network.
    (@parts $parts:ident
        $($op:ident $(($($with:tt)*))? $({$($body:tt)*})? $(, when $on:ident $is:tt $value:tt)? $(;)?)*
    ) => {
        $($crate::space!(
            @part $parts $op [$(($($with)*))?] [$({$($body)*})?] [$($on $is $value)?]
        );)*
    };
    (@parts $parts:ident $($other:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "a network is layers with `;` behind each, `repeat(times) { … }` and `stages(3, channels: 8) { … }`; \
             space! does not understand `", ::core::stringify!($($other)*), "`"
        ));
    };
    (@part $parts:ident repeat [($times:expr)] [{$($body:tt)*}] []) => {{
        let mut repeated = $crate::internal::Parts::new();
        $crate::space!(@parts repeated $($body)*);
        $parts.repeat($crate::internal::Given::setting($times), repeated);
    }};
    (@part $parts:ident repeat $($other:tt)*) => {
        ::core::compile_error!(
            "write `repeat(times) { layer; }`, where `times` is a number or a choice of whole numbers"
        );
    };
    (@part $parts:ident stages [($count:expr, channels: $channels:expr $(,)?)] [{$($body:tt)*}] []) => {{
        let mut staged = $crate::internal::Parts::new();
        $crate::space!(@parts staged $($body)*);
        let count = $crate::internal::Given::setting($count);
        $parts.stages(count, $crate::internal::Given::setting($channels), staged);
    }};
    (@part $parts:ident stages $($other:tt)*) => {
        ::core::compile_error!("write `stages(3, channels: 8) { layer; }`: how many, and the channels of the first")
    };
    (@part $parts:ident $op:ident [$(($($with:tt)*))?] [] [$($when:tt)*]) => {
        $parts.layer(
            {
                #[allow(unused_imports)]
                use $crate::internal::ops::*;
                $op
            },
            $crate::space!(@with $($($with)*)?),
            $crate::space!(@when $($when)*),
        );
    };
    (@part $parts:ident $op:ident $($other:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "`", ::core::stringify!($op), " { … }` is no part of a network; `repeat(times) { … }` and \
             `stages(3, channels: 8) { … }` are"
        ));
    };

    // What is wrong, item by item: those that are right are passed by.
    (@wrong_choice $name:ident $([$per:ident])? : $options:expr $(, when $on:ident $is:tt $value:tt)? ;
        $($rest:tt)*
    ) => { $crate::space!(@wrong_choice $($rest)*); };
    (@wrong_choice $name:ident $([$per:ident])? : $options:expr $(, when $on:ident $is:tt $value:tt)?) => {
        ::core::compile_error!(::core::concat!("put a `;` behind the choice `", ::core::stringify!($name), "`"));
    };
    (@wrong_choice $name:ident $([$per:ident])? = $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "write `", ::core::stringify!($name), ": options;` instead of `", ::core::stringify!($name), " = options`"
        ));
    };
    (@wrong_choice $($other:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "a choice is written `name: options;`, such as `depth: 1..=4;`, `width[depth]: log(16..=256);` or \
             `rate: 0.1..=0.5, when dropout == \"on\";`; space! does not understand `",
            ::core::stringify!($($other)*), "`"
        ));
    };
    (@wrong_node $node:ident = $join:ident ($($edges:tt)*); $($rest:tt)*) => {
        $crate::space!(@wrong_node $($rest)*);
    };
    (@wrong_node $node:ident = $join:ident ($($edges:tt)*)) => {
        ::core::compile_error!(::core::concat!("put a `;` behind the node `", ::core::stringify!($node), "`"));
    };
    (@wrong_node $($other:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "a node is written `name = sum(from: [operations], …);` or `name = concat(from, …);`; space! does \
             not understand `", ::core::stringify!($($other)*), "`"
        ));
    };

    // The whole.
    (
        $(choices { $($choices:tt)* })?
        $(cell $cell:ident ($input:ident) $(, when $on:ident $is:tt $value:tt)? { $($nodes:tt)* })*
        $(network { $($network:tt)* })?
    ) => {{
        #[allow(unused_mut)]
        let mut declare = $crate::internal::Declare::new();
        $($crate::space!(@choices declare $($choices)*);)?
        $(let $cell = {
            #[allow(unused_mut)]
            let mut nodes = $crate::internal::Nodes::new();
            #[allow(unused_variables)]
            let $input = $crate::internal::NodeName(::core::stringify!($input));
            $crate::space!(@nodes nodes $($nodes)*);
            let when = $crate::space!(@when $($on $is $value)?);
            declare.cell(::core::stringify!($cell), ::core::stringify!($input), nodes, when)
        };)*
        $({
            #[allow(unused_mut)]
            let mut parts = $crate::internal::Parts::new();
            $crate::space!(@parts parts $($network)*);
            declare.network(parts);
        })?
        declare.finish()
    }};
    ($($other:tt)*) => {
        ::core::compile_error!(
            "space! takes, in this order, `choices { name: options; }`, cells `cell name(input) { node = sum(…); }`, \
             and `network { layer; }`; see the documentation of space!"
        )
    };
}
