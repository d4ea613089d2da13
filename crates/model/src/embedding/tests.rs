use std::collections::BTreeMap;

use safetensors::{Dtype, tensor::TensorView};
use tempfile::TempDir;

use super::*;
use crate::{checkpoint::to_bytes, network::Weights};

/// Numbers from -0.5 to 0.5 as `tests/golden/model_embedding.py` makes them.
fn uniform(name: &str, count: usize) -> Vec<f64> {
    let seed = name
        .bytes()
        .fold(2_166_136_261_u32, |seed, byte| (seed ^ u32::from(byte)).wrapping_mul(16_777_619));
    let number = |place: usize| {
        let mut x = u32::try_from(place).unwrap() ^ seed;
        x ^= x >> 16;
        x = x.wrapping_mul(0x7feb_352d);
        x ^= x >> 15;
        x = x.wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        f64::from(x) / 2_f64.powi(32) - 0.5
    };
    (0..count).map(number).collect()
}

fn filled(name: &str, shape: &[usize]) -> ArrayD<f32> {
    let fan: usize = shape.iter().skip(1).product();
    let scale = |value: f64| match name {
        "input" => 4.0 * value,
        _ if name.ends_with("running_var") => 1.0 + value,
        _ if shape.len() == 1 && name.ends_with("weight") => 0.5 + 0.4 * value,
        _ if shape.len() > 1 => value * 2.0 * (6.0 / fan as f64).sqrt(),
        _ => value,
    };
    #[expect(clippy::cast_possible_truncation, reason = "tensors are float32")]
    let values = uniform(name, shape.iter().product()).into_iter().map(|v| scale(v) as f32);
    ArrayD::from_shape_vec(shape.to_vec(), values.collect()).unwrap()
}

fn weights_of(architecture: EmbeddingArchitecture, channels: usize) -> Weights {
    let tensors = resnet::testing::tensors(architecture, channels);
    tensors.into_iter().map(|(name, shape)| (name.clone(), filled(&name, &shape))).collect()
}

/// A file in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs_err::write(&path, bytes).unwrap();
    (folder, path)
}

fn golden_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

fn script(shape: &[usize]) -> Result<Embedder, Error> {
    let path = golden_path("model_embedding.pt");
    Embedder::load(&path, EmbeddingArchitecture::TorchScript, EmbeddingDevice::Cpu, shape)
}

fn load(weights: &Weights, shape: &[usize]) -> Result<Embedder, String> {
    let (_folder, path) = file("weights.safetensors", &to_bytes(weights, None));
    let architecture = EmbeddingArchitecture::ResNet18;
    Embedder::load(&path, architecture, EmbeddingDevice::Cpu, shape).map_err(|error| {
        let text = error.to_string();
        text.strip_prefix(&format!("{}: ", path.display())).expect(&text).to_owned()
    })
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    architecture: EmbeddingArchitecture,
    shape: Vec<usize>,
    output: Vec<f32>,
}

/// The figures come from torchvision 0.26.0 on `PyTorch` 2.11.0, see `model_embedding.py`.
#[test]
fn features_are_those_of_torchvision() {
    let text = fs_err::read(golden_path("model_embedding.json")).unwrap();
    let golden: Golden = serde_json::from_slice(&text).unwrap();
    assert_eq!(golden.cases.len(), 5);
    for Case { architecture, shape, output } in golden.cases {
        let name = architecture.name();
        let embedder = if architecture == EmbeddingArchitecture::TorchScript {
            script(&shape[1..]).unwrap()
        } else {
            let mut weights = weights_of(architecture, 3);
            weights.insert("fc.weight".to_owned(), ArrayD::zeros(vec![10, 2]));
            let (_folder, path) = file("weights.safetensors", &to_bytes(&weights, None));
            Embedder::load(&path, architecture, EmbeddingDevice::Cpu, &shape[1..]).unwrap()
        };
        let found = embedder.embed(&filled("input", &shape), 16).unwrap();
        assert_eq!(found.dim(), (shape[0], output.len() / shape[0]), "{name}");
        assert_eq!(found.ncols(), embedder.width(), "{name}");
        for (place, (found, expected)) in found.iter().zip(&output).enumerate() {
            assert!((found - expected).abs() <= 1e-5, "{name} {place}: {found}, not {expected}");
        }
    }
}

#[test]
fn threads_and_batches_do_not_change_the_features() {
    let weights = weights_of(EmbeddingArchitecture::ResNet18, 1);
    let networks = [load(&weights, &[1, 32, 32]).unwrap(), script(&[3, 32, 32]).unwrap()];
    for embedder in networks {
        let shape = [&[5], &embedder.shape[..]].concat();
        let patches = filled("input", &shape);
        let expected = embedder.embed(&patches, 2).unwrap();
        std::thread::scope(|scope| {
            let run = || embedder.embed(&patches, 2).unwrap();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), expected);
            }
        });
        // Again, for a program may be rewritten after its first runs.
        assert_eq!(embedder.embed(&patches, 2).unwrap(), expected);
        for batch in [1, 3, 64] {
            let found = embedder.embed(&patches, batch).unwrap();
            let close = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(close, "batches of {batch}");
        }
        assert_eq!(
            embedder
                .embed(&ArrayD::zeros([&[0], &embedder.shape[..]].concat()), 2)
                .unwrap()
                .nrows(),
            0
        );
    }
}

#[test]
fn weights_of_half_precision_are_read() {
    let weights = weights_of(EmbeddingArchitecture::ResNet18, 3);
    let halves: BTreeMap<&String, (Vec<usize>, Vec<u8>)> = weights
        .iter()
        .map(|(name, values)| {
            // The upper half of a float32 is a bfloat16.
            let bytes = values.iter().flat_map(|value| {
                let [.., third, fourth] = value.to_le_bytes();
                [third, fourth]
            });
            (name, (values.shape().to_vec(), bytes.collect()))
        })
        .collect();
    let mut views: Vec<(&str, TensorView<'_>)> = halves
        .iter()
        .map(|(name, (shape, bytes))| {
            (name.as_str(), TensorView::new(Dtype::BF16, shape.clone(), bytes).unwrap())
        })
        .collect();
    let batches = 7_i64.to_le_bytes();
    views.push(("bn1.num_batches_tracked", TensorView::new(Dtype::I64, vec![], &batches).unwrap()));
    let (_folder, path) = file("w.safetensors", &safetensors::serialize(views, None).unwrap());
    let architecture = EmbeddingArchitecture::ResNet18;
    let half = Embedder::load(&path, architecture, EmbeddingDevice::Cpu, &[3, 32, 32]).unwrap();
    let whole = load(&weights, &[3, 32, 32]).unwrap();
    let patches = filled("input", &[1, 3, 32, 32]);
    let (half, whole) = (half.embed(&patches, 1).unwrap(), whole.embed(&patches, 1).unwrap());
    let difference = half.iter().zip(&whole).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(difference > 0.0 && difference < 0.1, "{difference}");
}

#[test]
fn a_file_that_does_not_fit_is_refused_in_words() {
    let good = weights_of(EmbeddingArchitecture::ResNet18, 3);
    let with = |name: &str, values: Option<ArrayD<f32>>| {
        let mut weights = good.clone();
        weights.remove(name);
        weights.extend(values.map(|values| (name.to_owned(), values)));
        weights
    };
    let prefixed: Weights =
        good.iter().map(|(name, values)| (format!("module.{name}"), values.clone())).collect();
    let shape = [3, 32, 32];
    for (weights, shape, expected) in [
        (
            with("layer3.0.downsample.1.bias", None),
            shape,
            "tensor `layer3.0.downsample.1.bias` of shape [256] is missing",
        ),
        (
            prefixed,
            shape,
            "tensor `conv1.weight` of shape [64, 3, 7, 7] is missing; rename \
             `module.conv1.weight` and the others",
        ),
        (
            with("bn1.weight", Some(ArrayD::zeros(vec![63]))),
            shape,
            "tensor `bn1.weight` must have shape [64], got [63]",
        ),
        (
            with("bn1.weight", Some(ArrayD::from_elem(vec![64], f32::NAN))),
            shape,
            "tensor `bn1.weight` holds numbers that are not finite",
        ),
        (
            with("layer5.0.conv1.weight", Some(ArrayD::zeros(vec![1]))),
            shape,
            "tensor `layer5.0.conv1.weight` does not belong to `resnet18`",
        ),
        (
            good.clone(),
            [1, 32, 32],
            "the weights take patches of 3 channels, the settings give patches of 1",
        ),
        (
            with("bn1.running_var", Some(ArrayD::from_elem(vec![64], -5.0))),
            shape,
            "the model gives a number that is not finite",
        ),
    ] {
        assert_eq!(load(&weights, &shape).unwrap_err(), expected);
    }
    let error = load(&good, &[3, 4, 32, 32]).unwrap_err();
    assert_eq!(error, "`resnet18` takes patches of 2 dimensions, the settings give patches of 3");
}

#[test]
fn what_is_no_model_is_refused_in_one_line() {
    let script_bytes = fs_err::read(golden_path("model_embedding.pt")).unwrap();
    let weights = to_bytes(&weights_of(EmbeddingArchitecture::ResNet18, 3), None);
    for (bytes, architecture, expected) in [
        (&b""[..], EmbeddingArchitecture::ResNet18, "expected a safetensors file"),
        (b"text, no model", EmbeddingArchitecture::R3d18, "expected a safetensors file"),
        (&script_bytes, EmbeddingArchitecture::R3d18, "expected a safetensors file"),
        (&weights[..weights.len() / 2], EmbeddingArchitecture::ResNet18, "expected a safetensors"),
        (b"", EmbeddingArchitecture::TorchScript, "expected a TorchScript file"),
        (b"text, no model", EmbeddingArchitecture::TorchScript, "expected a TorchScript file"),
        (&weights[..4096], EmbeddingArchitecture::TorchScript, "expected a TorchScript file"),
        (
            &script_bytes[..script_bytes.len() / 2],
            EmbeddingArchitecture::TorchScript,
            "expected a TorchScript file",
        ),
    ] {
        let (_folder, path) = file("model", bytes);
        let shape: &[usize] =
            if architecture == EmbeddingArchitecture::R3d18 { &[3, 8, 8, 8] } else { &[3, 8, 8] };
        let error = Embedder::load(&path, architecture, EmbeddingDevice::Cpu, shape)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let missing = golden_path("no_such_model.pt");
    let architecture = EmbeddingArchitecture::TorchScript;
    let error = Embedder::load(&missing, architecture, EmbeddingDevice::Cpu, &[3, 8, 8]);
    assert!(error.unwrap_err().to_string().contains("no_such_model.pt"));
}

#[test]
fn a_program_that_fails_is_quoted_in_one_line() {
    // It takes three channels.
    let error = script(&[1, 8, 8]).unwrap_err().to_string();
    assert!(
        error.contains("the model fails on patches of shape [1, 8, 8]: RuntimeError: "),
        "{error}"
    );
    assert!(error.contains("expected input[1, 1, 8, 8] to have 3 channels"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn an_output_of_another_kind_is_refused() {
    let embedder = script(&[3, 8, 8]).unwrap();
    let output = |shape: &[i64]| Tensor::zeros(shape, tch::kind::FLOAT_CPU);
    assert_eq!(embedder.rows(&output(&[2, 7, 1, 1]), 2).unwrap().dim(), (2, 7));
    for shape in [&[2][..], &[3, 7], &[2, 0], &[2, 7, 2, 1], &[2, 70_000]] {
        let error = embedder.rows(&output(shape), 2).unwrap_err().to_string();
        assert!(error.contains("expected an output of shape (2, features)"), "{error}");
    }
    let infinite = Tensor::full([1, 2], f64::INFINITY, tch::kind::FLOAT_CPU);
    let error = embedder.rows(&infinite, 1).unwrap_err().to_string();
    assert!(error.contains("not finite"), "{error}");
}

#[test]
fn patches_are_pooled_feature_by_feature() {
    let features = ndarray::array![[1.0, -4.0], [2.0, -1.0], [6.0, -1.0]];
    assert_eq!(Pooling::Mean.pool(&features), ndarray::array![3.0, -2.0]);
    assert_eq!(Pooling::Max.pool(&features), ndarray::array![6.0, -1.0]);
}

#[test]
fn a_device_that_is_not_there_is_named() {
    if tch::Cuda::is_available() {
        println!("skipped: there is a CUDA device");
        return;
    }
    let path = golden_path("model_embedding.pt");
    let architecture = EmbeddingArchitecture::TorchScript;
    let error = Embedder::load(&path, architecture, EmbeddingDevice::Cuda, &[3, 8, 8]);
    assert!(error.unwrap_err().to_string().starts_with("device \"cuda\" was asked for"));
}
