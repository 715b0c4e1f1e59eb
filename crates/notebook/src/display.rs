//! How a value at the end of a cell is shown.
//!
//! evcxr calls `evcxr_display` on the last expression of a cell, and if there is no such method it
//! compiles the cell again, to print it. So everything that can be printed has the method, which saves
//! that second time; what is known better than by printing is looked up by its type.

use std::any::Any;
use std::fmt::Debug;

use candle_core::{Tensor, Var};
use nascent_figures::{Drawing, Figure};
use nascent_frames::DataFrame;
use nascent_record::{Graph, Metrics};

use crate::pictures::Picture;
use crate::tables::{Comparison, Leaderboard, data_frame, metrics};
use crate::tensors::tensor;
use crate::{Bundle, Run, Search, Space, TrialView, svg};

/// What evcxr looks for on the last expression of a cell.
pub trait EvcxrDisplay {
    /// Shows the value.
    fn evcxr_display(&self);
}

impl<T: Any + Debug> EvcxrDisplay for T {
    fn evcxr_display(&self) {
        show(self, self);
    }
}

/// Compiled once, and not for each type.
fn show(value: &dyn Any, text: &dyn Debug) {
    bundle_of(value).unwrap_or_else(|| Bundle::text(format!("{text:?}"))).print();
}

/// What a value of a known type looks like.
pub fn bundle_of(value: &dyn Any) -> Option<Bundle> {
    macro_rules! first_of {
        ($($type:ty => $show:expr),* $(,)?) => {
            $(if let Some(value) = value.downcast_ref::<$type>() {
                return Some(($show)(value));
            })*
        };
    }
    first_of! {
        Bundle => Bundle::clone,
        Run => Run::bundle,
        TrialView => TrialView::bundle,
        Search => Search::bundle,
        Space => Space::bundle,
        Picture => Picture::bundle,
        Leaderboard => Leaderboard::bundle,
        Comparison => Comparison::bundle,
        Figure => |figure: &Figure| svg::bundle(figure.into()),
        Drawing => |drawing: &Drawing| svg::bundle(drawing.into()),
        Graph => svg::graph,
        Metrics => metrics,
        DataFrame => data_frame,
        Tensor => tensor,
        Var => |var: &Var| tensor(var.as_tensor()),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_has_a_form_of_its_own_and_the_rest_is_printed() {
        let tensor = Tensor::zeros((2, 3), candle_core::DType::F32, &candle_core::Device::Cpu);
        assert!(bundle_of(&tensor.unwrap()).unwrap().html.is_some());
        assert!(bundle_of(&Some(3)).is_none());
        // Both kinds have the method.
        Some(3).evcxr_display();
    }
}
