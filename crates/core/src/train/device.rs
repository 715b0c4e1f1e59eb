//! Devices by name.

use candle_core::Device;
use nascent_record::suggestion;

use crate::{Error, Result};

/// The device with this name: cpu, cuda or metal. One that is not there is an error, and never
/// replaced by the CPU.
///
/// No GPU has run what Nascent trains there. That the code for cuda compiles is checked by `cargo
/// xtask check-cuda`; that for metal was never compiled. A program built with the feature `cuda`
/// does not start where the libraries of CUDA are missing.
///
/// # Errors
/// [`Error::Device`] if this build or machine has none.
pub fn device(name: &str) -> Result<Device> {
    let unavailable = |problem: String| Error::Device { device: name.to_owned(), problem };
    match name {
        "cpu" => Ok(Device::Cpu),
        "cuda" if cfg!(feature = "cuda") => {
            Device::new_cuda(0).map_err(|e| unavailable(e.to_string()))
        }
        "metal" if cfg!(feature = "metal") => {
            Device::new_metal(0).map_err(|e| unavailable(e.to_string()))
        }
        "cuda" | "metal" => {
            let problem =
                format!("this program was built without it; rebuild with --features {name}");
            Err(unavailable(problem))
        }
        _ => Err(unavailable(suggestion(name, ["cpu", "cuda", "metal"]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_says_how_to_get_it() {
        assert!(device("cpu").unwrap().is_cpu());
        assert!(device("gpu").unwrap_err().to_string().contains("cpu"));
        if !cfg!(feature = "metal") {
            assert_eq!(
                device("metal").unwrap_err().to_string(),
                "device \"metal\" is not available: this program was built without it; rebuild with \
                 --features metal"
            );
        }
    }
}
