//! Runs and networks to draw: small, deterministic, with everything that happens in a real run.

#![allow(dead_code, reason = "every test binary uses another part")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use nascent_record::{
    Architecture, Attribute, Budget, Choice, Combine, Condition, Edge, Event, Failure, FailureKind,
    Graph, Logged, Manifest, MetricSpec, Metrics, Node, Op, Outcome, Proposal, RunView, SCHEMA,
    SearcherTrained, SessionStarted, Signals, Spec, TrialFinished, TrialId, TrialReported,
    TrialStarted, Value,
};

/// A generator of numbers that look random, the same ones everywhere.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, 0 to below 1 (Steele et al., "Fast Splittable Pseudorandom Number
    /// Generators", 2014).
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, n: i64) -> i64 {
        (self.next() * n as f64) as i64
    }
}

pub(crate) fn spec() -> Spec {
    Spec::new(vec![
        Choice::integer("depth", 1, 3),
        Choice::categorical("op", ["conv3x3", "conv5x5", "max_pool", "skip"]),
        Choice::categorical("activation", ["relu", "gelu"])
            .when(Condition::AtLeast { choice: "depth".into(), value: 2 }),
        Choice::integer("width", 8, 64).step(8),
        Choice::float("learning_rate", 1e-4, 1e-1).log(),
    ])
    .unwrap()
}

/// Read from a file's text, so that a field that is added to manifests does not concern pictures.
pub(crate) fn manifest(spec: &Spec) -> Manifest {
    let component = |name| serde_json::json!({ "name": name, "config": {} });
    let value = serde_json::json!({
        "schema": SCHEMA,
        "created_ms": 0,
        "space": component("toy"),
        "spec": spec,
        "searcher": component("random"),
        "evaluator": component("train"),
        "pruner": component("median"),
        "data": component("digits"),
        "metrics": [
            MetricSpec::maximize("valid_accuracy", "%"),
            MetricSpec::minimize("params", ""),
            MetricSpec::minimize("cost_secs", "s"),
        ],
        "objectives": [{ "metric": "valid_accuracy", "direction": "maximize" }],
        "seed": 0,
        "lookahead": 4,
        "budget": {},
    });
    serde_json::from_value(value).unwrap()
}

pub(crate) fn empty() -> RunView {
    RunView::new(manifest(&spec()))
}

fn sample(spec: &Spec, numbers: &mut Numbers) -> Architecture {
    spec.build(|_, choice| match &choice.domain {
        nascent_record::Domain::Float { low, high, .. } => {
            Value::Float(((low.ln()) + numbers.next() * (high.ln() - low.ln())).exp())
        }
        finite => {
            let size = finite.size().unwrap();
            finite.nth(numbers.below(size as i64) as u64).unwrap()
        }
    })
    .unwrap()
}

/// A run of so many trials: complete, pruned, failed, and the last still running.
pub(crate) fn run(trials: u32, epochs: u32, seed: u64) -> RunView {
    run_of("random", trials, epochs, seed)
}

/// The same by this searcher.
pub(crate) fn run_of(searcher: &str, trials: u32, epochs: u32, seed: u64) -> RunView {
    run_with(searcher, &serde_json::json!({}), trials, epochs, seed)
}

/// The same with settings of the searcher.
pub(crate) fn run_with(
    searcher: &str,
    config: &serde_json::Value,
    trials: u32,
    epochs: u32,
    seed: u64,
) -> RunView {
    let mut manifest = manifest(&spec());
    searcher.clone_into(&mut manifest.searcher.name);
    manifest.searcher.config.clone_from(config);
    let mut view = RunView::new(manifest);
    let mut numbers = Numbers::new(seed);
    let (mut at_ms, mut line) = (1_000, 0);
    let mut log = |view: &mut RunView, after: u64, event: Event| {
        at_ms += after;
        line += 1;
        let event = Some(event);
        view.apply(Logged { at_ms, event }, line).unwrap();
    };
    let session = SessionStarted { version: "0.1.0".into(), workers: 1, budget: Budget::default() };
    log(&mut view, 0, Event::SessionStarted(session));
    for epoch in 1..=epochs {
        log(&mut view, 0, Event::SearcherTrained(supernet(epoch, epochs, seed)));
    }
    // Of its own, so that what searchers log does not decide what they propose.
    let mut thoughts = Numbers::new(seed + 1000);
    let mut complete: Vec<TrialId> = Vec::new();
    for number in 0..trials {
        let trial = TrialId(number);
        let architecture = sample(&spec(), &mut numbers);
        let (depth, op) = (architecture.int(0).unwrap(), architecture.int(1).unwrap());
        let width = architecture.int(3).unwrap();
        let rate = architecture.float(4).unwrap();
        // What shared weights would say of it: more or less what comes of it.
        let shared = 0.4 + 0.02 * depth as f64 + 0.01 * op as f64 + 0.1 * f64::from(number % 3);
        let signals = thought(number, trials, &mut thoughts).with("shared_valid_accuracy", shared);
        let recent = complete.len().saturating_sub(8);
        let mut parents: Vec<TrialId> = Vec::new();
        for _ in 0..(if number < 4 || recent == complete.len() { 0 } else { 1 + number % 2 }) {
            let parent = recent as i64 + thoughts.below((complete.len() - recent) as i64);
            if !parents.contains(&complete[parent as usize]) {
                parents.push(complete[parent as usize]);
            }
        }
        let started = TrialStarted {
            trial,
            proposal: Proposal::new(architecture).with_signals(signals).with_parents(parents),
            told: number.saturating_sub(3),
            state: None,
            weights: None,
        };
        log(&mut view, 10, Event::TrialStarted(started));
        if number + 1 == trials {
            break;
        }
        let params = (depth * width * width * [90, 250, 4, 1][op as usize] + 700 * width) as f64;
        let best = 92.5 - [0.0, 0.6, 6.0, 9.0][op as usize] + depth as f64
            - 1.2 * (rate.log10() + 2.2).powi(2)
            + 1.5 * (width as f64 / 64.0)
            + 1.5 * (numbers.next() - 0.5);
        let diverged = rate > 0.085;
        let fate = numbers.next();
        let accuracy = |epoch: u32| {
            let learned = 1.0 - (-3.0 * f64::from(epoch) / f64::from(epochs)).exp();
            (10.0 + (best - 10.0) * (0.55 + 0.47 * learned)).min(99.0)
        };
        let metrics = |epoch: u32| {
            let seconds = f64::from(epoch) * params / 5e4;
            let values =
                [("valid_accuracy", accuracy(epoch)), ("params", params), ("cost_secs", seconds)];
            Metrics::new(values).unwrap()
        };
        let last = if fate < 0.2 { epochs.div_ceil(3) } else { epochs };
        for step in 1..=if diverged { 2 } else { last } {
            let mut reported = Metrics::new([("valid_accuracy", accuracy(step))]).unwrap();
            reported.insert("train_loss", 100.0 / accuracy(step)).unwrap();
            let event = TrialReported { trial, step, metrics: reported };
            log(&mut view, (params / 100.0) as u64, Event::TrialReported(event));
        }
        let outcome = if diverged {
            Outcome::Failed(Failure {
                kind: FailureKind::Diverged,
                message: "the loss is not a number".into(),
            })
        } else if fate < 0.2 {
            Outcome::Pruned(metrics(last))
        } else {
            complete.push(trial);
            Outcome::Complete(metrics(epochs))
        };
        let finished = TrialFinished {
            trial,
            outcome,
            epochs: last,
            artifacts: std::collections::BTreeMap::new(),
            spent: None,
        };
        log(&mut view, 5, Event::TrialFinished(finished));
    }
    view
}

/// What searchers log with a proposal: a policy, and a model of the results.
fn thought(number: u32, trials: u32, numbers: &mut Numbers) -> Signals {
    let learned = f64::from(number) / f64::from(trials);
    let first = 0.25 + 0.6 * learned;
    let rest = (1.0 - first) / 3.0;
    Signals::default()
        .with("entropy", 1.4 - learned + 0.2 * numbers.next())
        .with("mean", 2.0 * numbers.next() - 1.0)
        .with("std", 0.1 + 0.3 * numbers.next())
        .with_list("length_scales", vec![1.0 - 0.9 * learned, 0.5, 2.0, 1.0, 1.0 + 3.0 * learned])
        .with_list("probabilities.op", vec![first, rest, rest, rest])
        .with_list("probabilities.activation", vec![0.5 - 0.3 * learned, 0.5 + 0.3 * learned])
}

/// An epoch of a supernet with two edges.
fn supernet(epoch: u32, epochs: u32, seed: u64) -> SearcherTrained {
    let learned = f64::from(epoch) / f64::from(epochs);
    let mut numbers = Numbers::new(seed + u64::from(epoch));
    let mut noisy = |value: f64| value + 0.05 * (numbers.next() - 0.5);
    let signals = Signals::default()
        .with("train_accuracy", noisy(0.3 + 0.5 * learned))
        .with("valid_accuracy", noisy(0.3 + 0.4 * learned))
        .with("derived_valid_accuracy", noisy(0.2 + 0.3 * learned))
        .with("skip_share", noisy(0.5 * learned))
        .with("entropy", noisy(1.4 - learned))
        .with_list("alpha.op", vec![noisy(learned), noisy(0.0), noisy(0.0), noisy(-learned)])
        .with_list("alpha.pair", (0..5).map(|at| noisy(0.2 * learned * f64::from(at))).collect());
    SearcherTrained { epoch, epochs, told: 0, architecture: None, signals, state: None }
}

/// A cell of NAS-Bench-201: four nodes, all pairs connected, operations on the edges.
pub(crate) fn cell() -> Graph {
    let mut graph = Graph::new("cell");
    for label in ["1", "2", "3"] {
        graph.node(label, None, &[]);
    }
    graph.nodes[0].label = "0".into();
    let ops =
        ["nor_conv_3x3", "skip_connect", "none", "nor_conv_1x1", "avg_pool_3x3", "nor_conv_3x3"];
    let pairs = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];
    for (op, (from, to)) in ops.iter().zip(pairs) {
        graph.edge(from, to, Op::new(op));
    }
    graph
}

/// The network around it: three stages of five cells.
pub(crate) fn network() -> Graph {
    let mut graph = Graph::new("NAS-Bench-201 network");
    graph.then("stem", Op::new("conv").with("kernel", 3_usize).with("channels", 16_usize));
    for (stage, channels) in [16_usize, 32, 64].into_iter().enumerate() {
        if stage > 0 {
            let reduce = Op::new("residual_block").with("stride", 2_usize);
            graph.then("reduction", reduce.with("channels", channels));
        }
        for number in 0..5 {
            let cell = Op::cell("cell").with("channels", channels);
            graph.then(&format!("cell {}", 5 * stage + number), cell);
        }
    }
    graph.then("pool", Op::new("global_avg_pool"));
    graph.then("classifier", Op::new("linear").with("features", 10_usize));
    graph.cells.insert("cell".into(), cell());
    graph.check().unwrap();
    graph
}

/// A cell in the manner of DARTS: two inputs, four nodes with two edges each, a concatenation.
pub(crate) fn darts() -> Graph {
    let mut graph = Graph::new("normal cell");
    graph.nodes[0].label = "c(k−2)".into();
    graph.node("c(k−1)", None, &[]);
    graph.inputs = 2;
    let ops = ["sep_conv_3x3", "skip_connect", "dil_conv_5x5", "max_pool_3x3"];
    for at in 0..4_usize {
        let node = graph.node(&at.to_string(), None, &[]);
        graph.edge(at % 2, node, Op::new(ops[at % 4]));
        graph.edge(if at == 0 { 1 } else { node - 1 }, node, Op::new(ops[(at + 1) % 4]));
    }
    let output = graph.node("output", None, &[2, 3, 4, 5]);
    graph.nodes[output].combine = Combine::Concat;
    graph.check().unwrap();
    graph
}

/// A network with operations on nodes and connections past them.
pub(crate) fn residual() -> Graph {
    let mut graph = Graph::new("residual network");
    let stem = graph.then("stem", Op::new("conv").with("kernel", 7_usize).with("stride", 2_usize));
    let mut last = stem;
    for block in 0..2 {
        let a = graph.node("", Some(Op::new("conv").with("kernel", 3_usize)), &[last]);
        let b = graph.node("", Some(Op::new("batch_norm")), &[a]);
        let c = graph.node("", Some(Op::new("relu")), &[b]);
        last = graph.node(&format!("sum {block}"), None, &[c, last]);
    }
    let concat = Node {
        label: "features".into(),
        combine: Combine::Concat,
        op: Some(Op::new("max_pool").with("kernel", 3_usize)),
    };
    graph.nodes.push(concat);
    let to = graph.nodes.len() - 1;
    graph.edges.extend([last, stem].map(|from| Edge { from, to, op: None, coefficient: None }));
    let dropout = Op::new("dropout").with("rate", Attribute::Float(0.5));
    graph.then("dropout", dropout);
    graph.then("head", Op::new("linear").with("features", 100_usize));
    graph.check().unwrap();
    graph
}
