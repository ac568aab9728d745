//! What `logistic` and `glm` publish is the rounding of the optimum, says an oracle that shares no code with them.
//!
//! The features are made of the records and of the scales that the artefact tells, as docs/learners.md has it. The oracle finds the optimum
//! with more than 200 binary digits, and what it rounds to must be what is published, every weight of it.

mod oracle;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use oracle::{High, Loss, Problem};
use untrain_core::{Artefact, Column, Dataset, Kind, Learner, Model, Role, Schema, Seed, mix, unit};
use untrain_exact::{Glm, GlmArtefact, GlmLoss, GlmParams, Logistic, LogisticArtefact, LogisticParams, Preprocessing};

/// Records as they are drawn: numbers that may be missing, a category, a target.
struct Records {
    a: Vec<Option<f64>>,
    b: Vec<f64>,
    c: Vec<&'static str>,
    y: Vec<f64>,
}

/// Which records there are is drawn, and how badly the problem is conditioned.
struct Draw(u64, u64);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.1 += 1;
        unit(mix(self.0, self.1))
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[(self.unit() * list.len() as f64) as usize]
    }

    fn records(&mut self, standardize: bool, target: impl Fn(f64) -> f64) -> Records {
        let n = 8 + (self.unit() * 20.0) as usize;
        let (scale, noise) = (self.one_of(&[1.0, 1e-3, 1e4]), self.one_of(&[1.0, 1e-2, 1e-5]));
        let is_missing = standardize && self.unit() < 0.5;
        let mut records = Records { a: Vec::new(), b: Vec::new(), c: Vec::new(), y: Vec::new() };
        for i in 0..n {
            let a = self.unit() - 0.5;
            records.a.push((!is_missing || i % 5 != 0).then_some(a * scale));
            records.b.push(a + noise * self.unit());
            records.c.push(self.one_of(&["u", "v", "w"]));
            records.y.push(target(self.unit() + 0.2 * a));
        }
        records
    }
}

impl Records {
    fn dataset(&self, kind: Kind) -> Dataset {
        let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
        let columns = vec![
            column("a", Kind::Numeric, Role::Feature),
            column("b", Kind::Numeric, Role::Feature),
            column("c", Kind::Categorical, Role::Feature),
            column("y", kind, Role::Target),
        ];
        let ids: StringArray = (0..self.y.len()).map(|i| Some(format!("r{i:02}"))).collect();
        let y: ArrayRef = if kind == Kind::Numeric {
            Arc::new(Float64Array::from(self.y.clone()))
        } else {
            Arc::new(self.y.iter().map(|y| Some(format!("{y}"))).collect::<StringArray>())
        };
        let (a, b) = (Float64Array::from(self.a.clone()), Float64Array::from(self.b.clone()));
        let arrays = vec![Arc::new(a) as ArrayRef, Arc::new(b), Arc::new(StringArray::from(self.c.clone())), y];
        Dataset::new(Schema { id: None, columns, holdout: None }, &ids, arrays).expect("the columns fit")
    }

    /// The value of a column that is called so, exact, of every record.
    fn feature(&self, name: &str, json: &serde_json::Value) -> Vec<High> {
        let scales = json["scales"].as_array().expect("a list");
        let number = |name: &str, x: Option<f64>| {
            let scale = scales.iter().find(|scale| scale["column"] == name).expect("it has a scale");
            let of = |key: &str| scale[key].as_f64().expect("a number");
            // What is missing is at the mean, which is 0 where numbers are standardised.
            let Some(x) = x else { return High::default() };
            let q = (x * 2.0_f64.powi(of("shift") as i32)).trunc();
            &(High::of(q) - High::of(of("centre"))) / &High::of(of("step"))
        };
        let flag = |is: bool| High::of(f64::from(u8::from(is)));
        match name {
            "a" => self.a.iter().map(|x| number("a", *x)).collect(),
            "b" => self.b.iter().map(|x| number("b", Some(*x))).collect(),
            "a is missing" => self.a.iter().map(|x| flag(x.is_none())).collect(),
            _ => self.c.iter().map(|c| flag(name == format!("c={c}"))).collect(),
        }
    }
}

/// Checks every weight in an artefact's JSON; the losses are those of the problems that its outputs belong to.
fn check(json: &str, records: &Records, losses: &[Loss], y: &[f64], alpha: f64, grid: u32, seed: Seed) {
    let json: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
    let outputs = json["outputs"].as_array().expect("a list");
    let names: Vec<&String> = outputs[0]["weights"].as_object().expect("an object").keys().collect();
    let columns: Vec<Vec<High>> = names.iter().map(|name| records.feature(name, &json)).collect();
    let row = |i: usize| columns.iter().map(|column| column[i].clone()).chain([High::of(1.0)]).collect();
    let x: Vec<Vec<High>> = (0..y.len()).map(row).collect();
    let per_problem = outputs.len() / losses.len();
    for (loss, outputs) in losses.iter().zip(outputs.chunks_exact(per_problem)) {
        let published = |output: &serde_json::Value| {
            let weights = names.iter().map(|name| output["weights"][name.as_str()].as_f64().expect("a number"));
            weights.chain(output["intercept"].as_f64()).collect::<Vec<f64>>()
        };
        let found: Vec<f64> = outputs.iter().flat_map(published).collect();
        let problem = Problem { loss: *loss, n_outputs: per_problem, alpha, x: x.clone(), y: y.to_vec() };
        let optimum = problem.optimum(found.iter().map(|w| High::of(*w)).collect());
        let d = names.len() + 1;
        for (place, (found, optimum)) in found.iter().zip(&optimum).enumerate() {
            // One output has no class in its offsets.
            let all = json["outputs"].as_array().expect("a list").len();
            let class = if all == 1 { "" } else { outputs[place / d]["name"].as_str().expect("a name") };
            let column = names.get(place % d).map_or("", |name| name.as_str());
            let offset = (unit(seed.hash(0x6f66_6673_6574_0000, format!("{column}\0{class}").as_bytes())) - 0.5) / 4.0;
            // Reading JSON may err in the last place, so the weight is rounded to the grid that it is on.
            let published = (found * 2.0_f64.powi(grid as i32)).round() as i64;
            assert_eq!(optimum.rounded(grid, offset), published, "{column} of {loss:?}");
        }
    }
}

#[test]
fn logistic_regression_publishes_the_rounding_of_its_optimum() {
    for case in 0..30 {
        let mut draw = Draw(11, case * 1000);
        let (classes, standardize) = (draw.one_of(&[2.0, 2.0, 3.0, 4.0]), draw.unit() < 0.7);
        let (alpha, grid) = (draw.one_of(&[1e-9, 1e-4, 0.25, 1.0, 30.0]), draw.one_of(&[4, 12, 20, 30]));
        let records = draw.records(standardize, |u| (u * classes * 0.999).floor().clamp(0.0, classes - 1.0));
        let preprocessing = Preprocessing { standardize, ..Preprocessing::default() };
        let learner = Logistic { params: LogisticParams { alpha, grid, preprocessing }, seed: Seed(case) };
        let model = learner.fit(&records.dataset(Kind::Categorical)).expect("it has an optimum");
        let json = LogisticArtefact::read(&model.artefact()).expect("it reads what it wrote").json();
        let present: Vec<usize> = (0..4).filter(|c| records.y.contains(&(*c as f64))).collect();
        if present.len() > 1 {
            let y: Vec<f64> = records.y.iter().map(|y| present.iter().position(|c| *c as f64 == *y).unwrap() as f64).collect();
            check(&json, &records, &[Loss::Softmax], &y, alpha, grid, Seed(case));
        }
    }
}

#[test]
fn generalised_linear_models_publish_the_rounding_of_their_optimum() {
    for case in 0..60 {
        let mut draw = Draw(12, case * 1000);
        let loss = [GlmLoss::Poisson, GlmLoss::Gamma, GlmLoss::Huber, GlmLoss::SquaredHinge][case as usize % 4];
        let (classes, standardize) = (draw.one_of(&[2.0, 3.0]), draw.unit() < 0.7);
        let (alpha, grid) = (draw.one_of(&[1e-9, 1e-4, 0.25, 1.0, 30.0]), draw.one_of(&[4, 12, 20, 30]));
        let records = draw.records(standardize, |u| match loss {
            GlmLoss::Poisson => (u * 6.0).floor().max(0.0),
            GlmLoss::Gamma => u.abs() * 4.0 + 0.125,
            GlmLoss::Huber => u * 20.0,
            GlmLoss::SquaredHinge => (u * classes * 0.999).floor().clamp(0.0, classes - 1.0),
        });
        let preprocessing = Preprocessing { standardize, ..Preprocessing::default() };
        let params = GlmParams { loss, alpha, epsilon: 3.0, grid, preprocessing };
        let kind = if loss == GlmLoss::SquaredHinge { Kind::Categorical } else { Kind::Numeric };
        let model = Glm { params, seed: Seed(case) }.fit(&records.dataset(kind)).expect("it has an optimum");
        let json = GlmArtefact::read(&model.artefact()).expect("it reads what it wrote").json();
        let present: Vec<usize> = (0..3).filter(|c| records.y.contains(&(*c as f64))).collect();
        let (losses, y) = match (loss, present.len()) {
            (GlmLoss::Poisson, _) => (vec![Loss::Poisson], records.y.clone()),
            (GlmLoss::Gamma, _) => (vec![Loss::Gamma], records.y.clone()),
            (GlmLoss::Huber, _) => (vec![Loss::Huber(3.0)], records.y.clone()),
            (GlmLoss::SquaredHinge, 0 | 1) => continue,
            (GlmLoss::SquaredHinge, n) => {
                let y = records.y.iter().map(|y| present.iter().position(|c| *c as f64 == *y).unwrap() as f64).collect();
                (if n == 2 { vec![Loss::SquaredHinge(1)] } else { (0..n).map(Loss::SquaredHinge).collect() }, y)
            }
        };
        check(&json, &records, &losses, &y, alpha, grid, Seed(case));
    }
}
