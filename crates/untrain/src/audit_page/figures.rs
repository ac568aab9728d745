//! The drawings of a game: its ROC curve on logarithmic axes and the distribution of its scores, as SVG whose colours the style sheet gives.

use untrain_audit::{Curve, Curves, Question, metric};

use crate::page::html::number;
use crate::page::svg::Svg;

const LEFT: f64 = 62.0;
const RIGHT: f64 = 404.0;
const TOP: f64 = 16.0;

/// Where the axes of a ROC curve cross.
const BOTTOM: f64 = 316.0;

/// The height of the drawing of one distribution, and the room between two.
const PANEL: (f64, f64) = (78.0, 22.0);

/// How the kinds of models are called, by the class that gives their colour and dashes.
pub(super) const KINDS: [(&str, &str); 5] = [
    ("candidate", "unlearned"),
    ("null", "second retrain (null)"),
    ("original", "original (control)"),
    ("nothing", "did nothing"),
    ("scratch", "equal cost"),
];

/// The curves in the order of [`KINDS`].
pub(super) fn of_kinds(curves: &Curves) -> [Option<&Curve>; 5] {
    let Curves { metric: _, fpr: _, borders: _, candidate, null, positive_control, scratch, do_nothing } = curves;
    [Some(candidate), Some(null), Some(positive_control), do_nothing.as_ref(), scratch.as_ref()]
}

/// The ROC curves of a game.
pub(super) fn roc(curves: &Curves) -> String {
    let title = metric(&curves.metric).map_or(curves.metric.as_str(), |metric| metric.title);
    let areas: Vec<String> = KINDS
        .iter()
        .zip(of_kinds(curves))
        .filter_map(|((_, name), curve)| curve.map(|curve| format!("{name} {}", number(curve.power.auc))))
        .collect();
    let mut svg = Svg::new(BOTTOM + 106.0, &format!("roc-{}", curves.metric), &format!("ROC curves: {title}"), &areas_told(&areas));
    let axes = LogAxes::new(curves.fpr.first().copied().unwrap_or(1.0));
    axes.draw(&mut svg);
    // The candidate is drawn last, so that nothing hides it.
    for ((class, _), curve) in KINDS.iter().zip(of_kinds(curves)).rev() {
        if let Some(curve) = curve {
            let points = curves.fpr.iter().zip(&curve.tpr).map(|(fpr, tpr)| (axes.x(*fpr), axes.y(*tpr)));
            svg.line(&format!("curve {class}"), points);
        }
    }
    let named = KINDS.iter().zip(of_kinds(curves)).filter(|(_, curve)| curve.is_some());
    for (place, ((class, name), _)) in named.enumerate() {
        let (x, y) = (LEFT + 182.0 * (place % 2) as f64, BOTTOM + 58.0 + 20.0 * (place / 2) as f64);
        svg.line(&format!("curve {class}"), [(x, y - 4.0), (x + 34.0, y - 4.0)].into_iter());
        svg.text("key", (x + 42.0, y), name);
    }
    svg.finish()
}

fn areas_told(areas: &[String]) -> String {
    format!("True positive rate over false positive rate, both logarithmic. Areas under the curves: {}.", areas.join(", "))
}

/// Axes from the least rate to 1.
struct LogAxes {
    decades: f64,
}

impl LogAxes {
    fn new(least: f64) -> Self {
        Self { decades: (-libm::log10(least.clamp(1e-9, 1.0))).clamp(1.0, 4.0) }
    }

    /// How far along its axis a rate lies, from 0 to 1.
    fn along(&self, rate: f64) -> f64 {
        1.0 + (libm::log10(rate.max(1e-9)) / self.decades).clamp(-1.0, 0.0)
    }

    fn x(&self, rate: f64) -> f64 {
        LEFT + self.along(rate) * (RIGHT - LEFT)
    }

    fn y(&self, rate: f64) -> f64 {
        BOTTOM - self.along(rate) * (BOTTOM - TOP)
    }

    fn draw(&self, svg: &mut Svg) {
        for decade in 0..=(self.decades + 1e-9) as i32 {
            let rate = libm::pow(10.0, -f64::from(decade));
            let (x, y) = (self.x(rate), self.y(rate));
            svg.line("grid", [(x, TOP), (x, BOTTOM)].into_iter());
            svg.line("grid", [(LEFT, y), (RIGHT, y)].into_iter());
            let label = format!("{:.*} %", usize::try_from(decade - 2).unwrap_or(0), 100.0 * rate);
            svg.text("tick middle", (x, BOTTOM + 17.0), &label);
            svg.text("tick end", (LEFT - 7.0, y + 4.0), &label);
        }
        svg.line("diagonal", [(LEFT, BOTTOM), (RIGHT, TOP)].into_iter());
        svg.line("axis", [(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)].into_iter());
        svg.text("label middle", (f64::midpoint(LEFT, RIGHT), BOTTOM + 35.0), "false positive rate");
        svg.upright((14.0, f64::midpoint(TOP, BOTTOM)), "true positive rate");
        svg.text("tick end", (RIGHT - 6.0, BOTTOM - 8.0), "diagonal: guessing");
    }
}

/// The distributions of the scores of the candidate, of the null and of the original, each as two sides.
pub(super) fn distribution(curves: &Curves) -> String {
    let asked = metric(&curves.metric);
    let title = asked.map_or(curves.metric.as_str(), |metric| metric.title);
    let sides = match asked.map(|metric| metric.question) {
        Some(Question::Efficacy) => ["these models", "retrained models"],
        _ => ["records they were trained on", "records never seen"],
    };
    let panels = [(KINDS[0].1, &curves.candidate), (KINDS[1].1, &curves.null), (KINDS[2].1, &curves.positive_control)];
    let bottom = TOP + 3.0 * (PANEL.0 + PANEL.1);
    let told = format!("Share of the judgements by score, {} against {}, for unlearned, second retrain and original.", sides[0], sides[1]);
    let mut svg = Svg::new(bottom + 106.0, &format!("scores-{}", curves.metric), &format!("Distributions of scores: {title}"), &told);
    let tallest = panels.iter().flat_map(|(_, curve)| [shares(&curve.members), shares(&curve.others)].concat()).fold(1e-9, f64::max);
    for (place, (name, curve)) in panels.into_iter().enumerate() {
        let base = TOP + (place as f64 + 1.0) * (PANEL.0 + PANEL.1);
        let scale = |share: f64| base - PANEL.0 * share / tallest;
        svg.area("members", &steps(&shares(&curve.members), base, scale));
        svg.area("others", &steps(&shares(&curve.others), base, scale));
        svg.line("axis", [(LEFT, base - PANEL.0), (LEFT, base), (RIGHT, base)].into_iter());
        svg.text("tick end", (LEFT - 7.0, base + 4.0), "0");
        svg.text("tick end", (LEFT - 7.0, base - PANEL.0 + 9.0), &format!("{:.0} %", 100.0 * tallest));
        svg.text("label", (LEFT + 4.0, base - PANEL.0 - 4.0), name);
    }
    score_axis(&mut svg, &curves.borders, bottom);
    svg.upright((14.0, f64::midpoint(TOP, bottom)), "share of judgements");
    for (place, (class, side)) in ["members", "others"].into_iter().zip(sides).enumerate() {
        let y = bottom + 58.0 + 20.0 * place as f64;
        svg.area(class, &[(LEFT, y + 1.0), (LEFT, y - 10.0), (LEFT + 34.0, y - 10.0), (LEFT + 34.0, y + 1.0)]);
        svg.text("key", (LEFT + 42.0, y), side);
    }
    svg.finish()
}

fn shares(counts: &[u64]) -> Vec<f64> {
    let all = counts.iter().sum::<u64>().max(1) as f64;
    counts.iter().map(|count| *count as f64 / all).collect()
}

/// The outline of bars, from the base line back to it.
fn steps(shares: &[f64], base: f64, scale: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let width = (RIGHT - LEFT) / shares.len().max(1) as f64;
    let mut outline = vec![(LEFT, base)];
    for (place, share) in shares.iter().enumerate() {
        let x = LEFT + width * place as f64;
        outline.extend([(x, scale(*share)), (x + width, scale(*share))]);
    }
    outline.push((RIGHT, base));
    outline
}

/// The axis of the scores, along which bars of equal steps in asinh are equally wide.
fn score_axis(svg: &mut Svg, borders: &[f64], bottom: f64) {
    let (low, high) = (borders.first().copied().unwrap_or(0.0), borders.last().copied().unwrap_or(1.0));
    let (from, to) = (libm::asinh(low), libm::asinh(high));
    let mut last = f64::NEG_INFINITY;
    for tick in if low.abs().max(high.abs()) > 4.0 { powers(low, high) } else { ticks(low, high) } {
        let x = LEFT + (libm::asinh(tick) - from) / (to - from) * (RIGHT - LEFT);
        svg.line("axis", [(x, bottom), (x, bottom + 4.0)].into_iter());
        if x - last > 38.0 {
            svg.text("tick middle", (x, bottom + 17.0), &tick_label(tick, high - low));
            last = x;
        }
    }
    svg.text("label middle", (f64::midpoint(LEFT, RIGHT), bottom + 35.0), "score: the higher, the more like a member");
}

/// 0 and the powers of ten of either sign between two numbers.
fn powers(low: f64, high: f64) -> Vec<f64> {
    let sizes: Vec<f64> = (0..10).map(|power| libm::pow(10.0, f64::from(power))).collect();
    let all = sizes.iter().rev().map(|size| -size).chain([0.0]).chain(sizes.iter().copied());
    all.filter(|tick| (low..=high).contains(tick)).collect()
}

/// About five round numbers between two.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    if !(rough.is_finite() && rough > 0.0) {
        return Vec::new();
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|of| of * power).find(|step| *step >= rough).unwrap_or(10.0 * power);
    let first = libm::ceil(low / step - 1e-9);
    (0..8).map(|i| (first + f64::from(i)) * step).filter(|tick| *tick <= high + 1e-9 * step).collect()
}

fn tick_label(tick: f64, width: f64) -> String {
    let digits = (1.0 - libm::floor(libm::log10(width))).clamp(0.0, 4.0) as usize;
    let text = if tick.abs() >= 1e5 { number(tick) } else { format!("{tick:.digits$}") };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_begin_at_what_the_judgements_resolve() {
        assert_eq!([0.5, 0.1, 0.001, 1e-7].map(|least| LogAxes::new(least).decades), [1.0, 1.0, 3.0, 4.0]);
        let axes = LogAxes::new(0.001);
        assert_eq!([axes.x(1.0), axes.x(0.001), axes.x(0.0), axes.y(1.0)], [RIGHT, LEFT, LEFT, TOP]);
    }

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!((ticks(-3.2, 7.1), ticks(-0.25, 1.0)), (vec![0.0, 5.0], vec![0.0, 0.5, 1.0]));
        assert_eq!(tick_label(0.1 + 0.2, 1.0), "0.3");
        assert_eq!(powers(-20.0, 3.0), [-10.0, -1.0, 0.0, 1.0]);
        assert!(ticks(1.0, 1.0).is_empty() && ticks(0.0, f64::INFINITY).is_empty());
    }
}
