//! Spaces that cells declare.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use nascent_notebook::bundle_of;
use nascent_notebook::nascent::space::declared::Declaration;
use nascent_notebook::prelude::*;

fn everything() -> Space {
    let widest = 64_usize;
    space! {
        choices {
            kind: ["plain", "wide"];
            width: (8..=widest).step_by(8);
            depth: 1..=3;
            block[depth]: ["conv", "mbconv"];
            expansion[depth]: [2, 4], when block == "mbconv";
            rate: log(0.05..=0.5), when kind in ["wide"];
            late: ["relu", "gelu"], when depth >= 2;
        }
        cell mix(x) {
            a = sum(x: [none, skip_connect, conv(kernel: 5)]);
            b = concat(x, a: nor_conv_1x1);
            y = sum(b: [nor_conv_3x3, avg_pool_3x3(stride: 1)]);
        }
        cell other(x), when kind == "wide" {
            y = sum(x: nor_conv_3x3);
        }
        network {
            stem(channels: width);
            repeat(depth) {
                conv(channels: width * 2), when block == "conv";
                mbconv(channels: width * 2, expansion: expansion), when block == "mbconv";
            }
            stages(2, channels: 8) { mix; other; repeat(1) { identity; } }
            global_avg_pool;
            dropout(rate: rate);
            activation(kind: late);
            classifier;
        }
    }
    .unwrap()
}

#[test]
fn a_declaration_is_what_its_json_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("space.json");
    let space = everything();
    space.save(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let declaration: Declaration = serde_json::from_str(&text).unwrap();
    let expected: Declaration = serde_json::from_str(include_str!("declared.json")).unwrap();
    assert_eq!(declaration, expected, "{text}");
    let again = Space::named(&format!("declared file={}", file.display())).unwrap();
    assert_eq!(again.spec(), space.spec());
}

#[test]
fn a_declared_space_is_looked_at_in_every_way() {
    let space = everything();
    let shown = bundle_of(&space).unwrap();
    assert!(shown.html.unwrap().contains("<svg"));
    let words = shown.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "declared: infinitely many architectures",
        "width 8 to 64 in steps of 8 depth 1 to 3",
        "block_2 conv, mbconv depth is at least 2",
        "expansion_1 2, 4 block_1 is mbconv",
        "rate 0.05 to 0.5, real, logarithmic kind is wide",
        "mix.x-a none, skip_connect, conv(kernel:5)",
    ] {
        assert!(words.contains(expected), "{expected}:\n{}", shown.text);
    }
    let architecture = space.sample(3);
    assert_eq!(space.sample(3), architecture);
    assert_ne!(space.mutate(&architecture, 1), architecture);
    assert!(space.neighbors(&architecture).len() > 10);
    assert!(space.text(&architecture).starts_with("kind="));
    assert!(space.cost(&architecture, &[1, 8, 8], 10).unwrap().params > 1000);
    assert!(bundle_of(&space.draw(&architecture)).unwrap().html.unwrap().contains("<svg"));
}

#[test]
fn a_declared_space_is_searched_and_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path();
    let space = space! {
        choices { width: [4, 8]; depth: 1..=2; }
        cell block(x) {
            y = sum(x: [skip_connect, nor_conv_1x1, nor_conv_3x3]);
        }
        network {
            stages(2, channels: width) { repeat(depth) { block; } }
            head;
        }
    }
    .unwrap();
    assert_eq!(space.spec().size(), Some(12));
    let run = search! {
        space, searcher: "grid", data: "digits", max_train: 120, trials: 20, epochs: 1, runs,
    }
    .unwrap();
    run.wait().unwrap();
    let trials = run.view().unwrap().trials().len();
    assert_eq!(trials, 12, "all that there are");
    assert_eq!(run.space().unwrap().spec(), space.spec());
    let best = run.best().unwrap();
    assert!(best.architecture().starts_with("width="));
    assert!(bundle_of(&architecture!(best)).unwrap().html.unwrap().contains("<svg"));
    // Operations on edges alone are mixed in a supernet.
    let space = space! { cell c(x) { y = sum(x: [skip_connect, nor_conv_1x1, nor_conv_3x3]); } };
    let run = search! {
        space: space.unwrap(), searcher: "gdas supernet_epochs=1", data: "digits", max_train: 120,
        trials: 2, epochs: 1, runs,
    }
    .unwrap();
    run.wait().unwrap();
    assert_eq!(run.view().unwrap().finished_trials(), 2);
}

#[test]
fn what_only_the_whole_shows_is_an_error_that_names_the_place() {
    let error = space! {
        choices { depth: 1..=2; width: 4..=8; }
        network { flatten; repeat(depth) { linear(width: 8); } classifier; }
    }
    .unwrap_err()
    .to_string();
    assert!(error.contains("choice \"width\": nothing names it"), "{error}");
    let error = space! {}.unwrap_err().to_string();
    assert!(error.contains("network: it has no layer"), "{error}");
}
