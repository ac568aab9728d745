//! k-means by dividing the records among leaves: a deletion recomputes one leaf and the root.

mod artefact;
mod cluster;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use untrain_core::{Error, Reader, Result, Seed, Writer, mix, one_of};

use crate::encode::{Design, Preprocessing, Wanted};
use crate::encoded::{Method, encoded_learner};
use crate::points::{Grain, Point, Space};
pub(crate) use artefact::ARTEFACT;
pub use artefact::KMeansArtefact;
use cluster::{Cluster, Effort, Weighted};
use untrain_core::hyperparameters::{Hyperparameters, refuse, within};

/// The hyperparameters of k-means, under scikit-learn's names where it has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KMeansParams {
    /// How many clusters, 1 to 4,096; there are fewer if the records differ less.
    pub n_clusters: u32,
    /// Among how many leaves the records are divided, 1 to 65,536. More make a deletion cheaper; fewer than a few dozen
    /// records a cluster and leaf make the clusters worse.
    pub n_leaves: u32,
    /// How many of Lloyd's steps a node takes at most; at least 1.
    pub max_iter: u32,
    /// From how many choices of first centres a node starts, 1 to 1,000. The root, which costs little, takes ten times as many.
    pub n_init: u32,
    /// A node stops when its centres move by less than this share of the mean variance of the columns, squared and summed.
    pub tol: f64,
    /// How columns become numbers.
    #[serde(flatten)]
    pub preprocessing: Preprocessing,
}

/// k-means over encoded records: numbers that are standardised, categories as columns of zeros and ones.
///
/// The records are divided among leaves by a keyed hash of their ids. Each leaf has its own k-means, and the centres of all
/// leaves, each with the weight of its records, are clustered once more at the root. First centres are drawn as k-means++ does,
/// by a race of keyed hashes; sums are integers, and a centre is their mean rounded to 1/256 of a standard deviation. The last
/// step of k-means over all records, which would make every deletion cost a pass over them, is left out.
///
/// # Guarantee
///
/// Exact. What a leaf sees besides its own records is the scale of the columns: deviations are rounded to 4 binary digits and
/// means to an eighth of them, and when they move, all leaves are made anew.
///
/// # Complexity
///
/// With n records of d columns, k clusters and L leaves: fit O(n·k·d) a step; forgetting one record O(n·k·d / L) a step, and
/// O(L·k²·d) at the root. Memory: 8 d + 8 bytes a record in the model.
///
/// # References
///
/// Divide-and-conquer k-means and its deletion: \[@ginart2019, section 4.2\]; first centres: \[@arthur2007\].
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// The hyperparameters.
    pub params: KMeansParams,
    /// The key of all randomness.
    pub seed: Seed,
}

/// What is kept of the rows.
#[derive(Debug, Clone)]
pub(crate) struct Leaves {
    space: Space,
    leaves: Vec<Leaf>,
}

#[derive(Debug, Clone)]
struct Leaf {
    records: Weighted,
    /// What its k-means found; `None` since records left or joined.
    clusters: Option<Vec<Cluster>>,
}

const PURPOSE_RECORD: u64 = 0x6b6d_6561_6e73_2e72; // "kmeans.r"
const PURPOSE_ROOT: u64 = 0x6b6d_6561_6e73_2e74; // "kmeans.t"
/// How many numbers the centres of all leaves may have together: half a gigabyte.
const MOST_NUMBERS: u64 = 1 << 26;
/// How many times as many choices of first centres the root has.
const ROOT_INIT: u32 = 10;

impl Default for KMeansParams {
    fn default() -> Self {
        Self { n_clusters: 8, n_leaves: 16, max_iter: 100, n_init: 1, tol: 1e-4, preprocessing: Preprocessing::default() }
    }
}

impl Hyperparameters for KMeansParams {
    fn check(&self) -> Result<()> {
        let Self { n_clusters, n_leaves, max_iter, n_init, tol, preprocessing } = self;
        within("n_clusters", *n_clusters, 1, 4096)?;
        within("n_leaves", *n_leaves, 1, 65_536)?;
        within("max_iter", *max_iter, 1, u32::MAX)?;
        within("n_init", *n_init, 1, 1000)?;
        if !(tol.is_finite() && *tol >= 0.0) {
            return Err(refuse("tol", format!("{tol} is out of range; it is at least 0")));
        }
        preprocessing.check()
    }
}

impl KMeans {
    fn effort(&self, n_columns: usize, n_init: u32) -> Effort {
        let KMeansParams { n_clusters, max_iter, tol, .. } = self.params;
        Effort { n_clusters: n_clusters as usize, n_columns, max_iter, n_init, tol }
    }

    fn key(&self, id: &str) -> u64 {
        self.seed.hash(PURPOSE_RECORD, id.as_bytes())
    }

    /// The leaf of a record. Its key is the hash mixed once more, so that the records of a leaf have keys of all sizes.
    fn leaf(&self, key: u64) -> usize {
        one_of(self.params.n_leaves, mix(key, PURPOSE_RECORD)) as usize
    }

    fn space(design: &Design) -> Space {
        Space::new(Grain::Coarse, &design.encoder(), design.shift())
    }

    /// The leaves with their records, without clusters.
    fn divide(&self, design: &Design) -> Result<Leaves> {
        let numbers = u64::from(self.params.n_clusters) * u64::from(self.params.n_leaves) * design.layout().n_columns as u64;
        if numbers > MOST_NUMBERS {
            return Err(Error::TooMany { what: "columns times clusters times leaves", found: numbers, limit: MOST_NUMBERS });
        }
        let space = Self::space(design);
        let n_leaves = self.params.n_leaves as usize;
        let mut rows: Vec<Vec<(u64, u32)>> = vec![Vec::with_capacity(design.len() / n_leaves); n_leaves];
        for row in 0..design.len() as u32 {
            let key = self.key(design.members().id(row));
            rows[self.leaf(key)].push((key, row));
        }
        let leaves = rows.into_par_iter().map(|rows| Leaf { records: gather(&space, design, rows), clusters: None }).collect();
        Ok(Leaves { space, leaves })
    }

    /// The leaf and the place in it of a row, but none of `taken`.
    fn find(&self, summary: &Leaves, design: &Design, row: u32, taken: &BTreeMap<usize, BTreeSet<usize>>) -> Option<(usize, usize)> {
        let key = self.key(design.members().id(row));
        let leaf = self.leaf(key);
        let records = &summary.leaves[leaf].records;
        let sought = summary.space.point(&design.row(row as usize));
        let first = records.keys.partition_point(|other| *other < key);
        let equals = (first..records.len()).take_while(|place| records.keys[*place] == key);
        let is_free = |place: &usize| !taken.get(&leaf).is_some_and(|taken| taken.contains(place));
        let found = equals.filter(is_free).find(|place| records.points.point(*place) == sought.point(0));
        found.map(|place| (leaf, place))
    }
}

impl Method for KMeans {
    const STATE: &'static [u8; 8] = b"UNTRkms\x01";
    type Summary = Leaves;
    type Served = KMeansArtefact;

    fn check(&self) -> Result<()> {
        self.params.check()
    }

    fn rows(&self) -> (&Preprocessing, Wanted) {
        (&self.params.preprocessing, Wanted::Nothing)
    }

    fn write_params(&self, out: &mut Writer) {
        let KMeansParams { n_clusters, n_leaves, max_iter, n_init, tol, preprocessing: _ } = &self.params;
        [n_clusters, n_leaves, max_iter, n_init].iter().for_each(|value| out.varint(u64::from(**value)));
        out.f64(*tol);
        out.u64(self.seed.0);
    }

    fn summarise(&self, design: &Design) -> Result<Leaves> {
        self.divide(design)
    }

    fn leave(&self, summary: &mut Leaves, design: &Design, rows: &[u32]) -> Result<()> {
        let mut leaving: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for row in rows {
            if let Some((leaf, place)) = self.find(summary, design, *row, &leaving) {
                leaving.entry(leaf).or_default().insert(place);
            }
        }
        for (leaf, places) in leaving {
            let Leaf { records, clusters } = &mut summary.leaves[leaf];
            *records = records.without(&places);
            *clusters = None;
        }
        Ok(())
    }

    fn join(&self, summary: &mut Leaves, design: &Design, rows: &[u32]) -> Result<()> {
        let mut joining: BTreeMap<usize, Vec<(u64, u32)>> = BTreeMap::new();
        for row in rows {
            let key = self.key(design.members().id(*row));
            joining.entry(self.leaf(key)).or_default().push((key, *row));
        }
        for (leaf, rows) in joining {
            let more = gather(&summary.space, design, rows);
            let Leaf { records, clusters } = &mut summary.leaves[leaf];
            *records = records.merged(&more);
            *clusters = None;
        }
        Ok(())
    }

    fn finish(&self, summary: &mut Leaves, design: &Design) -> Result<KMeansArtefact> {
        if Self::space(design) != summary.space {
            *summary = self.divide(design)?;
        }
        let effort = self.effort(design.layout().n_columns, self.params.n_init);
        summary.leaves.par_iter_mut().for_each(|leaf| {
            if leaf.clusters.is_none() {
                leaf.clusters = Some(clusters(&leaf.records, &effort));
            }
        });
        let root = self.root(summary, design.layout().n_columns);
        Ok(KMeansArtefact::new(design.encoder(), design.shift(), &root))
    }

    fn write(&self, summary: &Leaves, out: &mut Writer) {
        for leaf in &summary.leaves {
            let clusters = leaf.clusters.as_deref().unwrap_or_default();
            out.varint(clusters.len() as u64);
            clusters.iter().for_each(|cluster| cluster.write(out));
        }
    }

    fn read(&self, input: &mut Reader<'_>, design: &Design) -> Result<Leaves> {
        let mut summary = self.divide(design)?;
        for leaf in &mut summary.leaves {
            let n = input.at_most(self.params.n_clusters as usize)?;
            let clusters: Vec<Cluster> = (0..n).map(|_| Cluster::read(input, design.layout().n_columns)).collect::<Result<_>>()?;
            if clusters.iter().map(|cluster| cluster.size).sum::<u64>() != leaf.records.len() as u64 {
                return Err(input.malformed("the clusters of a leaf are of other records"));
            }
            leaf.clusters = Some(clusters);
        }
        Ok(summary)
    }

    fn artefact(served: &KMeansArtefact) -> Vec<u8> {
        served.bytes()
    }
}

encoded_learner!(KMeans);

impl KMeans {
    /// Clusters the centres of all leaves: the largest cluster first.
    fn root(&self, summary: &Leaves, n_columns: usize) -> Vec<Cluster> {
        let children: Vec<&Cluster> = summary.leaves.iter().filter_map(|leaf| leaf.clusters.as_ref()).flatten().collect();
        let mut records = Weighted::new(n_columns);
        let key = self.seed.hash(PURPOSE_ROOT, &[]);
        for (i, child) in children.iter().enumerate() {
            let centre: Vec<f32> = child.centre().iter().map(|x| *x as f32).collect();
            let point = Point { dense: &centre, sparse: &[] };
            records.push(point, mix(key, i as u64), child.size as f64);
        }
        let effort = self.effort(n_columns, self.params.n_init * ROOT_INIT);
        let places = records.clusters(&effort);
        let mut clusters = grouped(&places, n_columns, |cluster, i| cluster.add(children[i]));
        let order = |a: &Cluster, b: &Cluster| {
            let sums = || a.sums.iter().zip(&b.sums).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
            b.size.cmp(&a.size).then_with(|| sums().unwrap_or(std::cmp::Ordering::Equal)).then(a.squares.cmp(&b.squares))
        };
        clusters.sort_unstable_by(order);
        clusters
    }
}

/// The clusters of a leaf.
fn clusters(records: &Weighted, effort: &Effort) -> Vec<Cluster> {
    let places = records.clusters(effort);
    grouped(&places, effort.n_columns, |cluster, i| cluster.add_point(records.points.point(i)))
}

/// Clusters from the places of their members; those without members are left out.
fn grouped(places: &[u32], n_columns: usize, mut add: impl FnMut(&mut Cluster, usize)) -> Vec<Cluster> {
    let n = places.iter().max().map_or(0, |most| *most as usize + 1);
    let mut clusters = vec![Cluster::new(n_columns); n];
    places.iter().enumerate().for_each(|(i, place)| add(&mut clusters[*place as usize], i));
    clusters.retain(|cluster| cluster.size > 0);
    clusters
}

/// Rows of a design, with their keys, as points in the canonical order.
fn gather(space: &Space, design: &Design, mut rows: Vec<(u64, u32)>) -> Weighted {
    let point = |row: u32| space.point(&design.row(row as usize));
    rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| point(a.1).point(0).compare(&point(b.1).point(0))));
    let mut records = Weighted::new(design.layout().n_dense);
    for (key, row) in rows {
        let row = design.row(row as usize);
        space.push(&mut records.points, row.dense, row.sparse);
        records.keys.push(key);
        records.weights.push(1.0);
    }
    records
}

impl Weighted {
    fn without(&self, places: &BTreeSet<usize>) -> Self {
        let mut rest = Self::new(self.points.n_dense);
        for i in (0..self.len()).filter(|i| !places.contains(i)) {
            rest.push(self.points.point(i), self.keys[i], self.weights[i]);
        }
        rest
    }

    fn merged(&self, other: &Self) -> Self {
        let mut all = Self::new(self.points.n_dense);
        let (mut i, mut j) = (0, 0);
        while i < self.len() || j < other.len() {
            let ours = j == other.len()
                || i < self.len()
                    && self.keys[i].cmp(&other.keys[j]).then_with(|| self.points.point(i).compare(&other.points.point(j))).is_le();
            let (from, at) = if ours { (self, &mut i) } else { (other, &mut j) };
            all.push(from.points.point(*at), from.keys[*at], from.weights[*at]);
            *at += 1;
        }
        all
    }
}

impl Cluster {
    fn write(&self, out: &mut Writer) {
        let Self { size, sums, squares } = self;
        out.varint(*size);
        sums.iter().for_each(|sum| out.signed(*sum as i64));
        out.u64(*squares as u64);
        out.u64((*squares >> 64) as u64);
    }

    fn read(input: &mut Reader<'_>, n_columns: usize) -> Result<Self> {
        let size = input.varint()?;
        let sums = (0..n_columns).map(|_| Ok(input.signed()? as f64)).collect::<Result<_>>()?;
        let squares = u128::from(input.u64()?) | u128::from(input.u64()?) << 64;
        Ok(Self { size, sums, squares })
    }
}
