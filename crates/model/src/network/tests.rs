use serde::Deserialize;

use super::*;
use crate::NetworkConfig;

fn architecture() -> Architecture {
    let settings = NetworkConfig { width: 4, fused_width: 3, ..NetworkConfig::default() };
    let inputs = [("genomics", 5), ("ct", 2)].map(|(modality, columns)| Input {
        modality,
        columns,
        lacked: false,
    });
    Architecture::new(&settings, &inputs, &["a".to_owned(), "b".to_owned()], vec![])
}

#[test]
fn layers_are_named_as_in_the_reference_design() {
    let names: Vec<String> = ["genomics", "clinical", "imaging", "ct"]
        .map(|modality| InputLayer::new(modality, 1).layer)
        .to_vec();
    assert_eq!(names, ["genomic_fc", "clinical_fc", "imaging_fc", "ct_fc"]);
}

#[test]
fn weights_go_to_tensors_and_back() {
    let weights = architecture().initial_weights(1);
    assert_eq!(Network::new(&architecture(), &weights, Device::Cpu).weights(), weights);
    assert_eq!(architecture().mismatch(&weights), None);
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let good = architecture().initial_weights(1);
    let mut missing = good.clone();
    missing.remove("ct_fc.bias");
    let mut reshaped = good.clone();
    reshaped.insert("ct_fc.bias".to_owned(), ArrayD::zeros(vec![9]));
    let mut broken = good.clone();
    broken.insert("ct_fc.bias".to_owned(), ArrayD::from_elem(vec![4], f32::NAN));
    let mut unknown = good;
    unknown.insert("mr_fc.bias".to_owned(), ArrayD::zeros(vec![4]));
    for (weights, text) in [
        (missing, "tensor `ct_fc.bias` of shape [4] is missing"),
        (reshaped, "tensor `ct_fc.bias` must have shape [4], got [9]"),
        (broken, "tensor `ct_fc.bias` holds numbers that are not finite"),
        (unknown, "tensor `mr_fc.bias` does not belong to this network"),
    ] {
        assert_eq!(architecture().mismatch(&weights).unwrap(), text);
    }
}

#[derive(Deserialize)]
struct Golden {
    modalities: Vec<String>,
    columns: Vec<usize>,
    width: usize,
    fused_width: usize,
    inputs: Vec<Vec<f32>>,
    log_risk: Vec<f64>,
    class_probabilities: Vec<Vec<f64>>,
}

/// The figures come from `PyTorch` 2.11.0 and `tests/golden/model_pytorch.py`, which loads the
/// file beside it, written by our `save`, into the plain module of the reference design.
#[test]
fn the_plain_pytorch_module_gives_the_same_numbers() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let text = fs_err::read(folder.join("model_pytorch.json")).unwrap();
    let golden: Golden = serde_json::from_slice(&text).unwrap();
    let bytes = fs_err::read(folder.join("model_pytorch.safetensors")).unwrap();
    let (weights, _) = crate::checkpoint::from_bytes(&bytes).unwrap();
    let classes = golden.class_probabilities[0].len();
    let input =
        |(modality, &columns): (&'static str, &usize)| Input { modality, columns, lacked: false };
    let names = ["genomics", "imaging", "clinical"];
    assert_eq!(golden.modalities, names);
    let inputs: Vec<Input> = names.into_iter().zip(&golden.columns).map(input).collect();
    let settings = NetworkConfig {
        width: golden.width,
        fused_width: golden.fused_width,
        ..NetworkConfig::default()
    };
    let classes: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    let architecture = Architecture::new(&settings, &inputs, &classes, vec![]);
    assert_eq!(architecture.mismatch(&weights), None);
    let network = Network::new(&architecture, &weights, Device::Cpu);
    let patients = golden.log_risk.len();
    let block = |(values, &columns): (&Vec<f32>, &usize)| oncoweave_core::preprocess::Block {
        modality: String::new(),
        names: std::sync::Arc::default(),
        x: ndarray::Array2::from_shape_vec((patients, columns), values.clone()).unwrap(),
        present: vec![true; patients],
    };
    let blocks: Vec<_> = golden.inputs.iter().zip(&golden.columns).map(block).collect();
    let outputs = crate::outputs::network_outputs(
        &network,
        &crate::outputs::to_blocks(&blocks.iter().collect::<Vec<_>>()),
    );
    let (risks, probabilities) = (outputs.log_risks, outputs.probabilities);
    let spread = golden.log_risk.iter().fold(0.0_f64, |most, risk| most.max(risk.abs()));
    assert!(spread > 0.1, "the golden risks differ from nothing");
    for patient in 0..patients {
        assert!((risks[patient] - golden.log_risk[patient]).abs() < 1e-5);
        for class in 0..classes.len() {
            let expected = golden.class_probabilities[patient][class];
            assert!((probabilities[(patient, class)] - expected).abs() < 1e-5);
        }
    }
}

#[derive(Deserialize)]
struct Variant {
    architecture: Architecture,
    inputs: Vec<Vec<f32>>,
    present: Vec<Vec<bool>>,
    log_risk: Vec<f64>,
    survival: Option<Vec<Vec<f64>>>,
    class_probabilities: Vec<Vec<f64>>,
}

/// The figures come from `PyTorch` 2.11.0 and `tests/golden/model_architectures.py`, which builds
/// every kind of network of `PyTorch`'s own parts and loads weights that our `save` wrote.
#[test]
fn every_architecture_gives_the_numbers_of_pytorch() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let text = fs_err::read(folder.join("model_architectures.json")).unwrap();
    let mut golden: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let variants: BTreeMap<String, Variant> =
        serde_json::from_value(golden["variants"].take()).unwrap();
    assert_eq!(variants.len(), 10);
    let bytes = fs_err::read(folder.join("model_architectures.safetensors")).unwrap();
    let (all, _) = crate::checkpoint::from_bytes(&bytes).unwrap();
    for (name, variant) in variants {
        let own = |(tensor, values): (&String, &ArrayD<f32>)| {
            Some((tensor.strip_prefix(&format!("{name}/"))?.to_owned(), values.clone()))
        };
        let weights: Weights = all.iter().filter_map(own).collect();
        let architecture = &variant.architecture;
        assert_eq!(architecture.mismatch(&weights), None, "{name}");
        let network = Network::new(architecture, &weights, Device::Cpu);
        let patients = variant.log_risk.len();
        let block = |(place, values): (usize, &Vec<f32>)| oncoweave_core::preprocess::Block {
            modality: String::new(),
            names: std::sync::Arc::default(),
            x: ndarray::Array2::from_shape_vec(
                (patients, architecture.inputs[place].columns),
                values.clone(),
            )
            .unwrap(),
            present: variant.present.iter().map(|row| row[place]).collect(),
        };
        let blocks: Vec<_> = variant.inputs.iter().enumerate().map(block).collect();
        let blocks = crate::outputs::to_blocks(&blocks.iter().collect::<Vec<_>>());
        let outputs = crate::outputs::network_outputs(&network, &blocks);
        let spread = variant.log_risk.iter().fold(0.0_f64, |most, risk| most.max(risk.abs()));
        assert!(spread > 0.1, "{name}: the golden risks differ from nothing");
        for patient in 0..patients {
            let difference = outputs.log_risks[patient] - variant.log_risk[patient];
            assert!(difference.abs() < 2e-5, "{name}, patient {patient}: off by {difference}");
            let row = outputs.probabilities.row(patient);
            for (found, expected) in row.iter().zip(&variant.class_probabilities[patient]) {
                assert!((found - expected).abs() < 1e-5, "{name}, patient {patient}");
            }
            let Some(survival) = &variant.survival else { continue };
            let hazards = &outputs.hazards.as_ref().unwrap()[patient];
            let intervals = architecture.intervals().unwrap();
            for (&end, expected) in architecture.cut_points_days.iter().zip(&survival[patient]) {
                let found = intervals.survival(hazards, end).0;
                assert!((found - expected).abs() < 1e-5, "{name}, patient {patient}, day {end}");
            }
        }
    }
}
