//! What does a ResNet-20 of PyTorch say of CIFAR-10's images? Use: cifar WEIGHTS.safetensors IMAGES.bin [LOGITS]
//!
//! Prints the accuracy, and writes the logits, row after row, as 32-bit floats, so that they can be compared with PyTorch's.
#![expect(clippy::print_stdout, reason = "its output is the point")]

use std::error::Error;
use std::fs;

use untrain_neural::{Architecture, Examples, Layered, Network as _, Shape, Source, accuracy};

const IMAGE: usize = 3 * 32 * 32;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, images, rest @ ..] = &arguments[..] else { return Err("use: cifar WEIGHTS.safetensors IMAGES.bin [LOGITS]".into()) };
    let bytes = fs::read(images)?;
    let (mut labels, mut samples) = (Vec::new(), Vec::new());
    for record in bytes.chunks_exact(1 + IMAGE) {
        labels.push(u32::from(record[0]));
        samples.extend_from_slice(&record[1..]);
    }
    let shape = Shape { channels: 3, height: 32, width: 32 };
    let source = Source::Images { samples, mean: vec![0.485, 0.456, 0.406], deviation: vec![0.229, 0.224, 0.225] };
    let keys = (0..labels.len() as u64).collect();
    let examples = Examples::new(shape, 10, source, labels, keys);
    let network = Layered::from_safetensors(&Architecture::Resnet { depth: 20, width: 16 }, shape, 16, &fs::read(weights)?)?;
    println!("{} images, accuracy {:.4}", examples.len(), accuracy(&network, &examples));
    if let Some(path) = rest.first() {
        let logits = examples.pieces().flat_map(|(_, batch)| network.logits(&batch).values().to_vec());
        fs::write(path, logits.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())?;
    }
    Ok(())
}
