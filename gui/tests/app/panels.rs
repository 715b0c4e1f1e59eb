//! Every panel over golden runs.

use egui_kittest::kittest::Queryable as _;
use nascent_figures::PLOTS;
use nascent_gui::ThemeChoice;

use crate::common::{Opened, Opening, golden, labels, open, sees, settle, wait_for, write};

const PANELS: [&str; 6] =
    ["overview", "trials", "architecture", "searcher", "ancestors", "compare"];

fn all() -> Opened {
    open(Opening { folders: vec![golden("")], ..Opening::default() })
}

#[test]
fn every_panel_is_drawn_over_no_one_and_several_runs_in_both_themes() {
    let empty = tempfile::tempdir().unwrap();
    let several = ["evolution-0", "random-0", "trained"].map(golden);
    for theme in [ThemeChoice::Light, ThemeChoice::Dark] {
        for (folders, show) in [
            (vec![empty.path().to_owned()], vec![]),
            (vec![golden("trained")], vec![]),
            (vec![golden("")], several.to_vec()),
        ] {
            for panel in PANELS.into_iter().chain(PLOTS.iter().map(|plot| plot.id())) {
                let opening = Opening {
                    folders: folders.clone(),
                    show: show.clone(),
                    panels: vec![panel],
                    theme,
                };
                let harness = open(opening);
                assert!(sees(&harness, "Runs"), "{panel}");
                assert_eq!(
                    sees(&harness, "There are no runs here yet"),
                    folders[0] == empty.path()
                );
            }
        }
    }
}

#[test]
fn an_empty_window_says_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let mut harness =
        open(Opening { folders: vec![empty.path().to_owned()], ..Opening::default() });
    assert!(sees(&harness, "nascent search"));
    harness.get_by_label("Open a folder of runs…").click();
    settle(&mut harness);
    write(&mut harness, "Path", golden("").to_str().unwrap());
    harness.get_by_label("Open").click();
    wait_for(&mut harness, "Run evolution-0");
}

#[test]
fn runs_are_listed_searched_and_picked() {
    let mut harness = all();
    for run in ["random-0", "random-1", "evolution-0", "evolution-1", "trained", "darts"] {
        assert!(sees(&harness, &format!("Run {run}")), "{run}: {:?}", labels(&harness));
    }
    harness.get_by_label("Run random-1").click();
    settle(&mut harness);
    assert!(sees(&harness, "random · seed 1"));
    assert!(sees(&harness, "trials 40"));
    harness.get_by_label("Show evolution-1").click();
    settle(&mut harness);
    assert!(sees(&harness, "2 runs; best"), "{:?}", labels(&harness));
    write(&mut harness, "Search runs", "evolution finished");
    assert!(sees(&harness, "Run evolution-0") && !sees(&harness, "Run random-0"));
    write(&mut harness, "Search runs", " nothing");
    assert!(sees(&harness, "No run answers this search"));
}

#[test]
fn seeds_become_groups() {
    let opening =
        Opening { folders: vec![golden("")], panels: vec!["compare"], ..Opening::default() };
    let mut harness = open(opening);
    harness.get_by_label("Group seeds").click();
    settle(&mut harness);
    harness.get_by_label("Group macro_cnn · random · size").click();
    settle(&mut harness);
    harness.get_by_label("Show evolution-0").click();
    settle(&mut harness);
    harness.get_by_label("Show evolution-1").click();
    settle(&mut harness);
    let texts = labels(&harness);
    assert!(sees(&harness, "2 lines by size error"), "{texts:?}");
    assert!(sees(&harness, "win · tie · loss") && sees(&harness, "searcher.name"), "{texts:?}");
}

#[test]
fn the_table_filters_completes_and_picks() {
    let opening =
        Opening { folders: vec![golden("trained")], panels: vec!["trials"], ..Opening::default() };
    let mut harness = open(opening);
    assert!(sees(&harness, "24 trials"));
    write(&mut harness, "Filter trials", "valid_acc");
    // The completion is offered, and Tab takes it.
    harness.key_press(egui::Key::Tab);
    settle(&mut harness);
    write(&mut harness, "Filter trials", ">0.5 & status=complete");
    let found = labels(&harness).into_iter().find(|label| label.ends_with("of 24 trials"));
    assert!(found.is_some(), "{:?}", labels(&harness));
    let found: usize = found.unwrap().split(' ').next().unwrap().parse().unwrap();
    let log = std::fs::read_to_string(golden("trained").join("events.jsonl")).unwrap();
    let complete = log.lines().filter(|line| line.contains(r#""complete":"#)).count();
    assert!(found > 0 && found <= complete, "{found} of {complete}");
    write(&mut harness, "Filter trials", " & nobody=1");
    assert!(sees(&harness, "no trial has \"nobody\""), "{:?}", labels(&harness));
    harness.get_by_label("Pick listed").click();
    settle(&mut harness);
    assert!(sees(&harness, &format!("{found} picked")));
}

#[test]
fn the_palette_finds_what_is_typed() {
    let mut harness = all();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::P);
    settle(&mut harness);
    write(&mut harness, "Command", "rank cor");
    assert!(sees(&harness, "Figure: Rank correlation"), "{:?}", labels(&harness));
    harness.key_press(egui::Key::Enter);
    settle(&mut harness);
    assert!(!sees(&harness, "Figure: Rank correlation"));
    assert!(sees(&harness, "Rank correlation"));
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Z);
    settle(&mut harness);
    assert!(!sees(&harness, "Rank correlation"), "the layout is as it was");
}

#[test]
fn the_inside_of_a_supernet_is_shown() {
    let opening =
        Opening { folders: vec![golden("darts")], panels: vec!["searcher"], ..Opening::default() };
    let mut harness = open(opening);
    assert!(sees(&harness, "α, as shares") && sees(&harness, "skip share"));
    harness.get_by_label("skip share").click();
    settle(&mut harness);
    assert!(sees(&harness, "edge 0 1"), "{:?}", labels(&harness));
}

#[test]
fn a_line_of_ancestors_can_be_followed() {
    let opening = Opening {
        folders: vec![golden("evolution-0")],
        panels: vec!["ancestors"],
        ..Opening::default()
    };
    let mut harness = open(opening);
    let steps = |harness: &Opened| {
        labels(harness).into_iter().filter(|label| label.starts_with("Trial ")).collect::<Vec<_>>()
    };
    let before = steps(&harness);
    assert!(before.len() >= 2, "{before:?}");
    assert!(sees(&harness, "→"), "what was changed is said");
    harness.get_by_label(&before[1]).click();
    settle(&mut harness);
    assert_eq!(steps(&harness)[0], before[1]);
}
