//! Pictures as HTML.

use nascent_figures::{RenderOptions, Theme, draw_graph, render_svg};
use nascent_record::Graph;

use crate::Bundle;
use crate::html::{both, escape, styled};

/// Something that went wrong, where a picture would be.
pub(crate) fn problem(text: &str) -> Bundle {
    let html = format!("<span style=\"color:var(--jp-error-color1,#c00)\">{}</span>", escape(text));
    Bundle::new(styled(&html), text)
}

/// A picture as SVG, for light pages and for dark ones.
pub(crate) fn bundle(picture: nascent_figures::Picture<'_>) -> Bundle {
    let svg = |theme: Theme| render_svg(picture, &RenderOptions { theme, ..Default::default() });
    let title = match picture {
        nascent_figures::Picture::Figure(figure) => &figure.title,
        nascent_figures::Picture::Drawing(drawing) => &drawing.title,
    };
    match (svg(Theme::Light), svg(Theme::Dark)) {
        (Ok(light), Ok(dark)) => Bundle::new(styled(&both(&light, &dark)), format!("[{title}]")),
        (Err(error), _) | (_, Err(error)) => problem(&error.to_string()),
    }
}

/// A network as a drawing: of one with cells the first cell.
pub(crate) fn graph(graph: &Graph) -> Bundle {
    bundle((&draw_graph(graph.cells.values().next().unwrap_or(graph))).into())
}

/// The cells of a network, or the network itself if it has none.
pub(crate) fn drawings(graph: &Graph) -> String {
    let drawn = |graph: &Graph| bundle((&draw_graph(graph)).into()).html.unwrap_or_default();
    if graph.cells.is_empty() { drawn(graph) } else { graph.cells.values().map(drawn).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_there_for_light_and_for_dark_pages() {
        let mut network = Graph::new("net");
        network.then("stem", nascent_record::Op::new("conv"));
        let html = graph(&network).html.unwrap();
        assert_eq!(html.matches("<svg").count(), 2);
        assert!(html.contains("class=\"dark\""));
    }
}
