//! The canonical bytes of a forest (docs/format.md).

use std::collections::BTreeSet;
use std::ops::Range;

use untrain_core::{Dataset, Reader, Result, Task, Writer};

use super::categories::MISSING;
use super::objective::SquaredError;
use super::rows::Rows;
use super::tree::{Shown, Tree, TreeSource};
use super::{Forest, ForestModel, tree_path};

pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRfor\x01";
const STATE: &[u8; 8] = b"UNTRfst\x01";

/// The bytes that are served: what prediction needs and nothing else.
pub(super) fn artefact(model: &ForestModel) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(ARTEFACT);
    out.task(model.learner.task);
    out.varint(model.rows.len() as u64);
    let names = Names::of(model);
    names.write(model, &mut out);
    let (classes, places) = model.classes.sorted();
    out.varint(classes.len() as u64);
    classes.iter().for_each(|class| out.text(class));
    let mut leaves = Leaves {
        rows: &model.rows,
        names: &names,
        task: model.learner.task,
        places: &places,
        counts: vec![0; classes.len()],
        shift: model.scale.shift(),
    };
    out.varint(model.trees.len() as u64);
    model.trees.iter().for_each(|tree| tree.write(&mut out, &mut leaves));
    out.into_bytes()
}

/// The bytes that forgetting needs besides the records themselves.
pub(super) fn state(model: &ForestModel) -> Vec<u8> {
    let mut out = Writer::new();
    write_learner(&model.learner, &mut out);
    let (order, places) = model.rows.sorted();
    out.varint(order.len() as u64);
    order.iter().for_each(|slot| out.text(model.rows.id(*slot)));
    let names = Names::of(model);
    names.write(model, &mut out);
    let mut members = Members { names: &names, places: &places, sorted: Vec::new() };
    out.varint(model.trees.len() as u64);
    model.trees.iter().for_each(|tree| tree.write(&mut out, &mut members));
    out.into_bytes()
}

/// The trees `units`, which are all that `model` has, as [`state`] shows trees.
pub(super) fn units(model: &ForestModel, units: Range<usize>) -> Vec<u8> {
    let mut out = Writer::new();
    write_learner(&model.learner, &mut out);
    out.varint(units.start as u64);
    out.varint(units.end as u64);
    let names = Names::of(model);
    names.write(model, &mut out);
    let (_, places) = model.rows.sorted();
    let mut members = Members { names: &names, places: &places, sorted: Vec::new() };
    model.trees.iter().for_each(|tree| tree.write(&mut out, &mut members));
    out.into_bytes()
}

/// The forest whose trees `outputs` hold, as [`units`] wrote them.
pub(super) fn assemble(learner: &Forest, outputs: &[Vec<u8>], data: &Dataset) -> Result<ForestModel> {
    let mut model = ForestModel::with_records(learner, data)?;
    let (order, _) = model.rows.sorted();
    let mut trees = Vec::with_capacity(learner.params.n_trees as usize);
    for bytes in outputs {
        let mut input = Reader::new("trees of a forest", bytes);
        read_learner(learner, &mut input)?;
        let (start, end) = (input.varint()?, input.varint()?);
        if start != trees.len() as u64 || end < start || end > u64::from(learner.params.n_trees) {
            return Err(input.malformed("they are not the next ones"));
        }
        let names = read_names(&model, &mut input)?;
        let source = TreeSource { rows: &model.rows, order: &order, names: &names, max_depth: learner.params.max_depth };
        for t in start as usize..end as usize {
            trees.push(Tree::read(tree_path(learner.seed, t), &mut input, &source)?);
        }
        input.end()?;
    }
    if trees.len() != learner.params.n_trees as usize {
        return Err(Reader::new("trees of a forest", &[]).malformed("some are missing"));
    }
    model.requantise();
    model.trees = trees;
    Ok(model)
}

/// Reads a state that `learner` made of `data`.
pub(super) fn read(learner: &Forest, bytes: &[u8], data: &Dataset) -> Result<ForestModel> {
    let mut input = Reader::new("state of a forest", bytes);
    read_learner(learner, &mut input)?;
    let n = input.count()?;
    let mut same = n == data.len();
    for i in 0..n {
        let id = input.text()?;
        same = same && id == data.id(i);
    }
    if !same {
        return Err(input.malformed("it is the state of other records"));
    }
    let mut model = ForestModel::with_records(learner, data)?;
    let names = read_names(&model, &mut input)?;
    let n_trees = input.count()?;
    if n_trees != learner.params.n_trees as usize {
        return Err(input.malformed("the number of trees is not that of the recipe"));
    }
    let (order, _) = model.rows.sorted();
    let source = TreeSource { rows: &model.rows, order: &order, names: &names, max_depth: learner.params.max_depth };
    let trees = (0..n_trees).map(|t| Tree::read(tree_path(learner.seed, t), &mut input, &source)).collect::<Result<_>>()?;
    input.end()?;
    model.requantise();
    model.trees = trees;
    Ok(model)
}

fn write_learner(learner: &Forest, out: &mut Writer) {
    let Forest { params, task, seed } = learner;
    out.raw(STATE);
    out.task(*task);
    out.u64(seed.0);
    params.write(out);
}

/// Reads what [`write_learner`] wrote, which is what it would write of `learner`.
fn read_learner(learner: &Forest, input: &mut Reader<'_>) -> Result<()> {
    let mut header = Writer::new();
    write_learner(learner, &mut header);
    let header = header.into_bytes();
    if input.raw(header.len())? == header { Ok(()) } else { Err(input.malformed("another recipe or format made it")) }
}

/// The categories that splits name: sorted, so that codes of one state in memory do not show.
struct Names {
    /// For each feature and code, the place among the names of the feature; the missing value has place 0.
    places: Vec<Vec<u32>>,
    /// For each feature, the codes in the order of their names.
    sorted: Vec<Vec<u32>>,
}

impl Names {
    fn of(model: &ForestModel) -> Self {
        let mut used = vec![BTreeSet::new(); model.features.len()];
        for (feature, code) in model.trees.iter().flat_map(Tree::categories) {
            if code != MISSING {
                used[feature as usize].insert(code);
            }
        }
        let mut names = Self { places: Vec::new(), sorted: Vec::new() };
        for (feature, used) in model.features.iter().zip(used) {
            let mut sorted: Vec<u32> = used.into_iter().collect();
            let mut places = Vec::new();
            if let Some(categories) = &feature.categories {
                sorted.sort_by_key(|code| categories.name(*code));
                places.resize(categories.len(), 0);
                for (place, code) in sorted.iter().enumerate() {
                    places[*code as usize] = place as u32 + 1;
                }
            }
            names.places.push(places);
            names.sorted.push(sorted);
        }
        names
    }

    fn write(&self, model: &ForestModel, out: &mut Writer) {
        out.varint(model.features.len() as u64);
        for (feature, sorted) in model.features.iter().zip(&self.sorted) {
            out.text(&feature.name);
            out.u8(u8::from(feature.categories.is_some()));
            if let Some(categories) = &feature.categories {
                out.varint(sorted.len() as u64);
                sorted.iter().for_each(|code| out.text(categories.name(*code).unwrap_or_default()));
            }
        }
    }

    fn place(&self, feature: u32, code: u32) -> u64 {
        u64::from(self.places[feature as usize][code as usize])
    }
}

/// Reads what [`Names::write`] wrote; for each feature the codes of its names, the missing value first.
fn read_names(model: &ForestModel, input: &mut Reader<'_>) -> Result<Vec<Vec<u32>>> {
    let other = |input: &Reader<'_>| input.malformed("its features are not those of the records");
    if input.count()? != model.features.len() {
        return Err(other(input));
    }
    let mut names = Vec::with_capacity(model.features.len());
    for feature in &model.features {
        if input.text()? != feature.name || input.u8()? != u8::from(feature.categories.is_some()) {
            return Err(other(input));
        }
        let mut codes = vec![MISSING];
        if let Some(categories) = &feature.categories {
            for _ in 0..input.count()? {
                codes.push(categories.code(input.text()?).ok_or_else(|| other(input))?);
            }
        }
        names.push(codes);
    }
    Ok(names)
}

/// Leaves as the artefact shows them: statistics of the targets.
struct Leaves<'a> {
    rows: &'a Rows,
    names: &'a Names,
    task: Task,
    /// For each class code, its place among the sorted classes.
    places: &'a [u32],
    counts: Vec<u32>,
    shift: i32,
}

impl Shown for Leaves<'_> {
    fn leaf(&mut self, out: &mut Writer, slots: &[u32]) {
        match self.task {
            Task::Classification => {
                for slot in slots {
                    self.counts[self.places[self.rows.y(*slot) as usize] as usize] += 1;
                }
                out.varint(self.counts.iter().filter(|count| **count > 0).count() as u64);
                for (class, count) in self.counts.iter_mut().enumerate() {
                    if *count > 0 {
                        out.varint(class as u64);
                        out.varint(u64::from(std::mem::take(count)));
                    }
                }
            }
            Task::Regression => {
                let mut bin = [0; 3];
                slots.iter().for_each(|slot| super::objective::Objective::add(&SquaredError, &mut bin, self.rows.y(*slot)));
                out.varint(u64::from(bin[0]));
                if bin[0] > 0 {
                    out.f64(libm::scalbn(SquaredError::sum(&bin) as f64 / f64::from(bin[0]), -self.shift));
                }
            }
        }
    }

    fn category(&self, feature: u32, code: u32) -> u64 {
        self.names.place(feature, code)
    }
}

/// Leaves as the state shows them: which records are there, by their places in the order of ids.
struct Members<'a> {
    names: &'a Names,
    places: &'a [u32],
    sorted: Vec<u32>,
}

impl Shown for Members<'_> {
    fn leaf(&mut self, out: &mut Writer, slots: &[u32]) {
        self.sorted.clear();
        self.sorted.extend(slots.iter().map(|slot| self.places[*slot as usize]));
        self.sorted.sort_unstable();
        out.varint(self.sorted.len() as u64);
        let mut next = 0;
        for place in &self.sorted {
            out.varint(u64::from(place - next));
            next = place + 1;
        }
    }

    fn category(&self, feature: u32, code: u32) -> u64 {
        self.names.place(feature, code)
    }
}
