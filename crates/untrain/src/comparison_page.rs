//! The page of a comparison: one HTML file without scripts and without anything from elsewhere, the frontier first.

use untrain_core::{Guarantee, count, counted, moment};

use crate::comparison::{Comparison, ComparisonRow, RowKind};
use crate::page::html::{Cell, Html, duration, number, percent};
use crate::page::svg::Svg;

const LEFT: f64 = 52.0;
const RIGHT: f64 = 404.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 300.0;
/// The axis of cost begins at this power of ten of a training.
const FIRST_DECADE: i32 = -3;

impl Comparison {
    /// The comparison as a page: one HTML file that needs no network, no script and no other file.
    pub fn page(&self) -> String {
        let mut page = Html::beginning(&format!("Unlearning methods on {}", self.model));
        page.raw("<h1>What does unlearning buy here, and at what price?</h1>\n");
        frontier(&mut page, self);
        words(&mut page, self);
        table(&mut page, self);
        methods(&mut page, self);
        how(&mut page, self);
        page.finish()
    }

    fn of(&self, kind: RowKind) -> impl Iterator<Item = &ComparisonRow> {
        self.rows.iter().filter(move |row| row.kind == kind)
    }
}

type Game = fn(&ComparisonRow) -> Option<f64>;

fn frontier(page: &mut Html, report: &Comparison) {
    page.section("At equal cost");
    page.paragraph(
        "quiet",
        "Each number is a method (the table below says which). Across: what it costs, as a share of the steps of a training. Up: how well it can be told, 0.5 is not \
         at all. The line is a network that was trained from the beginning, without the records, and stopped after as many steps: a method above the line buys \
         less than that. The dashed line is the second retrain, which is right by its nature; the dotted one the original, which forgot nothing.",
    );
    page.raw("<div class=\"figures two\">\n");
    let games: [(&str, &str, Game); 3] = [
        ("efficacy", "Told from a retrain (AUC)", |row| row.efficacy.as_ref().map(|measured| measured.value)),
        ("privacy", "Forgotten told from never seen (AUC)", |row| row.privacy.as_ref().map(|measured| measured.value)),
        ("accuracy", "Accuracy on records never seen", |row| row.accuracy_holdout),
    ];
    for (id, title, of) in games {
        page.raw(&drawing(report, id, title, of));
    }
    page.raw("</div>\n");
}

fn drawing(report: &Comparison, id: &str, title: &str, of: impl Fn(&ComparisonRow) -> Option<f64>) -> String {
    let values: Vec<f64> = report.rows.iter().filter_map(&of).collect();
    if values.is_empty() {
        return String::new();
    }
    let (low, high) = if id == "accuracy" {
        let low = values.iter().copied().fold(1.0, f64::min);
        ((10.0 * low).floor() / 10.0, 1.0)
    } else {
        (0.4, 1.0)
    };
    let dearest = report.rows.iter().map(|row| row.share).fold(1.0, f64::max);
    let last_decade = libm::ceil(libm::log10(dearest)) as i32;
    let (first, last) = (f64::from(FIRST_DECADE), f64::from(last_decade));
    let x = |share: f64| LEFT + (libm::log10(share).clamp(first, last) - first) / (last - first) * (RIGHT - LEFT);
    let y = |value: f64| BOTTOM - (value.clamp(low, high) - low) / (high - low).max(1e-9) * (BOTTOM - TOP);
    let told: Vec<String> =
        report.rows.iter().filter_map(|row| Some(format!("{} {} at {}", row.name, number(of(row)?), percent(row.share)))).collect();
    let mut svg = Svg::new(BOTTOM + 44.0, &format!("frontier-{id}"), title, &told.join(", "));
    for share in (FIRST_DECADE..=last_decade).map(|decade| libm::pow(10.0, f64::from(decade))) {
        svg.line("grid", [(x(share), TOP), (x(share), BOTTOM)].into_iter());
        svg.text("tick middle", (x(share), BOTTOM + 16.0), &percent(share));
    }
    let step = if high - low > 0.35 { 0.1 } else { 0.05 };
    for tick in (0..=20).map(|i| low + step * f64::from(i)).filter(|tick| *tick <= high + 1e-9) {
        svg.line("grid", [(LEFT, y(tick)), (RIGHT, y(tick))].into_iter());
        svg.text("tick end", (LEFT - 7.0, y(tick) + 4.0), &format!("{tick:.2}"));
    }
    svg.line("axis", [(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)].into_iter());
    svg.text("label middle", (f64::midpoint(LEFT, RIGHT), BOTTOM + 34.0), "cost, as a share of a training");
    svg.upright((14.0, f64::midpoint(TOP, BOTTOM)), title);
    for (kind, class) in [(RowKind::Second, "curve null"), (RowKind::Original, "curve original")] {
        if let Some(value) = report.of(kind).find_map(&of) {
            svg.line(class, [(LEFT, y(value)), (RIGHT, y(value))].into_iter());
        }
    }
    svg.line("curve candidate", report.of(RowKind::Scratch).filter_map(|row| Some((x(row.share), y(of(row)?)))));
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for (place, row) in report.of(RowKind::Method).enumerate() {
        let Some(value) = of(row) else { continue };
        let at = (x(row.share), y(value));
        // Of numbers that would lie on each other each later one moves on, and its dot stays.
        let mut label = (at.0, at.1 - 8.0);
        while taken.iter().any(|(x, y)| (x - label.0).abs() < 15.0 && (y - label.1).abs() < 11.0) {
            label.0 += 15.0;
            if label.0 > RIGHT {
                label = (at.0, label.1 - 12.0);
            }
        }
        taken.push(label);
        svg.dot(if row.suits { "dot" } else { "dot unsuited" }, at, &format!("{} {} at {}", row.name, number(value), percent(row.share)));
        svg.text("tick middle", label, &(place + 1).to_string());
    }
    svg.finish()
}

fn words(page: &mut Html, report: &Comparison) {
    page.section("In plain words");
    let methods: Vec<&ComparisonRow> = report.of(RowKind::Method).collect();
    let over = |of: fn(&crate::OverScratch) -> bool| methods.iter().filter(|row| row.over_scratch.as_ref().is_some_and(of)).count();
    let (worse, keeps) = (over(crate::OverScratch::forgets_worse), over(|over| over.accuracy_holdout.is_some_and(|gain| gain > 0.0)));
    page.paragraph(
        "",
        &format!(
            "{worse} of {} leave more to be told about who was forgotten than a network that was trained from the beginning for as many steps; {keeps} are more accurate on \
             records never seen than that network. What a method buys is accuracy at once; where its point lies above the line of the second picture it pays for that with \
             what it should forget. Shards forget exactly at a price of the same kind.",
            counted(methods.len() as u64, "method")
        ),
    );
    let names = |rows: Vec<&&ComparisonRow>| rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", ");
    let unsuited: Vec<&&ComparisonRow> = methods.iter().filter(|row| !row.suits).collect();
    if !unsuited.is_empty() {
        page.paragraph("", &format!("Not made for this goal, and drawn hollow: {}.", names(unsuited)));
    }
    let back: Vec<&&ComparisonRow> = methods.iter().filter(|row| row.relearning.is_some_and(|ratio| ratio < 0.5)).collect();
    if !back.is_empty() {
        page.paragraph(
            "",
            &format!("Relearn in less than half the steps of a retrained network, so that knowledge is left: {}.", names(back)),
        );
    }
    page.paragraph("", "None of these numbers is a guarantee. A game that is not won here may be won by a stronger attack.");
}

fn rate(value: Option<f64>) -> Cell {
    Cell::number(value.map_or_else(|| "–".to_owned(), percent), String::new())
}

fn table(page: &mut Html, report: &Comparison) {
    page.section("All rows");
    let heads = [
        "row",
        "told from a retrain",
        "told from never seen",
        "over scratch",
        "forgotten right",
        "retained right",
        "never seen right",
        "relearning",
        "rounding",
        "steps",
        "seconds",
    ];
    let mut place = 0;
    let rows = report.rows.iter().map(|row| {
        let name = if row.kind == RowKind::Method {
            place += 1;
            format!("{place} · {}", row.name)
        } else {
            row.name.clone()
        };
        let guarantee = match row.guarantee {
            Guarantee::Exact if row.kind == RowKind::Original => "forgot nothing".to_owned(),
            Guarantee::Exact => "exact".to_owned(),
            Guarantee::Certified { epsilon, delta } => format!("certified: ε {}, δ {}", number(epsilon), number(delta)),
            Guarantee::Empirical => if row.suits { "no guarantee" } else { "no guarantee; not made for this goal" }.to_owned(),
        };
        let signed = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:+.3}").replace('-', "−"));
        let against = row.over_scratch.as_ref().map_or_else(
            || Cell::number("–".to_owned(), String::new()),
            |over| {
                let class = if over.forgets_worse() { "number bad" } else { "number good" };
                let small = format!("{} from a retrain\n{} accuracy", signed(over.efficacy), signed(over.accuracy_holdout));
                Cell { class, says: signed(over.privacy), small }
            },
        );
        vec![
            Cell::noted(name, guarantee),
            Cell::measured(row.efficacy.as_ref()),
            Cell::measured(row.privacy.as_ref()),
            against,
            rate(row.accuracy_forget),
            rate(row.accuracy_retain),
            rate(row.accuracy_holdout),
            Cell::number(row.relearning.map_or_else(|| "–".to_owned(), number), String::new()),
            Cell::number(
                row.rounding.map_or_else(|| "–".to_owned(), |gain| format!("{:+.1} %", 100.0 * gain).replace('-', "−")),
                String::new(),
            ),
            Cell::number(number(row.steps), percent(row.share)),
            Cell::number(duration(row.seconds), String::new()),
        ]
    });
    page.table(&heads, rows.collect::<Vec<_>>());
    page.paragraph(
        "quiet",
        "Told from a retrain: can networks of this row be told from retrained ones, by their answers on the forgotten records (efficacy game, U-LiRA)? Told from never \
         seen: can records that the network forgot be told from records that it never saw (privacy game)? Both are areas under curves with intervals of 95 % over worlds and \
         records. Against scratch: the area of the privacy game less that of a network trained from the beginning for as many steps, and below it the same of the other game and of \
         the accuracy on records never seen. Relearning: steps until the records are known again, as a ratio to a retrained network's; 1 is ideal. Rounding: what rounding the weights to four bits gives back.",
    );
    if !report.failed.is_empty() {
        page.section("Not compared");
        page.list(report.failed.iter().map(|failed| format!("{}: {}", failed.name, failed.reason)));
    }
}

fn methods(page: &mut Html, report: &Comparison) {
    page.section("The methods");
    let rows = report.of(RowKind::Method).enumerate().map(|(place, row)| {
        let settings = row.settings.iter().flatten().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ");
        vec![
            Cell::text(format!("{} · {}", place + 1, row.name)),
            Cell::noted(row.about.unwrap_or_default(), row.paper.unwrap_or_default()),
            Cell::text(settings),
            Cell::text(row.stopped.clone()),
        ]
    });
    page.table(&["method", "what it does", "settings", "stopped"], rows.collect::<Vec<_>>());
}

fn how(page: &mut Html, report: &Comparison) {
    page.section("What was done");
    let params = report.params.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ");
    page.facts([
        ("Model", format!("{}, version {}, trained on {}", report.model, report.version, report.dataset)),
        ("Learner", format!("{}: {params}", report.learner)),
        ("Goal", report.goal.name().to_owned()),
        ("Records", format!("{}, of which {} got a wrong label", counted(report.points, "record"), count(report.canaries))),
        ("Worlds", format!("{}, in each of which half of the records are learnt and forgotten", count(report.worlds))),
        ("A training", counted(report.train_steps, "step")),
        ("Asked besides", format!("{} never seen, {} retained", counted(report.asked[0], "record"), count(report.asked[1]))),
        ("Hyperparameters", report.search.clone().unwrap_or_else(|| "as they stand in the table, not searched".to_owned())),
        ("Float profile", report.float_profile.clone()),
        ("Seed", report.seed.to_string()),
        ("Compared", moment(report.at_ms)),
        ("Time of this run", duration(report.total_seconds)),
    ]);
}
