//! Networks on a GPU, which is emulated here: the bytes are the processor's, whatever the GPU does.

use crate::place::{Place, Ran};

/// A place with images and no model.
fn pictures() -> Place {
    let place = Place::new();
    let images: Vec<u8> = (0..60_u32).flat_map(|i| (0..12 * 12).map(move |j| (i * 31 + j * (1 + i % 3) * 5) as u8)).collect();
    let labels: Vec<u8> = (0..60).map(|i| (i % 3) as u8).collect();
    place.write_bytes("a-images-idx3-ubyte", &[&[0, 0, 8, 3, 0, 0, 0, 60, 0, 0, 0, 12, 0, 0, 0, 12][..], &images].concat());
    place.write_bytes("a-labels-idx1-ubyte", &[&[0, 0, 8, 1, 0, 0, 0, 60][..], &labels].concat());
    place.done(&["import", "a-images-idx3-ubyte", "--as", "pictures"]);
    place
}

fn train(place: &Place, learner: &str, device: &[&str], gpu: &str) -> Ran {
    let line = ["train", "pictures", "--as", "m", "--seed", "3", "--learner", learner];
    let set = ["--set", "n_epochs=2", "--set", "batch_size=30", "--set", "chunk=4"];
    let mut command = place.command(&[&line[..], &set, device].concat());
    let output = command.env("LD_LIBRARY_PATH", untrain_cuda::emulator::folder()).env("EMULATED_GPU", gpu).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The digest of the model that was trained, and what was said of the GPU.
fn trained(learner: &str, device: &[&str], gpu: &str) -> (String, Vec<String>) {
    let place = pictures();
    let ran = train(&place, learner, device, gpu);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let digest = place.json(&["show", "m"])["state_digest"].to_string();
    assert!(digest.len() > 64, "{digest}");
    (digest, ran.err.lines().filter(|line| line.contains("GPU")).map(str::to_owned).collect())
}

#[test]
fn a_gpu_makes_the_bytes_of_the_processor() {
    for learner in ["mlp", "cnn", "resnet"] {
        let (here, said) = trained(learner, &["--device", "cpu"], "");
        assert!(said.is_empty(), "{said:?}");
        let (there, said) = trained(learner, &["--device", "cuda"], "");
        assert_eq!(here, there);
        assert_eq!(said, ["networks were computed on an emulated GPU"]);
    }
}

#[test]
fn a_gpu_that_has_little_memory_or_fails_makes_them_too() {
    let (here, _) = trained("resnet", &["--device", "cpu"], "");
    let (there, said) = trained("resnet", &["--device", "cuda"], "small");
    assert_eq!(here, there);
    assert_eq!(said, ["networks were computed on an emulated GPU"]);
    let (there, said) = trained("resnet", &["--device", "cuda"], "lost");
    assert_eq!(here, there);
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("an emulated GPU is not used any more: the GPU failed at "), "{said:?}");
    assert!(said[0].ends_with("; the processor went on, to the same bytes"), "{said:?}");
}

#[test]
fn a_gpu_that_computes_other_bits_is_not_used() {
    let place = pictures();
    let ran = train(&place, "cnn", &["--device", "cuda"], "broken");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(ran.err, @r"
    error: networks cannot be computed on a GPU: an emulated GPU computes other bits than the processor (mlp), so it is not used
    hint: the processor makes the same bytes: `--device cpu`
    ");
    let ran = train(&place, "cnn", &["--device", "cuda"], "absent");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(ran.err, @r"
    error: networks cannot be computed on a GPU: the CUDA driver finds no GPU
    hint: the processor makes the same bytes: `--device cpu`
    ");
    let error = place.refused(2, &["show", "--device", "tpu"]);
    assert!(error.contains("[possible values: auto, cpu, cuda]"), "{error}");
}
