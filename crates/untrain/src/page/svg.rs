//! Drawings as SVG whose colours the style sheet gives.

use std::fmt::Write as _;

use super::html::escaped;

/// How wide a drawing is, in its own units.
pub(crate) const WIDTH: f64 = 430.0;

/// A drawing that is being made.
pub(crate) struct Svg(String);

impl Svg {
    /// A drawing of a height, with an id, a title and what it tells in words.
    pub(crate) fn new(height: f64, id: &str, title: &str, told: &str) -> Self {
        let (id, title, told) = (escaped(id), escaped(title), escaped(told));
        Self(format!(
            "<svg viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
             <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{told}</desc>\n"
        ))
    }

    /// A line through points.
    pub(crate) fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let _ = writeln!(self.0, "<polyline class=\"{class}\" points=\"{}\"/>", listed(points));
    }

    /// An area between points.
    pub(crate) fn area(&mut self, class: &str, points: &[(f64, f64)]) {
        let _ = writeln!(self.0, "<polygon class=\"{class}\" points=\"{}\"/>", listed(points.iter().copied()));
    }

    /// A text.
    pub(crate) fn text(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        let _ = writeln!(self.0, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
    }

    /// A label that stands upright.
    pub(crate) fn upright(&mut self, (x, y): (f64, f64), text: &str) {
        let _ =
            writeln!(self.0, "<text class=\"label middle\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\">{}</text>", escaped(text));
    }

    /// A dot, and what it says when it is pointed at.
    pub(crate) fn dot(&mut self, class: &str, (x, y): (f64, f64), told: &str) {
        let _ = writeln!(self.0, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{}</title></circle>", escaped(told));
    }

    /// The drawing.
    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// Points as SVG lists them: only those that are finite.
fn listed(points: impl Iterator<Item = (f64, f64)>) -> String {
    let finite = points.filter(|(x, y)| x.is_finite() && y.is_finite());
    finite.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}
