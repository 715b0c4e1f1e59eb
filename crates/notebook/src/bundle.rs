//! What a value looks like.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::channel::Place;

/// One value in several forms: HTML for notebooks, text for terminals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// For notebooks.
    pub html: Option<String>,
    /// For terminals.
    pub text: String,
}

impl Bundle {
    /// Text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self { html: None, text: text.into() }
    }

    /// Both.
    pub fn new(html: impl Into<String>, text: impl Into<String>) -> Self {
        Self { html: Some(html.into()), text: text.into() }
    }

    /// Shows it as the output of the cell: in one piece, as other threads may print too.
    pub fn print(&self) {
        let block = |mime: &str, body: &str| {
            format!("EVCXR_BEGIN_CONTENT {mime}\n{body}\nEVCXR_END_CONTENT\n")
        };
        let mut all = block("text/plain", &self.text);
        if let Some(html) = &self.html {
            all += &block("text/html", html);
        }
        let mut out = std::io::stdout().lock();
        let _nobody_reads = out.write_all(all.as_bytes()).and_then(|()| out.flush());
    }

    /// Shows it below the cell at once, before the cell ends; in a kernel that is not ours, at its end.
    pub fn show(&self) {
        static SHOWN: AtomicU64 = AtomicU64::new(0);
        let number = SHOWN.fetch_add(1, Ordering::Relaxed);
        let id = format!("shown-{}-{number}", std::process::id());
        if Place::show(id, self).is_none() {
            self.print();
        }
    }

    /// The forms by their MIME types.
    pub(crate) fn data(&self) -> nascent_wire::Data {
        let html = self.html.iter().map(|html| ("text/html".to_owned(), html.as_str().into()));
        html.chain([("text/plain".to_owned(), self.text.as_str().into())]).collect()
    }
}
