//! `cargo xtask check-cuda`: whether what trains on NVIDIA GPUs compiles, on a machine without one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use xtask::binary::{cargo, workspace};

use crate::python::{environment, output, pip_install};
use crate::say;

/// What can be said to `cargo xtask check-cuda`.
#[derive(clap::Args)]
#[command(after_help = "\
Needs Python 3 with venv, and gcc; no GPU, no driver and no CUDA. The compiler of CUDA comes from
PyPI, 440 MB in target/cuda, which may be deleted. The first time takes about 12 minutes of a
processor, nearly all of it for the kernels of candle; later ones take seconds.
This says that the code compiles, and nothing of what it does: for that a GPU has to run it.
There is no such command for Metal: its libraries are on macOS only. There, try
  cargo check -p nascent --features metal")]
pub(crate) struct Args {}

/// The packages with the compiler, its headers and the libraries that candle's kernels name. All of
/// one release: a later one may be unknown to the bindings that candle uses.
const PACKAGES: [&str; 6] = [
    "nvidia-cuda-nvcc==13.2.78",
    "nvidia-cuda-crt==13.2.78",
    "nvidia-nvvm==13.2.78",
    "nvidia-cuda-cccl==13.2.75",
    "nvidia-cuda-runtime==13.2.75",
    "nvidia-curand==10.4.2.55",
];

/// The kind of GPU that is compiled for: those from 2020 on, the first with `bf16`.
const COMPUTE_CAPABILITY: &str = "80";

/// Runs the command.
pub(crate) fn run(_: &Args) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this command is for Linux: elsewhere, install CUDA");
    let folder = workspace().join("target/cuda");
    let toolkit = install(&folder)?;
    let mut paths = vec![toolkit.join("bin")];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut check = cargo();
    check.args(["check", "--package", "nascent", "--features", "cuda", "--target-dir"]);
    check.arg(folder.join("build"));
    check.env("PATH", std::env::join_paths(paths)?);
    // The build scripts ask for it by different names.
    for name in ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDA_TOOLKIT_ROOT_DIR"] {
        check.env(name, &toolkit);
    }
    check.env("CUDA_COMPUTE_CAP", COMPUTE_CAPABILITY);
    say("checking nascent with the feature cuda, in target/cuda");
    let status = check.status().context("cargo did not start")?;
    if !status.success() {
        bail!("the code does not compile with the feature cuda: see above");
    }
    say("all is well: it compiles; no GPU has run it");
    Ok(())
}

/// Finds the compiler of CUDA in this folder, or installs it there. Returns where it is.
fn install(folder: &Path) -> Result<PathBuf> {
    let packages = folder.join("packages");
    let toolkit = packages.join("nvidia/cu13");
    // Written last, so that an installation that was interrupted begins anew.
    let complete = folder.join("complete");
    let wanted = PACKAGES.join(" ");
    if fs::read_to_string(&complete).is_ok_and(|installed| installed == wanted) {
        return Ok(toolkit);
    }
    say(&format!("installing CUDA's compiler into {}, 440 MB", folder.display()));
    if packages.exists() {
        fs::remove_dir_all(&packages)?;
    }
    let python = environment(&folder.join("python"))?;
    let mut pip = pip_install(&python);
    pip.args(["--no-deps", "--only-binary", ":all:", "--target"]).arg(&packages).args(PACKAGES);
    output(&mut pip)?;
    fs::write(&complete, wanted)?;
    Ok(toolkit)
}
