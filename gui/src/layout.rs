//! Where panels are: docked, dragged, remembered, undone.

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use crate::panel;

/// A panel of the window: its name in the table of panels, and which of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Pane {
    /// The name of the panel, see [`panel::PANELS`].
    pub(crate) kind: String,
    /// The name of the plot, for figures; empty for others.
    #[serde(default)]
    pub(crate) detail: String,
}

impl Pane {
    pub(crate) fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), detail: String::new() }
    }

    pub(crate) fn figure(plot: &str) -> Self {
        Self { kind: panel::FIGURE.to_owned(), detail: plot.to_owned() }
    }

    /// What stands on its tab.
    pub(crate) fn title(&self) -> String {
        if self.kind == panel::FIGURE {
            let plot = nascent_figures::find(&self.detail);
            return plot
                .map_or_else(|_unknown| self.detail.clone(), |plot| plot.title().to_owned());
        }
        panel::find(&self.kind).map_or_else(|| self.kind.clone(), |kind| kind.title.to_owned())
    }
}

/// Where panels are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(crate) tree: Tree<Pane>,
    #[serde(skip)]
    past: Vec<Tree<Pane>>,
    /// Whether an edge is being dragged, which is one change however long it takes.
    #[serde(skip)]
    resizing: bool,
}

/// How many layouts can be undone.
const PAST: usize = 50;

impl Default for Layout {
    /// Runs at the left, what they are in the middle, figures at the right.
    fn default() -> Self {
        let mut tiles = Tiles::default();
        let mut pane = |pane: Pane| tiles.insert_pane(pane);
        let runs = pane(Pane::new("runs"));
        let middle = ["overview", "trials", "compare"].map(|kind| pane(Pane::new(kind))).to_vec();
        let upper = ["best_so_far", "pareto_front", "learning_curves"];
        let upper = upper.map(|plot| pane(Pane::figure(plot))).to_vec();
        let mut lower = vec![pane(Pane::new("architecture"))];
        lower.extend(
            ["parallel_coordinates", "choice_importance"].map(|plot| pane(Pane::figure(plot))),
        );
        lower.extend(["searcher", "ancestors"].map(|kind| pane(Pane::new(kind))));
        let middle = tiles.insert_tab_tile(middle);
        let upper = tiles.insert_tab_tile(upper);
        let lower = tiles.insert_tab_tile(lower);
        let right = tiles.insert_vertical_tile(vec![upper, lower]);
        let runs = tiles.insert_tab_tile(vec![runs]);
        let mut row = Linear::new(LinearDir::Horizontal, vec![runs, middle, right]);
        for (tile, share) in [(runs, 0.62), (middle, 1.1), (right, 1.28)] {
            row.shares.set_share(tile, share);
        }
        let root = tiles.insert_container(Container::Linear(row));
        let tree = Tree::new(egui::Id::unique("panels"), root, tiles);
        Self { tree, past: Vec::new(), resizing: false }
    }
}

impl Layout {
    /// Remembers how it was, before something is moved.
    pub(crate) fn remember(&mut self, before: Tree<Pane>) {
        if self.past.last() != Some(&before) && before != self.tree {
            self.past.push(before);
            let excess = self.past.len().saturating_sub(PAST);
            self.past.drain(..excess);
        }
    }

    /// Remembers how it was before an edge was dragged. Until [`Layout::let_go`], what follows is a part
    /// of the same change.
    pub(crate) fn remember_resize(&mut self, before: Tree<Pane>) {
        if !std::mem::replace(&mut self.resizing, true) {
            self.remember(before);
        }
    }

    /// Ends a drag of an edge.
    pub(crate) fn let_go(&mut self) {
        self.resizing = false;
    }

    /// Puts panels back where they were; whether there was anything to undo.
    pub(crate) fn undo(&mut self) -> bool {
        let past = self.past.pop();
        past.map(|tree| self.tree = tree).is_some()
    }

    /// Puts panels where they are at the first start.
    pub(crate) fn reset(&mut self) {
        let before = std::mem::replace(&mut self.tree, Self::default().tree);
        self.remember(before);
    }

    /// The tile of a panel.
    fn tile(&self, pane: &Pane) -> Option<TileId> {
        self.tree.tiles.find_pane(pane)
    }

    /// Whether a panel is in the window.
    pub(crate) fn has(&self, pane: &Pane) -> bool {
        self.tile(pane).is_some()
    }

    /// Brings a panel to the front, and into the window if it is not there: beside the others of
    /// its kind, or at the right.
    pub(crate) fn open(&mut self, pane: &Pane) {
        if let Some(tile) = self.tile(pane) {
            self.tree.make_active(|id, _| id == tile);
            return;
        }
        let before = self.tree.clone();
        let tile = self.tree.tiles.insert_pane(pane.clone());
        let siblings = self.tree.tiles.iter().filter(|(_, tile)| match tile {
            Tile::Pane(other) => *other != *pane && other.kind == pane.kind,
            Tile::Container(_) => false,
        });
        let sibling = siblings.map(|(id, _)| *id).max_by_key(|id| id.0);
        let tabs = self
            .tree
            .tiles
            .iter()
            .filter(|(_, tile)| matches!(tile, Tile::Container(Container::Tabs(_))));
        let last = tabs.map(|(id, _)| *id).max_by_key(|id| id.0);
        let home = sibling.and_then(|id| self.tree.tiles.parent_of(id)).or(last);
        match home.or(self.tree.root()) {
            Some(home) => self.tree.move_tile_to_container(tile, home, usize::MAX, false),
            None => self.tree.root = Some(self.tree.tiles.insert_tab_tile(vec![tile])),
        }
        self.tree.make_active(|id, _| id == tile);
        self.remember(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panes(layout: &Layout) -> Vec<Pane> {
        let tiles = layout.tree.tiles.tiles();
        tiles
            .filter_map(|tile| match tile {
                Tile::Pane(pane) => Some(pane.clone()),
                Tile::Container(_) => None,
            })
            .collect()
    }

    #[test]
    fn every_panel_of_the_first_layout_exists() {
        for pane in panes(&Layout::default()) {
            if pane.kind == panel::FIGURE {
                nascent_figures::find(&pane.detail).unwrap();
            } else {
                assert!(panel::find(&pane.kind).is_some(), "{pane:?}");
            }
        }
    }

    #[test]
    fn what_is_opened_can_be_undone() {
        let mut layout = Layout::default();
        let pane = Pane::figure("rank_correlation");
        assert!(!layout.has(&pane));
        layout.open(&pane);
        assert!(layout.has(&pane));
        layout.open(&pane);
        assert_eq!(panes(&layout).iter().filter(|p| **p == pane).count(), 1);
        assert!(layout.undo());
        assert!(!layout.has(&pane));
        assert!(!layout.undo());
    }

    #[test]
    fn a_drag_of_an_edge_is_one_change() {
        let mut layout = Layout::default();
        let widen = |layout: &mut Layout, share: f32| {
            let before = layout.tree.clone();
            let root = layout.tree.root().unwrap();
            let Some(Tile::Container(Container::Linear(row))) = layout.tree.tiles.get_mut(root)
            else {
                panic!("the first layout is a row");
            };
            let first = row.children[0];
            row.shares.set_share(first, share);
            layout.remember_resize(before);
        };
        let start = layout.tree.clone();
        for frame in 0..80_u8 {
            widen(&mut layout, 1.0 + f32::from(frame));
        }
        layout.let_go();
        let middle = layout.tree.clone();
        widen(&mut layout, 0.5);
        layout.let_go();
        assert!(layout.undo() && layout.tree == middle);
        assert!(layout.undo() && layout.tree == start);
        assert!(!layout.undo());
    }

    #[test]
    fn a_panel_opens_in_an_empty_window() {
        let mut layout =
            Layout { tree: Tree::empty(egui::Id::unique("panels")), ..Layout::default() };
        layout.open(&Pane::new("runs"));
        assert!(layout.has(&Pane::new("runs")));
    }

    #[test]
    fn a_layout_is_the_same_when_read_back() {
        let mut layout = Layout::default();
        layout.open(&Pane::figure("rank_correlation"));
        let text = serde_json::to_string(&layout).unwrap();
        let read: Layout = serde_json::from_str(&text).unwrap();
        assert_eq!(read.tree, layout.tree);
    }
}
