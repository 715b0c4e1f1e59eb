//! Pictures of panels over golden runs, see `picture.rs`.

use egui_kittest::kittest::Queryable as _;
use nascent_gui::ThemeChoice;

use crate::common::{Opening, golden, open, settle};
use crate::picture;

/// Opens the app with these panels in front, and compares what is seen of it.
fn compare(name: &str, group: bool, opening: Opening) {
    let Some(renderer) = picture::renderer() else { return };
    let size = [1240.0, 800.0];
    let mut harness = open(Opening { renderer: Some(renderer), size, ..opening });
    if group {
        harness.get_by_label("Group seeds").click();
        settle(&mut harness);
        harness.event(egui::Event::PointerGone);
        settle(&mut harness);
    }
    picture::compare(&mut harness, name);
}

#[test]
fn settings_are_compared_in_a_picture() {
    let show = ["evolution-0", "evolution-1", "random-0", "random-1"].map(golden).to_vec();
    let (folders, theme) = (vec![golden("")], ThemeChoice::Light);
    let panels = vec!["compare", "best_so_far", "parallel_coordinates"];
    compare("compare", true, Opening { folders, show, panels, theme, ..Opening::default() });
}

#[test]
fn the_inside_of_a_supernet_is_a_picture() {
    let (folders, theme) = (vec![golden("darts")], ThemeChoice::Dark);
    let panels = vec!["trials", "alpha", "searcher"];
    compare("searcher", false, Opening { folders, panels, theme, ..Opening::default() });
}

#[test]
fn trials_and_ancestors_are_a_picture() {
    let (folders, theme) = (vec![golden("evolution-0")], ThemeChoice::Light);
    let panels = vec!["trials", "ancestors"];
    compare("ancestors", false, Opening { folders, panels, theme, ..Opening::default() });
}
