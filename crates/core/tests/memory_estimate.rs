//! The memory estimate against what trainings take.
//!
//! Each figure is the growth of the peak resident memory of a process of its own: the test runs
//! itself again.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it is a test")]

use std::process::Command;
use std::sync::Arc;

use candle_core::Device;
use nascent::datasets::{Dataset, Inputs, Split};
use nascent::evaluate::Silent;
use nascent::nn::Model;
use nascent::record::{Graph, Op};
use nascent::train::{Data, Plan, TrainConfig, fit, memory_mib};
use nascent::{Seed, space};

const CASES: [(&str, &str, usize, usize); 5] = [
    // Space, architecture, side of the images, batch size.
    (
        "nas_bench_201",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        32,
        64,
    ),
    (
        "nas_bench_201",
        "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|",
        32,
        128,
    ),
    ("macro_cnn", "", 32, 64),
    (
        "mlp",
        "depth=2,width_1=256,width_2=256,activation=relu,normalization=batch_norm,dropout=off",
        32,
        256,
    ),
    // Of no space: what is trained by tensors.
    ("", "", 32, 64),
];

fn graph(case: usize) -> Graph {
    let (name, architecture, ..) = CASES[case];
    if name.is_empty() {
        return by_tensors();
    }
    let space = space::find(name).unwrap().make(&serde_json::json!({}), &()).unwrap();
    let architecture = if architecture.is_empty() {
        use nascent::space::SpecExt as _;
        space.spec().sample(&mut Seed::new(5).rng())
    } else {
        space.parse(architecture).unwrap()
    };
    space.graph(&architecture).unwrap()
}

/// Convolutions with a nonlinearity that programs lack.
fn by_tensors() -> Graph {
    let mut graph = Graph::new("by tensors");
    graph.then("stem", Op::new("stem").with("channels", 16_usize));
    for at in 0..6 {
        let conv = Op::new("conv").with("channels", 16_usize).with("activation", "silu");
        graph.then(&format!("conv {at}"), conv);
    }
    graph.then("head", Op::new("head"));
    graph
}

fn config(case: usize) -> TrainConfig {
    TrainConfig { batch_size: CASES[case].3, eval_batch_size: 32, ..TrainConfig::default() }
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn train(case: usize) {
    let (.., side, batch) = CASES[case];
    let count = 3 * batch;
    let inputs = (0..count * 3 * side * side).map(|i| (i * 37 % 251) as u8).collect();
    let labels = (0..count as u32).map(|i| i % 4).collect();
    let split = Split::new(Inputs::Bytes(inputs), labels).unwrap();
    let classes = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let dataset = Dataset::new("noise", vec![3, side, side], classes, split, None).unwrap();
    let data = Data::new(Arc::new(dataset), &config(case), Seed::new(1)).unwrap();
    let before = peak_mib();
    let model = Model::new(&graph(case), &[3, side, side], 4, Seed::new(1), &Device::Cpu).unwrap();
    let plan = Plan::new(1, Seed::new(1));
    fit(&model, &data, &config(case), &plan, &mut Silent).unwrap();
    println!("PEAK {}", peak_mib() - before);
}

#[test]
fn memory_estimate() {
    if let Ok(case) = std::env::var("NASCENT_MEMORY_CASE") {
        return train(case.parse().unwrap());
    }
    for (case, (_, _, side, _)) in CASES.iter().enumerate() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["memory_estimate", "--exact", "--nocapture"])
            .env("NASCENT_MEMORY_CASE", case.to_string())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let peak = text
            .split("PEAK ")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        let peak: f64 = peak.parse().unwrap();
        let input = [3, *side, *side];
        let model = Model::new(&graph(case), &input, 4, Seed::new(1), &Device::Cpu).unwrap();
        let estimate = memory_mib(&model, &config(case)).unwrap() as f64;
        println!("case {case}: {peak:.0} MiB, estimated {estimate}");
        assert!(
            (0.6..1.7).contains(&(estimate / peak)),
            "case {case}: {peak} MiB, estimated {estimate}"
        );
    }
}
