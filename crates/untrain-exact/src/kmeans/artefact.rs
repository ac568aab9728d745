//! What is served of a clustering: how rows become points, and the centres.

use serde_json::{Map, json};
use untrain_core::{Artefact, Dataset, Kind, Predictions, Reader, Result, Writer};

use super::cluster::{Centres, Cluster, Nearest};
use crate::encode::{Encoder, read_shift};
use crate::points::{Grain, Points, Space};

/// The first bytes of an artefact.
pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRkma\x01";

/// The centres of clusters. It holds sums over the records of a cluster and no record.
#[derive(Debug, Clone)]
pub struct KMeansArtefact {
    encoder: Encoder,
    shift: i32,
    space: Space,
    sizes: Vec<u64>,
    /// By cluster and column.
    centres: Vec<f64>,
    /// The sum of the squared distances, of each record from the centre that its leaf sent it to.
    inertia: f64,
    table: Centres,
}

impl KMeansArtefact {
    pub(super) fn new(encoder: Encoder, shift: i32, clusters: &[Cluster]) -> Self {
        let space = Space::new(Grain::Coarse, &encoder, shift);
        let centres: Vec<Vec<f64>> = clusters.iter().map(Cluster::centre).collect();
        let inertia = clusters.iter().zip(&centres).map(|(cluster, centre)| cluster.inertia(centre)).sum();
        let sizes: Vec<u64> = clusters.iter().map(|cluster| cluster.size).collect();
        let centres = centres.concat();
        let table = Centres::new(&centres, sizes.len(), encoder.layout().n_columns);
        Self { encoder, shift, space, sizes, centres, inertia, table }
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("artefact", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it is not a clustering"));
        }
        let encoder = Encoder::read(&mut input)?;
        let shift = read_shift(&mut input)?;
        let inertia = input.f64()?;
        let (mut sizes, mut centres) = (Vec::new(), Vec::new());
        for _ in 0..input.count()? {
            sizes.push(input.varint()?);
            for _ in 0..encoder.layout().n_columns {
                centres.push(input.signed()? as f64);
            }
        }
        let fine = inertia.is_finite() && sizes.is_sorted_by(|a, b| a >= b) && sizes.last().is_none_or(|size| *size > 0);
        if !fine {
            return Err(input.malformed("clusters are not in their order"));
        }
        input.end()?;
        let space = Space::new(Grain::Coarse, &encoder, shift);
        let table = Centres::new(&centres, sizes.len(), encoder.layout().n_columns);
        Ok(Self { encoder, shift, space, sizes, centres, inertia, table })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { encoder, shift, space: _, sizes, centres, inertia, table: _ } = self;
        let mut out = Writer::new();
        out.raw(ARTEFACT);
        encoder.write(&mut out);
        out.signed(i64::from(*shift));
        out.f64(*inertia);
        out.varint(sizes.len() as u64);
        for (i, size) in sizes.iter().enumerate() {
            out.varint(*size);
            let d = encoder.layout().n_columns;
            centres[i * d..(i + 1) * d].iter().for_each(|x| out.signed(*x as i64));
        }
        out.into_bytes()
    }

    /// How many records each cluster has; the largest is first.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// The mean squared distance of a record from the centre of its cluster, in units of features: standard deviations for
    /// numbers that are standardised, 1 for a category. A record counts with the centre that its leaf sent it to, so it is
    /// a little more than with the nearest; 0 without records.
    pub fn inertia(&self) -> f64 {
        let n: u64 = self.sizes.iter().sum();
        if n == 0 { 0.0 } else { self.space.squared(self.inertia / n as f64) }
    }

    /// A centre by the names of its columns: numbers as the records have them, and of categories the share of the records.
    fn centre(&self, cluster: usize) -> Map<String, serde_json::Value> {
        let layout = self.encoder.layout();
        let centre = &self.centres[cluster * layout.n_columns..(cluster + 1) * layout.n_columns];
        let value = |column: usize, x: f64| match self.encoder.scales().get(column) {
            Some(scale) => libm::scalbn(self.space.number(column, x), -scale.shift),
            None => self.space.value(x),
        };
        centre.iter().enumerate().map(|(column, x)| (layout.column_name(column), value(column, *x).into())).collect()
    }
}

impl Artefact for KMeansArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let bound = self.encoder.bind(data)?;
        let (mut dense, mut sparse, mut points) = (Vec::new(), Vec::new(), Points::new(self.encoder.layout().n_dense));
        let (mut clusters, mut squared_distances) = (Vec::with_capacity(data.len()), Vec::with_capacity(data.len()));
        for i in 0..data.len() {
            bound.quantised(i, &mut dense, &mut sparse);
            points.clear();
            self.space.push_quantised(&mut points, &dense, &sparse);
            let Nearest { place, score, .. } = self.table.nearest(points.point(0));
            let known = !self.sizes.is_empty();
            clusters.push(known.then_some(place));
            let distance = if known { points.point(0).norm() + 2.0 * score } else { 0.0 };
            squared_distances.push(self.space.squared(distance.max(0.0)));
        }
        Ok(Predictions::Clusters { clusters, squared_distances })
    }

    fn json(&self) -> String {
        let clusters = (0..self.sizes.len()).map(|i| json!({ "size": self.sizes[i], "centre": self.centre(i) }));
        json!({ "kind": "kmeans", "inertia": self.inertia(), "clusters": clusters.collect::<Vec<_>>() }).to_string()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let sizes: Vec<String> = self.sizes.iter().take(8).map(u64::to_string).collect();
        let more = if self.sizes.len() > sizes.len() { ", …" } else { "" };
        vec![
            ("clusters", self.sizes.len().to_string()),
            ("records in each", format!("{}{more}", sizes.join(", "))),
            ("mean squared distance", format!("{:.4}", self.inertia())),
            ("columns", self.encoder.layout().n_columns.to_string()),
        ]
    }
}
