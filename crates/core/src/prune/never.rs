//! No pruning: every trial is trained to its end.

use serde_json::json;

use super::{PruneContext, Pruner, PrunerEntry};
use crate::evaluate::Flow;

/// The row of the table.
pub static ENTRY: PrunerEntry = PrunerEntry {
    name: "never",
    summary: "Trains every trial to its end.",
    reference: "",
    defaults: || json!({}),
    build: |_, ()| Ok(Box::new(Never)),
};

/// The pruner, see the [module](self).
pub struct Never;

impl Pruner for Never {
    fn prune(&self, _cx: &PruneContext<'_>) -> Flow {
        Flow::Continue
    }
}
