//! `nascent kernel`: the Jupyter kernel, installed, removed and looked at.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::args::{KernelArgs, KernelCommand, KernelInstallArgs, KernelPlaceArgs};

/// The name of the kernel for Jupyter.
const NAME: &str = "nascent";

/// Runs the command.
pub(crate) fn run(args: &KernelArgs, out: &mut dyn Write) -> Result<()> {
    match &args.command {
        KernelCommand::Install(args) => install(args, out),
        KernelCommand::Uninstall(place) => uninstall(place, out),
        KernelCommand::Doctor(place) => doctor(place, out),
    }
}

/// The sources that this program was made of: the kernel is compiled from there, and the toolkit for
/// each version of the compiler.
fn sources() -> Result<PathBuf> {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources = std::env::var_os("NASCENT_SOURCES").map_or(compiled, PathBuf::from);
    let has_kernel = sources.join("crates/kernel/Cargo.toml").exists();
    ensure!(
        has_kernel,
        "the sources of Nascent are not in {} any more; say NASCENT_SOURCES=FOLDER",
        sources.display()
    );
    Ok(sources.canonicalize()?)
}

/// Where the program of the kernel goes.
fn programs() -> Result<PathBuf> {
    let own = std::env::var_os("NASCENT_CACHE").map(PathBuf::from);
    let cache = own.or_else(|| Some(dirs::cache_dir()?.join("nascent")));
    cache.context("there is no cache folder; say NASCENT_CACHE=FOLDER")
}

fn program() -> Result<PathBuf> {
    let name = format!("nascent-kernel{}", std::env::consts::EXE_SUFFIX);
    Ok(programs()?.join("bin").join(name))
}

/// Where Jupyter looks for the kernel.
fn kernelspec(place: &KernelPlaceArgs) -> Result<PathBuf> {
    let data = if let Some(prefix) = &place.prefix {
        prefix.join("share/jupyter")
    } else if let Some(data) = std::env::var_os("JUPYTER_DATA_DIR") {
        PathBuf::from(data)
    } else if cfg!(target_os = "macos") {
        dirs::home_dir().context("there is no home folder")?.join("Library/Jupyter")
    } else {
        dirs::data_dir().context("there is no data folder; say --prefix FOLDER")?.join("jupyter")
    };
    Ok(data.join("kernels").join(NAME))
}

fn install(args: &KernelInstallArgs, out: &mut dyn Write) -> Result<()> {
    let (sources, program) = (sources()?, program()?);
    if args.program.is_none() {
        say("compiling the kernel, some minutes")?;
        let mut cargo = Command::new("cargo");
        cargo.arg("install").arg("--path").arg(sources.join("crates/kernel"));
        cargo.args(["--locked", "--force", "--root"]).arg(programs()?);
        let status =
            cargo.status().context("cargo does not start; install Rust: https://rustup.rs")?;
        ensure!(status.success(), "the kernel cannot be compiled; cargo says why above");
    }
    let program = args.program.clone().unwrap_or(program);
    if !args.without_toolkit {
        say("compiling the toolkit for notebooks, some minutes, once for each version")?;
        let status = Command::new(&program).arg("prepare").status();
        let status = status.with_context(|| format!("{} does not start", program.display()))?;
        ensure!(status.success(), "the toolkit cannot be compiled; what is said above tells why");
    }
    let folder = kernelspec(&args.place)?;
    fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be made; say --prefix FOLDER", folder.display()))?;
    // Jupyter may be started without what was said here.
    let own: BTreeMap<&str, String> = ["NASCENT_CACHE", "NASCENT_SOURCES"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .collect();
    let spec = json!({
        "argv": [program, "serve", "{connection_file}"],
        "env": own,
        "display_name": "Rust (Nascent)",
        "language": "rust",
        "interrupt_mode": "message",
        "metadata": { "debugger": false },
    });
    fs::write(folder.join("kernel.json"), serde_json::to_string_pretty(&spec)?)?;
    fs::write(folder.join("logo-svg.svg"), logo::svg())?;
    for size in [32, 64] {
        fs::write(folder.join(format!("logo-{size}x{size}.png")), logo::png(size)?)?;
    }
    writeln!(out, "The kernel \"Rust (Nascent)\" is installed in {}", folder.display())?;
    writeln!(out, "Open a notebook with it: jupyter lab")?;
    Ok(())
}

fn uninstall(place: &KernelPlaceArgs, out: &mut dyn Write) -> Result<()> {
    let folder = kernelspec(place)?;
    if !folder.exists() {
        bail!("no kernel is installed in {}", folder.display());
    }
    fs::remove_dir_all(&folder)?;
    writeln!(out, "{} is removed", folder.display())?;
    let programs = programs()?;
    for part in ["bin", "toolkit", "known", "sessions"] {
        let part = programs.join(part);
        if part.exists() {
            fs::remove_dir_all(&part)?;
            writeln!(out, "{} is removed", part.display())?;
        }
    }
    Ok(())
}

/// Says what is there and what is missing, and how that is mended.
fn doctor(place: &KernelPlaceArgs, out: &mut dyn Write) -> Result<()> {
    let mut missing = 0;
    let mut check = |what: &str, found: Option<String>, mend: &str| -> Result<()> {
        missing += usize::from(found.is_none());
        let line = found.map_or_else(
            || format!("missing  {what}; {mend}"),
            |found| format!("ok       {what}: {found}"),
        );
        Ok(writeln!(out, "{line}")?)
    };
    check("rustc", first_line("rustc", &["--version"]), "install Rust: https://rustup.rs")?;
    check("cargo", first_line("cargo", &["--version"]), "install Rust: https://rustup.rs")?;
    let jupyter = first_line("jupyter", &["--version"]);
    check("jupyter", jupyter, "install it: pip install jupyterlab")?;
    check(
        "sources",
        sources().ok().map(|path| path.display().to_string()),
        "say NASCENT_SOURCES=FOLDER",
    )?;
    let install = "run: nascent kernel install";
    let spec = kernelspec(place)?.join("kernel.json");
    let text = fs::read_to_string(&spec).ok();
    check("kernelspec", text.as_ref().map(|_| spec.display().to_string()), install)?;
    let named = text.and_then(|text| {
        let spec: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(PathBuf::from(spec["argv"][0].as_str()?))
    });
    let program = named.or_else(|| program().ok()).filter(|program| program.exists());
    check("program", program.as_ref().map(|path| path.display().to_string()), install)?;
    let toolkit = program.and_then(|program| {
        let output = Command::new(program).arg("where").output().ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().find(|line| line.contains("toolkit (compiled)"))?.to_owned();
        Some(line.trim_start_matches("nascent-kernel: ").to_owned())
    });
    check("toolkit", toolkit, install)?;
    match missing {
        0 => writeln!(out, "All is there.")?,
        count => bail!("{count} of these are missing"),
    }
    Ok(())
}

fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_owned())
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}

/// A cell: four nodes, and what connects them.
mod logo {
    use std::fmt::Write as _;

    use anyhow::Result;

    /// The size of the picture.
    const SIZE: f64 = 64.0;
    const NODES: [(f64, f64); 4] = [(12.0, 32.0), (32.0, 14.0), (32.0, 50.0), (52.0, 32.0)];
    const EDGES: [(usize, usize); 5] = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)];
    const RADIUS: f64 = 8.0;
    const WIDTH: f64 = 3.0;
    const NODE: [u8; 3] = [0xb7, 0x41, 0x0e];
    const EDGE: [u8; 3] = [0x8a, 0x8a, 0x8a];

    pub(super) fn svg() -> String {
        let color = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
        let mut svg =
            format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIZE} {SIZE}\">");
        for (a, b) in EDGES {
            let ((x1, y1), (x2, y2)) = (NODES[a], NODES[b]);
            let color = color(EDGE);
            let _always = write!(
                svg,
                "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{color}\" \
                 stroke-width=\"{WIDTH}\"/>"
            );
        }
        for (x, y) in NODES {
            let color = color(NODE);
            let _always =
                write!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{RADIUS}\" fill=\"{color}\"/>");
        }
        svg + "</svg>"
    }

    /// The same in dots, with smooth borders.
    pub(super) fn png(size: u32) -> Result<Vec<u8>> {
        let mut pixels = Vec::new();
        for y in 0..size {
            for x in 0..size {
                let place = |at: u32| (f64::from(at) + 0.5) * SIZE / f64::from(size);
                let at = (place(x), place(y));
                let node = NODES.iter().map(|node| distance(at, *node, *node) - RADIUS);
                let edge =
                    EDGES.iter().map(|(a, b)| distance(at, NODES[*a], NODES[*b]) - WIDTH / 2.0);
                let covered =
                    |nearest: f64| (0.5 - nearest * f64::from(size) / SIZE).clamp(0.0, 1.0);
                let node = covered(node.fold(f64::INFINITY, f64::min));
                let edge = covered(edge.fold(f64::INFINITY, f64::min)) * (1.0 - node);
                let alpha = node + edge;
                let mixed = |at: usize| {
                    let sum = node * f64::from(NODE[at]) + edge * f64::from(EDGE[at]);
                    (sum / alpha.max(1e-9)).round() as u8
                };
                pixels.extend([mixed(0), mixed(1), mixed(2), (alpha * 255.0).round() as u8]);
            }
        }
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, size, size);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(file)
    }

    /// The distance of a point from a line between two others.
    fn distance((x, y): (f64, f64), (ax, ay): (f64, f64), (bx, by): (f64, f64)) -> f64 {
        let (dx, dy) = (bx - ax, by - ay);
        let length = (dx * dx + dy * dy).max(1e-12);
        let along = (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0);
        (x - ax - along * dx).hypot(y - ay - along * dy)
    }
}
