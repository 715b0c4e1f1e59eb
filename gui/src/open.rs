//! From the command line to the window.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use nascent_record::SystemClock;

use crate::{App, Settings, ThemeChoice};

/// The desktop app of Nascent: see, follow and compare search runs.
#[derive(clap::Parser, Debug)]
#[command(name = "nascent-gui", version)]
pub struct Options {
    /// Folders of runs, or runs
    #[arg(default_value = "runs")]
    pub runs: Vec<PathBuf>,
    /// Open in this theme [default: that of last time]
    #[arg(long, value_parser = ["light", "dark", "system"])]
    pub theme: Option<String>,
    /// Begin with the settings and the layout of a first start
    #[arg(long)]
    pub fresh: bool,
    /// Size of the window in points, such as 1440x900 [default: that of last time]
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub size: Option<[f32; 2]>,
    /// Show these runs at first, not the newest; repeatable
    #[arg(long, value_name = "RUN")]
    pub show: Vec<PathBuf>,
    /// Bring these panels to the front, by the name of a panel or plot; repeatable
    #[arg(long, value_name = "NAME")]
    pub panel: Vec<String>,
    /// Show all seeds of the settings of these runs, each setting as one line
    #[arg(long)]
    pub group: bool,
    /// Write a picture of the window as PNG when all is drawn, then close
    #[arg(long, value_name = "FILE")]
    pub screenshot: Option<PathBuf>,
}

fn size(text: &str) -> Result<[f32; 2], String> {
    let parsed = text.split_once('x').and_then(|(w, h)| Some([w.parse().ok()?, h.parse().ok()?]));
    parsed
        .filter(|size| size.iter().all(|side: &f32| (320.0..=8000.0).contains(side)))
        .ok_or_else(|| format!("\"{text}\" is no size from 320x320 to 8000x8000, such as 1440x900"))
}

/// The size of the window at the first start, in points.
const FIRST_SIZE: [f32; 2] = [1440.0, 900.0];

/// The name of the settings in the app's storage.
const SETTINGS: &str = "settings";

/// Opens the window, and returns when it is closed.
///
/// # Errors
/// If there is no display, or the picture cannot be written.
pub fn run(options: Options) -> Result<()> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("Nascent")
        .with_app_id("nascent-gui")
        .with_inner_size(options.size.unwrap_or(FIRST_SIZE))
        .with_min_inner_size([480.0, 360.0]);
    let native = eframe::NativeOptions {
        viewport,
        // A window that is remembered would have its own size.
        persist_window: options.screenshot.is_none() && options.size.is_none(),
        ..eframe::NativeOptions::default()
    };
    let outcome = Arc::new(std::sync::Mutex::new(None));
    let told = Arc::clone(&outcome);
    let create: eframe::AppCreator<'_> = Box::new(move |cc| {
        if options.fresh {
            // Widths of columns and the like are no settings of ours.
            cc.egui_ctx.memory_mut(|memory| *memory = egui::Memory::default());
        }
        let stored = cc.storage.filter(|_| !options.fresh);
        let mut settings: Settings =
            stored.and_then(|s| eframe::get_value(s, SETTINGS)).unwrap_or_default();
        settings.theme = match options.theme.as_deref() {
            Some("light") => ThemeChoice::Light,
            Some("dark") => ThemeChoice::Dark,
            Some("system") => ThemeChoice::System,
            _ => settings.theme,
        };
        let mut app = App::new(&cc.egui_ctx, &options.runs, settings, Arc::new(SystemClock))?;
        app.show_at_first(&options.show);
        if options.group {
            app.group_seeds();
        }
        for name in &options.panel {
            app.open_panel(name).map_err(|problem| anyhow!(problem))?;
        }
        Ok(Box::new(Window { app, shot: options.screenshot.map(Shot::new), told }))
    });
    let ran = eframe::run_native("nascent-gui", native, create);
    ran.map_err(|error| anyhow!("{error}")).context(
        "the window cannot be opened; the app needs a display (DISPLAY or WAYLAND_DISPLAY) and OpenGL",
    )?;
    let outcome = outcome.lock().ok().and_then(|mut outcome| outcome.take());
    outcome.unwrap_or(Ok(()))
}

/// The app in a window of the desktop.
struct Window {
    app: App,
    shot: Option<Shot>,
    told: Arc<std::sync::Mutex<Option<Result<()>>>>,
}

/// A picture that is to be taken.
struct Shot {
    path: PathBuf,
    /// How many frames in a row had nothing left to wait for.
    settled: u32,
    frames: u32,
    asked: bool,
}

impl Shot {
    fn new(path: PathBuf) -> Self {
        Self { path, settled: 0, frames: 0, asked: false }
    }
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.app.ui(ui);
        let Some(shot) = &mut self.shot else { return };
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(20));
        shot.frames += 1;
        shot.settled = if self.app.is_settled() { shot.settled + 1 } else { 0 };
        // Some frames more than needed, for what fades in.
        let patience_is_over = shot.frames > 3000;
        if !shot.asked && (shot.settled > 30 || patience_is_over) {
            shot.asked = true;
            let (path, told, ctx) = (shot.path.clone(), Arc::clone(&self.told), ui.ctx().clone());
            ui.ctx().request_screenshot(move |image| {
                if let Ok(mut told) = told.lock() {
                    *told = Some(write_png(&path, &image));
                }
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            });
        }
    }

    fn persist_egui_memory(&self) -> bool {
        self.shot.is_none()
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        // A picture is taken of a first start, which must not become the next one.
        if self.shot.is_none() {
            eframe::set_value(storage, SETTINGS, self.app.settings());
        }
    }
}

fn write_png(path: &std::path::Path, image: &egui::ColorImage) -> Result<()> {
    let at = || format!("cannot write {}", path.display());
    // A window has few colors side by side: sometimes the plain rows are shortest, sometimes the
    // differences of neighbors.
    let plain = png_bytes(image, png::AdaptiveFilterType::NonAdaptive).with_context(at)?;
    let filtered = png_bytes(image, png::AdaptiveFilterType::Adaptive).with_context(at)?;
    let shorter = if plain.len() < filtered.len() { plain } else { filtered };
    std::fs::write(path, shorter).with_context(at)
}

fn png_bytes(image: &egui::ColorImage, filter: png::AdaptiveFilterType) -> Result<Vec<u8>> {
    let [width, height] = image.size.map(|side| side as u32);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Best);
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_adaptive_filter(filter);
    let bytes: Vec<u8> = image.pixels.iter().flat_map(|p| [p.r(), p.g(), p.b()]).collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_numbers() {
        assert_eq!(size("1440x900"), Ok([1440.0, 900.0]));
        for text in ["1440", "ax9", "1x1", "nanx900", "99999x900"] {
            assert!(size(text).unwrap_err().contains("1440x900"), "{text}");
        }
    }
}
