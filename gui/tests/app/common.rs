//! The app in a harness.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::wgpu::WgpuTestRenderer;
use nascent_gui::{App, Settings, ThemeChoice};
use nascent_record::Clock;

/// A clock that stands still until it is moved.
#[derive(Default)]
pub(crate) struct Still(pub(crate) AtomicU64);

impl Clock for Still {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The app once it has a context.
pub(crate) struct Window {
    folders: Vec<PathBuf>,
    show: Vec<PathBuf>,
    panels: Vec<String>,
    theme: ThemeChoice,
    app: Option<App>,
}

impl Window {
    pub(crate) fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }
}

/// How the app is opened.
pub(crate) struct Opening {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) show: Vec<PathBuf>,
    pub(crate) panels: Vec<&'static str>,
    pub(crate) theme: ThemeChoice,
    pub(crate) size: [f32; 2],
    /// What draws pictures of it; without one there are none.
    pub(crate) renderer: Option<WgpuTestRenderer>,
}

impl Default for Opening {
    fn default() -> Self {
        let (folders, show, panels) = (Vec::new(), Vec::new(), Vec::new());
        let (theme, size) = (ThemeChoice::default(), [1500.0, 950.0]);
        Self { folders, show, panels, theme, size, renderer: None }
    }
}

pub(crate) type Opened = Harness<'static, Window>;

/// Opens the app, and waits until all is read and drawn.
pub(crate) fn open(opening: Opening) -> Opened {
    let Opening { folders, show, panels, theme, size, renderer } = opening;
    let panels = panels.into_iter().map(str::to_owned).collect();
    let window = Window { folders, show, panels, theme, app: None };
    let builder = Harness::builder().with_size(size);
    let builder = match renderer {
        Some(renderer) => builder.renderer(renderer),
        None => builder,
    };
    let mut harness = builder.build_ui_state(
        |ui, window: &mut Window| {
            let app = window.app.get_or_insert_with(|| {
                let mut settings = Settings::default();
                settings.theme = window.theme;
                let clock = Arc::new(Still(AtomicU64::new(1_795_800_000_000)));
                let mut app = App::new(ui.ctx(), &window.folders, settings, clock).unwrap();
                app.show_at_first(&window.show);
                for panel in &window.panels {
                    app.open_panel(panel).unwrap();
                }
                app
            });
            app.ui(ui);
        },
        window,
    );
    settle(&mut harness);
    harness
}

/// Draws until nothing is being read or computed any more.
pub(crate) fn settle(harness: &mut Opened) {
    let mut settled = 0;
    for _ in 0..4000 {
        harness.step();
        settled = if harness.state().app().is_settled() { settled + 1 } else { 0 };
        if settled > 3 {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("the app never settled");
}

/// Draws until the text is somewhere in the window.
pub(crate) fn wait_for(harness: &mut Opened, text: &str) {
    for _ in 0..2000 {
        harness.step();
        if sees(harness, text) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("\"{text}\" never appeared; there is {:?}", labels(harness));
}

/// Whether a label of the window contains the text.
pub(crate) fn sees(harness: &Opened, text: &str) -> bool {
    harness.query_all_by_label_contains(text).next().is_some()
}

/// All labels of the window.
pub(crate) fn labels(harness: &Opened) -> Vec<String> {
    use egui_kittest::kittest::NodeT as _;
    let all = harness.query_all_by(|node| node.label().is_some() || node.value().is_some());
    let text = |node: egui_kittest::Node<'_>| {
        let node = node.accesskit_node();
        node.label().or_else(|| node.value())
    };
    all.filter_map(text).collect()
}

/// Writes into a text field and draws.
pub(crate) fn write(harness: &mut Opened, field: &str, text: &str) {
    let node = harness.get_by(|node| {
        node.label().as_deref() == Some(field) && node.role() == egui::Role::TextInput
    });
    node.focus();
    harness.step();
    harness.event(egui::Event::Text(text.to_owned()));
    settle(harness);
}

/// Writes into a text field in place of what stands there, and draws.
pub(crate) fn rewrite(harness: &mut Opened, field: &str, text: &str) {
    let node = harness.get_by(|node| {
        node.label().as_deref() == Some(field) && node.role() == egui::Role::TextInput
    });
    node.focus();
    harness.step();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.step();
    harness.event(egui::Event::Text(text.to_owned()));
    settle(harness);
}
