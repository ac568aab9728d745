//! Networks as safetensors files, with the names that PyTorch's usual code gives.

use std::collections::BTreeSet;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use untrain_core::{Error, Result, Seed};

use crate::architecture::Architecture;
use crate::layers::Shape;
use crate::layout::Entry;
use crate::network::{Layered, Network as _};

/// PyTorch counts the batches that normalisation has seen; nothing here depends on it.
const COUNTED: &str = "num_batches_tracked";
/// Networks that were trained on several devices have this before each name.
const PARALLEL: &str = "module.";

impl Layered {
    /// The parameters and the remembered statistics, as a safetensors file of 32-bit floats.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the file cannot be made.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let tensors: Vec<(&Entry, Vec<u8>)> = self.entries().map(|(entry, values)| (entry, bytes(values))).collect();
        let views = tensors.iter().map(|(entry, bytes)| {
            let view = TensorView::new(Dtype::F32, entry.shape.clone(), bytes).map_err(|error| malformed(error.to_string()))?;
            Ok((entry.name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        safetensors::serialize(views, None).map_err(|error| malformed(error.to_string()))
    }

    /// A network of an architecture from a safetensors file; how many classes it tells apart is what the file says.
    ///
    /// # Errors
    ///
    /// As [`Layered::new`] and [`Layered::read_safetensors`].
    pub fn from_safetensors(architecture: &Architecture, input: Shape, chunk: usize, file: &[u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(file).map_err(|error| malformed(error.to_string()))?;
        let any = Self::new(architecture.clone(), input, 1, chunk, Seed(0))?;
        let Some(last) = any.layout().entries().last() else { return Err(malformed("the network has no parameter".to_owned())) };
        let found = [&last.name, &format!("{PARALLEL}{}", last.name)].into_iter().find_map(|name| tensors.tensor(name).ok());
        let view = found.ok_or_else(|| malformed(format!("it lacks {}", last.name)))?;
        let n_classes = view.shape().first().copied().filter(|n| *n > 0 && *n <= 1 << 20);
        let mut network =
            Self::new(architecture.clone(), input, n_classes.ok_or_else(|| malformed(format!("{} is empty", last.name)))?, chunk, Seed(0))?;
        network.read_safetensors(file)?;
        Ok(network)
    }

    /// This network with what a file has of one that looks like it: all of it or, if that tells another number of classes apart, all but
    /// the last layer.
    ///
    /// # Errors
    ///
    /// As [`Layered::from_safetensors`].
    pub(crate) fn beginning_as(mut self, file: &[u8]) -> Result<Self> {
        let known = Self::from_safetensors(self.architecture(), self.input(), self.chunk(), file)?;
        let same = known.n_classes() == self.n_classes();
        let rows: Vec<Option<usize>> = (0..self.n_classes()).map(|class| same.then_some(class)).collect();
        self.take(&known, &rows);
        Ok(self)
    }

    /// Takes the parameters and the remembered statistics from a safetensors file, which has all of them and nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] naming what is missing, what there is too much, and what has another shape or type; nothing is taken then.
    pub fn read_safetensors(&mut self, file: &[u8]) -> Result<()> {
        let tensors = SafeTensors::deserialize(file).map_err(|error| malformed(error.to_string()))?;
        let prefix = if tensors.names().iter().all(|name| name.starts_with(PARALLEL)) { PARALLEL } else { "" };
        let names: BTreeSet<String> = tensors.names().into_iter().map(|name| name[prefix.len()..].to_owned()).collect();
        let wanted: BTreeSet<String> = self.entries().map(|(entry, _)| entry.name.clone()).collect();
        let listed = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let missing: Vec<&String> = wanted.difference(&names).collect();
        if !missing.is_empty() {
            return Err(malformed(format!("it lacks {}", listed(missing))));
        }
        let extra: Vec<&String> = names.difference(&wanted).filter(|name| !name.ends_with(COUNTED)).collect();
        if !extra.is_empty() {
            return Err(malformed(format!("it has {}, which the network has no place for", listed(extra))));
        }
        let read = |entry: &Entry| -> Result<Vec<f32>> {
            let view = tensors.tensor(&format!("{prefix}{}", entry.name)).map_err(|error| malformed(error.to_string()))?;
            if view.shape() != entry.shape {
                return Err(malformed(format!("{} has the shape {:?}, and the network {:?}", entry.name, view.shape(), entry.shape)));
            }
            if view.dtype() != Dtype::F32 {
                return Err(malformed(format!("{} is {:?}; it has to be F32", entry.name, view.dtype())));
            }
            let values: Vec<f32> =
                view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect();
            if values.iter().all(|value| value.is_finite()) {
                Ok(values)
            } else {
                Err(malformed(format!("{} has a number that is not finite", entry.name)))
            }
        };
        let (parameters, buffers) = (self.layout().entries().to_vec(), self.buffer_layout().entries().to_vec());
        let all = |entries: &[Entry]| entries.iter().map(read).collect::<Result<Vec<_>>>();
        let (parameters, buffers) = (all(&parameters)?.concat(), all(&buffers)?.concat());
        self.parameters_mut().copy_from_slice(&parameters);
        self.buffers_mut().copy_from_slice(&buffers);
        Ok(())
    }
}

fn malformed(reason: String) -> Error {
    Error::Malformed { what: "safetensors file", reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(depth: usize, seed: u64) -> Layered {
        let shape = Shape { channels: 3, height: 8, width: 8 };
        Layered::new(Architecture::Resnet { depth, width: 4 }, shape, 10, 8, Seed(seed)).expect("a network")
    }

    #[test]
    fn a_network_is_what_was_written_of_it() -> Result<()> {
        let (one, mut other) = (network(8, 1), network(8, 2));
        let file = one.to_safetensors()?;
        assert_ne!(one.parameters(), other.parameters());
        other.read_safetensors(&file)?;
        assert_eq!((one.parameters(), one.buffers()), (other.parameters(), other.buffers()));
        assert_eq!(other.to_safetensors()?, file);
        Ok(())
    }

    #[test]
    fn what_is_missing_too_much_or_of_another_shape_is_named() -> Result<()> {
        let reason = |from: &Layered, to: &mut Layered| match to.read_safetensors(&from.to_safetensors().expect("a file")) {
            Err(Error::Malformed { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason(&network(8, 1), &mut network(14, 1)).starts_with("it lacks layer1.1.bn1.bias"));
        assert!(reason(&network(14, 1), &mut network(8, 1)).contains("layer1.1.conv1.weight, "));
        let shape = Shape { channels: 3, height: 8, width: 8 };
        let mut wide = Layered::new(Architecture::Resnet { depth: 8, width: 5 }, shape, 10, 8, Seed(0))?;
        assert!(reason(&network(8, 1), &mut wide).contains("[4, 3, 3, 3], and the network [5, 3, 3, 3]"));
        let before = wide.parameters().to_vec();
        assert!(wide.read_safetensors(b"no such file").is_err());
        assert_eq!(wide.parameters(), before);
        Ok(())
    }
}
