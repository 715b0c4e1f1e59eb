//! Plots of runs and drawings of architectures: runs to figures, figures to SVG and PNG.
