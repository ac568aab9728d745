//! Two of MNIST's digits as a table: a column a pixel.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use untrain_core::{Dataset, Role};

use super::generated::{Generated, testing, training};
use super::measure::Split;

const PIXELS: usize = 784;
const DIGITS: [u8; 2] = [3, 8];

/// The records of the two digits, of a folder with MNIST's four files.
pub(super) fn split(folder: &Path) -> Result<Split> {
    let name = format!("MNIST, {} against {}", DIGITS[0], DIGITS[1]);
    Ok(Split { name, train: table(folder, "train", false)?, test: table(folder, "t10k", true)? })
}

fn table(folder: &Path, part: &str, is_test: bool) -> Result<Dataset> {
    let images = unpacked(&folder.join(format!("{part}-images-idx3-ubyte.gz")), 16)?;
    let labels = unpacked(&folder.join(format!("{part}-labels-idx1-ubyte.gz")), 8)?;
    ensure!(images.len() == labels.len() * PIXELS, "{} holds {part} images and labels of different number", folder.display());
    let places: Vec<usize> = (0..labels.len()).filter(|i| DIGITS.contains(&labels[*i])).collect();
    let (n, first) = (places.len() as u64, if is_test { testing(1).start } else { 0 });
    let of = |record: u64| places[(record - first) as usize];
    let mut table = Generated::new(if is_test { testing(n) } else { training(n) });
    (0..PIXELS).for_each(|p| table.numbers(format!("p{p:03}"), Role::Feature, |record| f64::from(images[of(record) * PIXELS + p])));
    table.texts("digit".to_owned(), Role::Target, |record| labels[of(record)].to_string());
    table.dataset(None)
}

/// What follows the header of a file.
fn unpacked(path: &Path, header: usize) -> Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).with_context(|| format!("cannot unpack {}", path.display()))?;
    ensure!(bytes.len() >= header, "{} is too short", path.display());
    Ok(bytes.split_off(header))
}
