//! What learners over encoded rows have in common: membership, layout changes, and a request that is all or nothing.

use std::fmt::Debug;

use untrain_core::{Artefact, Dataset, Error, Guarantee, Predictions, Reader, Result, Writer};

use crate::encode::{Design, Preprocessing, Wanted};

/// A learner over encoded rows.
///
/// Its model is a summary of the rows, from which the artefact is made. A change of the layout (a new category, the last
/// record with a missing value, another fixed point, another set of classes) retrains the model; every other request goes
/// through [`Method::leave`] and [`Method::join`].
pub(crate) trait Method: Clone + Debug + Send + Sync + 'static {
    /// The first bytes of a state.
    const STATE: &'static [u8; 8];
    /// What is kept of the rows. It must be a function of the set of rows wherever it reaches bytes.
    type Summary: Clone + Debug + Send + Sync;
    /// What is served.
    type Served: Artefact + Clone + Debug + 'static;

    /// Checks the hyperparameters.
    fn check(&self) -> Result<()>;

    /// How columns become numbers, and what is wanted of the target.
    fn rows(&self) -> (&Preprocessing, Wanted);

    /// Writes the hyperparameters canonically, but for the preprocessing.
    fn write_params(&self, out: &mut Writer);

    /// Summarises all rows.
    fn summarise(&self, design: &Design) -> Result<Self::Summary>;

    /// Takes rows, which `design` still has, out of a summary.
    fn leave(&self, summary: &mut Self::Summary, design: &Design, rows: &[u32]) -> Result<()>;

    /// Takes rows, which `design` has already, into a summary.
    fn join(&self, summary: &mut Self::Summary, design: &Design, rows: &[u32]) -> Result<()>;

    /// What is served; `summary` may keep what makes the next answer faster.
    fn finish(&self, summary: &mut Self::Summary, design: &Design) -> Result<Self::Served>;

    /// Writes what of the summary belongs to the state; may be nothing, if [`Method::read`] finds it from the rows.
    fn write(&self, summary: &Self::Summary, out: &mut Writer);

    /// Reads what [`Method::write`] wrote.
    fn read(&self, input: &mut Reader<'_>, design: &Design) -> Result<Self::Summary>;

    /// The canonical bytes of an artefact.
    fn artefact(served: &Self::Served) -> Vec<u8>;
}

/// A trained model of a learner over encoded rows.
#[expect(private_bounds, reason = "nobody else implements it")]
#[derive(Debug, Clone)]
pub struct Encoded<M: Method> {
    learner: M,
    design: Design,
    summary: M::Summary,
    served: M::Served,
}

#[expect(private_bounds, reason = "nobody else implements it")]
impl<M: Method> Encoded<M> {
    pub(crate) fn fit(learner: &M, data: &Dataset) -> Result<Self> {
        learner.check()?;
        let (how, wanted) = learner.rows();
        let design = Design::new(how, wanted, data)?;
        let mut summary = learner.summarise(&design)?;
        let served = learner.finish(&mut summary, &design)?;
        Ok(Self { learner: learner.clone(), design, summary, served })
    }

    pub(crate) fn load(learner: &M, state: &[u8], data: &Dataset) -> Result<Self> {
        let (how, wanted) = learner.rows();
        let mut input = Reader::new("model state", state);
        let header = header(learner);
        if input.raw(header.len().min(state.len()))? != header {
            return Err(input.malformed("it is not of this recipe, or not of this version of the format"));
        }
        let design = Design::new(how, wanted, data)?;
        crate::members::Members::read(&mut input, data)?;
        let mut summary = learner.read(&mut input, &design)?;
        input.end()?;
        let served = learner.finish(&mut summary, &design)?;
        Ok(Self { learner: learner.clone(), design, summary, served })
    }

    pub(crate) fn forget(&mut self, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let rows = self.design.members().find(ids)?;
        if rows.is_empty() {
            return Ok(Guarantee::Exact);
        }
        if !self.design.fits(retained) {
            *self = Self::fit(&self.learner, retained)?;
            return Ok(Guarantee::Exact);
        }
        self.learner.leave(&mut self.summary, &self.design, &rows)?;
        let (left, moved) = self.design.remove(rows);
        let finished = if moved {
            Self::fit(&self.learner, retained).map(|model| *self = model)
        } else {
            self.learner.finish(&mut self.summary, &self.design).map(|served| self.served = served)
        };
        if let Err(error) = finished {
            self.design.put_back(left);
            self.summary = self.learner.summarise(&self.design)?;
            self.learner.finish(&mut self.summary, &self.design)?;
            return Err(error);
        }
        Ok(Guarantee::Exact)
    }

    pub(crate) fn learn(&mut self, ids: &[String], retained: &Dataset) -> Result<Guarantee> {
        let places = self.design.members().joining(ids, retained)?;
        if places.is_empty() {
            return Ok(Guarantee::Exact);
        }
        if !self.design.fits(retained) || !self.design.admits(retained, &places) {
            *self = Self::fit(&self.learner, retained)?;
            return Ok(Guarantee::Exact);
        }
        let first = self.design.len() as u32;
        self.design.push(retained, &places);
        let rows: Vec<u32> = (first..self.design.len() as u32).collect();
        let finished =
            self.learner.join(&mut self.summary, &self.design, &rows).and_then(|()| self.learner.finish(&mut self.summary, &self.design));
        match finished {
            Ok(served) => self.served = served,
            Err(error) => {
                self.design.remove(rows);
                self.summary = self.learner.summarise(&self.design)?;
                self.learner.finish(&mut self.summary, &self.design)?;
                return Err(error);
            }
        }
        Ok(Guarantee::Exact)
    }

    pub(crate) fn state(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(&header(&self.learner));
        self.design.members().write(&mut out);
        self.learner.write(&self.summary, &mut out);
        out.into_bytes()
    }

    pub(crate) fn artefact(&self) -> Vec<u8> {
        M::artefact(&self.served)
    }

    pub(crate) fn records(&self) -> u64 {
        self.design.len() as u64
    }

    pub(crate) fn summary(&self) -> &M::Summary {
        &self.summary
    }

    pub(crate) fn predict(&self, data: &Dataset) -> Result<Predictions> {
        self.served.predict(data)
    }
}

fn header<M: Method>(learner: &M) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(M::STATE);
    learner.rows().0.write(&mut out);
    learner.write_params(&mut out);
    out.into_bytes()
}

/// The error of a set of records that a learner cannot learn from as its hyperparameters stand.
pub(crate) fn unfit(reason: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Unfit { reason: reason.into(), hint: hint.into() }
}

/// Implements the traits of a learner and its model for a [`Method`].
macro_rules! encoded_learner {
    ($learner:ty) => {
        impl untrain_core::Learner for $learner {
            type Model = $crate::encoded::Encoded<$learner>;

            fn fit(&self, data: &untrain_core::Dataset) -> untrain_core::Result<Self::Model> {
                $crate::encoded::Encoded::fit(self, data)
            }

            fn load(&self, state: &[u8], data: &untrain_core::Dataset) -> untrain_core::Result<Self::Model> {
                $crate::encoded::Encoded::load(self, state, data)
            }
        }

        impl untrain_core::Forget<$crate::encoded::Encoded<$learner>> for $learner {
            fn forget(
                &self,
                model: &mut $crate::encoded::Encoded<$learner>,
                ids: &[String],
                retained: &untrain_core::Dataset,
            ) -> untrain_core::Result<untrain_core::Guarantee> {
                model.forget(ids, retained)
            }

            fn learn(
                &self,
                model: &mut $crate::encoded::Encoded<$learner>,
                ids: &[String],
                retained: &untrain_core::Dataset,
            ) -> untrain_core::Result<untrain_core::Guarantee> {
                model.learn(ids, retained)
            }
        }

        impl untrain_core::Model for $crate::encoded::Encoded<$learner> {
            fn artefact(&self) -> Vec<u8> {
                self.artefact()
            }

            fn state(&self) -> Vec<u8> {
                self.state()
            }

            fn records(&self) -> u64 {
                self.records()
            }

            fn predict(&self, data: &untrain_core::Dataset) -> untrain_core::Result<untrain_core::Predictions> {
                self.predict(data)
            }
        }
    };
}

pub(crate) use encoded_learner;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use untrain_core::{Kind, Task, conformance};

    use super::*;
    use crate::encode::Encoder;

    /// A learner whose artefact is the encoder and the sum of all rows, and whose state is all rows.
    #[derive(Debug, Clone)]
    struct Sum {
        how: Preprocessing,
        task: Task,
        /// Refuses sets with so many records.
        refuses: usize,
    }

    #[derive(Debug, Clone)]
    struct Served {
        encoder: Encoder,
        sums: Vec<f64>,
    }

    impl Artefact for Served {
        fn inputs(&self) -> Vec<(String, Kind)> {
            self.encoder.inputs()
        }

        fn predict(&self, data: &Dataset) -> Result<Predictions> {
            let bound = self.encoder.bind(data)?;
            let (mut dense, mut sparse) = (Vec::new(), Vec::new());
            let mut sum = |i| {
                bound.row(i, &mut dense, &mut sparse);
                Some(dense.iter().sum::<f64>())
            };
            Ok(Predictions::Numbers((0..data.len()).map(&mut sum).collect()))
        }

        fn json(&self) -> String {
            String::new()
        }

        fn facts(&self) -> Vec<(&'static str, String)> {
            Vec::new()
        }
    }

    fn add(sums: &mut [f64], row: &crate::encode::Row<'_>, sign: f64) {
        row.dense.iter().enumerate().for_each(|(column, q)| sums[column] += sign * f64::from(*q));
        row.sparse.iter().for_each(|(column, q)| sums[*column as usize] += sign * f64::from(*q));
    }

    impl Method for Sum {
        const STATE: &'static [u8; 8] = b"UNTRsum\x01";
        type Summary = Vec<f64>;
        type Served = Served;

        fn check(&self) -> Result<()> {
            self.how.check()
        }

        fn rows(&self) -> (&Preprocessing, Wanted) {
            (&self.how, self.task.into())
        }

        fn write_params(&self, _: &mut Writer) {}

        fn summarise(&self, design: &Design) -> Result<Vec<f64>> {
            let mut sums = vec![0.0; design.layout().n_columns];
            design.rows().for_each(|row| add(&mut sums, &row, 1.0));
            Ok(sums)
        }

        fn leave(&self, sums: &mut Vec<f64>, design: &Design, rows: &[u32]) -> Result<()> {
            rows.iter().for_each(|row| add(sums, &design.row(*row as usize), -1.0));
            Ok(())
        }

        fn join(&self, sums: &mut Vec<f64>, design: &Design, rows: &[u32]) -> Result<()> {
            rows.iter().for_each(|row| add(sums, &design.row(*row as usize), 1.0));
            Ok(())
        }

        fn finish(&self, sums: &mut Vec<f64>, design: &Design) -> Result<Served> {
            if design.len() == self.refuses {
                return Err(unfit("so many records are refused", "have others"));
            }
            Ok(Served { encoder: design.encoder(), sums: sums.clone() })
        }

        fn write(&self, sums: &Vec<f64>, out: &mut Writer) {
            sums.iter().for_each(|sum| out.f64(*sum + 0.0));
        }

        fn read(&self, input: &mut Reader<'_>, design: &Design) -> Result<Vec<f64>> {
            (0..design.layout().n_columns).map(|_| input.f64()).collect()
        }

        fn artefact(served: &Served) -> Vec<u8> {
            let mut out = Writer::new();
            served.encoder.write(&mut out);
            served.sums.iter().for_each(|sum| out.f64(*sum + 0.0));
            out.into_bytes()
        }
    }

    encoded_learner!(Sum);

    fn preprocessing() -> impl Strategy<Value = Preprocessing> {
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 1..4_u32).prop_map(
            |(standardize, fill, log, clip, text, n_gram)| {
                let mut how = Preprocessing { standardize, n_gram, ..Preprocessing::default() };
                let name = || "x0".to_owned();
                if fill {
                    how.fill.insert(name(), 2.5);
                }
                if log {
                    how.log.push(name());
                }
                if clip {
                    how.clip.insert(name(), (-1.0, 3.0));
                }
                if text {
                    how.text.insert(name(), 7);
                }
                how
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

        #[test]
        fn rows_scales_and_layouts_are_functions_of_the_set(case in conformance::cases(200), how in preprocessing()) {
            conformance::exact(&case, &Sum { how, task: case.task, refuses: usize::MAX })?;
        }

        #[test]
        fn a_refused_request_changes_nothing(case in conformance::cases(60), how in preprocessing()) {
            let n = case.universe.len();
            prop_assume!(n > 1);
            let leaving = vec![case.universe.id(n / 2).to_owned()];
            let rest = case.universe.without(&leaving).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let learner = Sum { how: how.clone(), task: case.task, refuses: n - 1 };
            let mut model = Encoded::fit(&learner, &case.universe).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let before = (model.state(), model.artefact());
            prop_assert!(model.forget(&leaving, &rest).is_err());
            prop_assert_eq!((model.state(), model.artefact()), before);
            let learner = Sum { how, task: case.task, refuses: n };
            let mut model = Encoded::fit(&learner, &rest).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let before = (model.state(), model.artefact());
            prop_assert!(model.learn(&leaving, &case.universe).is_err());
            prop_assert_eq!((model.state(), model.artefact()), before);
        }

        #[test]
        fn an_encoder_reads_what_it_wrote(case in conformance::cases(60), how in preprocessing()) {
            let design = Design::new(&how, case.task.into(), &case.universe).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let encoder = design.encoder();
            let mut out = Writer::new();
            encoder.write(&mut out);
            let bytes = out.into_bytes();
            let mut input = Reader::new("encoder", &bytes);
            prop_assert_eq!(Encoder::read(&mut input).map_err(|error| TestCaseError::fail(error.to_string()))?, encoder.clone());
            prop_assert!(input.end().is_ok());
            // What training saw of a record is what serving sees.
            let bound = encoder.bind(&case.universe).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let (mut dense, mut sparse) = (Vec::new(), Vec::new());
            for (id, row) in design.members().sorted() {
                bound.row(case.universe.position(id).unwrap_or(usize::MAX), &mut dense, &mut sparse);
                let row = design.row(row as usize);
                prop_assert_eq!(row.sparse, &sparse[..]);
                for (column, scale) in encoder.scales().iter().enumerate() {
                    let missing = row.dense[column] == 0.0 && dense[column] == scale.feature(scale.mean);
                    prop_assert!(missing || dense[column] == scale.feature(f64::from(row.dense[column])));
                }
            }
        }
    }
}
