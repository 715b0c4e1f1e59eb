//! Every panel over golden runs.

use std::fs;
use std::path::PathBuf;

use egui_kittest::kittest::Queryable as _;
use nascent_figures::{NotYet, PLOTS, Plot, PlotOptions};
use nascent_gui::ThemeChoice;
use nascent_record::{Run, RunView};

use crate::common::{
    Opened, Opening, golden, labels, open, rewrite, sees, settle, wait_for, write,
};

/// Each panel with what it says over no run, over one (`trained`), and over three of which the first
/// (`evolution-0`) is looked into.
const PANELS: [(&str, [&str; 3]); 6] = [
    ("overview", ["No run is picked", "Trained again", "minimize size error"]),
    ("trials", ["No run is picked", "24 trials", "40 trials"]),
    ("architecture", ["No run is picked", "valid accuracy", "size error"]),
    ("searcher", ["No run is picked", "No signals in this run", "population size"]),
    ("ancestors", ["No run is picked", "No parents in this run", "Trial 0"]),
    ("compare", ["Show two runs or more", "Show two runs or more", "Settings that differ"]),
];
const SEVERAL: [&str; 3] = ["evolution-0", "random-0", "trained"];

fn all() -> Opened {
    open(Opening { folders: vec![golden("")], ..Opening::default() })
}

/// What a plot of these runs says: the line below its title, or why there is nothing to see.
fn said(plot: &dyn Plot, runs: &[&str]) -> String {
    if runs.is_empty() {
        return "No run is shown".to_owned();
    }
    let views: Vec<(String, RunView)> = runs
        .iter()
        .map(|name| {
            let view = Run::open(&golden(name)).unwrap();
            let manifest = view.manifest();
            (format!("{} · seed {}", manifest.searcher.name, manifest.seed), view)
        })
        .collect();
    let runs: Vec<(&str, &RunView)> =
        views.iter().map(|(label, view)| (label.as_str(), view)).collect();
    match plot.figure(&runs, &PlotOptions::default()) {
        Ok(figure) => figure.subtitle,
        Err(NotYet(sentence)) => sentence,
    }
}

#[test]
fn every_panel_says_its_own_over_no_one_and_several_runs_in_both_themes() {
    let empty = tempfile::tempdir().unwrap();
    for theme in [ThemeChoice::Light, ThemeChoice::Dark] {
        let cases: [(PathBuf, &[&str]); 3] = [
            (empty.path().to_owned(), &[]),
            (golden("trained"), &["trained"]),
            (golden(""), &SEVERAL),
        ];
        for (at, (folder, runs)) in cases.into_iter().enumerate() {
            let panels = PANELS.map(|(panel, says)| (panel, says[at].to_owned()));
            let plots = PLOTS.iter().map(|plot| (plot.id(), said(*plot, runs)));
            for (panel, says) in panels.into_iter().chain(plots) {
                let harness = open(Opening {
                    folders: vec![folder.clone()],
                    show: runs.iter().map(|name| golden(name)).collect(),
                    panels: vec![panel],
                    theme,
                    ..Opening::default()
                });
                assert!(sees(&harness, &says), "{panel}: {says}: {:?}", labels(&harness));
                assert_eq!(sees(&harness, "There are no runs here yet"), runs.is_empty());
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
    assert!(sees(&harness, "evolution-1   run"), "its runs are listed: {:?}", labels(&harness));
    harness.get_by_label("Open").click();
    wait_for(&mut harness, "Run evolution-0");
    wait_for(&mut harness, "Best is trial"); // the newest is picked, as at the start
}

#[test]
fn a_folder_is_found_by_clicks() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("here/runs")).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut harness =
        open(Opening { folders: vec![empty.path().to_owned()], ..Opening::default() });
    harness.get_by_label("Open a folder of runs…").click();
    settle(&mut harness);
    write(&mut harness, "Path", dir.path().join("he").to_str().unwrap());
    for folder in ["here", "runs", "Up"] {
        harness.get_by_label(folder).click();
        settle(&mut harness);
    }
    assert!(sees(&harness, "runs"), "{:?}", labels(&harness));
    harness.get_by_label("Open").click();
    wait_for(&mut harness, "looking for runs in");
    assert!(sees(&harness, dir.path().join("here").to_str().unwrap()));
}

#[test]
fn what_is_exported_replaces_a_file_only_when_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trials.csv");
    let opening =
        Opening { folders: vec![golden("trained")], panels: vec!["trials"], ..Opening::default() };
    let mut harness = open(opening);
    let save = |harness: &mut Opened, path: PathBuf| {
        harness.get_by_label("Export").click();
        settle(harness);
        harness.get_by_label("Save as CSV…").click();
        settle(harness);
        rewrite(harness, "Path", path.to_str().unwrap());
    };
    save(&mut harness, file.clone());
    harness.key_press(egui::Key::Enter);
    wait_for(&mut harness, "written to");
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), 25, "a line of titles, and one for each trial");
    fs::write(&file, "mine").unwrap();
    save(&mut harness, file.clone());
    assert!(sees(&harness, "There is a file of this name."), "{:?}", labels(&harness));
    harness.key_press(egui::Key::Enter);
    settle(&mut harness);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    harness.get_by_label("Overwrite").click();
    settle(&mut harness);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    save(&mut harness, golden("trained").join("events.jsonl"));
    assert!(sees(&harness, "This folder is of a run"), "{:?}", labels(&harness));
}

#[test]
fn keys_close_the_palette_and_leave_what_is_typed_alone() {
    let mut harness = all();
    let palette = |harness: &mut Opened| {
        harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::P);
        settle(harness);
    };
    palette(&mut harness);
    write(&mut harness, "Command", "rank cor");
    harness.key_press(egui::Key::Enter);
    settle(&mut harness);
    assert!(sees(&harness, "Rank correlation"));
    // Undo belongs to the field while somebody types.
    write(&mut harness, "Search runs", "random");
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Z);
    settle(&mut harness);
    assert!(sees(&harness, "Rank correlation"));
    palette(&mut harness);
    assert!(sees(&harness, "Command palette"));
    harness.key_press(egui::Key::Escape);
    settle(&mut harness);
    assert!(!sees(&harness, "Command palette"));
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
    let is_derived = |label: &String| label.starts_with("edge_0_1=");
    assert!(labels(&harness).iter().any(is_derived), "{:?}", labels(&harness));
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
