//! `extract` with a network that turns the images of a simulated cohort into features.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use fs_err as fs;
use oncoweave_cohort::read_feature_table;
use oncoweave_core::FeatureTable;
use oncoweave_imaging::{PatchSettings, patches, read_nifti, read_nifti_mask};
use oncoweave_model::{Embedder, EmbeddingArchitecture, EmbeddingDevice, Pooling};
use tempfile::TempDir;

use crate::extract::{code, edit, extract, oncoweave, rows, stderr, text};

const CT_PATCH: &str = "{ size = [24, 20], spacing_mm = [3, 3], channels = 3, channel_slices = \
                        'neighbors', window = [-160, 240], normalization = 'imagenet' }";
const MR_PATCH: &str =
    "{ size = [16, 16], slices = 'all', slice_step = 2, channels = 3, normalization = 'z_score' }";

/// The network of `tests/golden/model_embedding.py`: three channels, five features.
fn golden_network() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/model_embedding.pt")
}

/// A simulated cohort whose CT and MR have embeddings and no radiomics.
fn cohort() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let simulate = ["simulate", "--patients", "16", "--no-mess", "--out", text(out)];
    let output = oncoweave(&simulate);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    fs::create_dir_all(out.join("networks")).unwrap();
    fs::copy(golden_network(), out.join("networks/small.pt")).unwrap();
    let embedding = |patch: &str| {
        format!(
            "families = []\nembedding = {{ model = 'networks/small.pt', architecture = \
             'torchscript', batch = 2, patch = {patch} }}"
        )
    };
    edit(&out.join("cohort.toml"), "bin_width = 25.0", &embedding(CT_PATCH));
    edit(&out.join("cohort.toml"), "bin_count = 32", &embedding(MR_PATCH));
    folder
}

fn table(out: &Path, modality: &str) -> FeatureTable {
    read_feature_table(&out.join(format!("features/{modality}.parquet"))).unwrap()
}

/// What the steps one by one make of an MR.
fn expected(cohort: &Path, row: &std::collections::BTreeMap<String, String>) -> Vec<f32> {
    let volume = read_nifti(&cohort.join(&row["path"])).unwrap();
    let mask = read_nifti_mask(&cohort.join(&row["mask"]), None).unwrap();
    let patch: toml::Table = toml::from_str(&format!("patch = {MR_PATCH}")).unwrap();
    let patch: PatchSettings = patch["patch"].clone().try_into().unwrap();
    let patches = patches(&volume, &mask, &patch).unwrap();
    assert!(patches.shape()[0] > 2, "several batches: {:?}", patches.shape());
    let (script, cpu) = (EmbeddingArchitecture::TorchScript, EmbeddingDevice::Cpu);
    let network = Embedder::load(&golden_network(), script, cpu, &patch.shape()).unwrap();
    Pooling::Mean.pool(&network.embed(&patches, 2).unwrap()).to_vec()
}

#[test]
fn images_become_features_of_a_network_and_a_changed_network_is_noticed() {
    let cohort = cohort();
    let folder = cohort.path();
    let manifest = folder.join("cohort.toml");
    let out = folder.join("out");
    let output = extract(&manifest, &out, &["--jobs", "1"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let files = rows(&folder.join("files.csv"));
    for modality in ["ct", "mr"] {
        let table = table(&out, modality);
        let names: Vec<&str> = table.features.iter().map(|info| info.name.as_str()).collect();
        let all = ["embedding_0", "embedding_1", "embedding_2", "embedding_3", "embedding_4"];
        assert_eq!(names, all, "{modality}");
        let meaning =
            "output 3 of the network `small.pt` (torchscript), mean over patches round the region";
        assert_eq!(table.features[3].meaning, meaning);
        let images = files.iter().filter(|row| row["modality"] == modality).count();
        assert_eq!(table.rows.len(), images, "{modality}");
        assert!(images > 2, "{modality}");
        assert!(table.rows.iter().all(|row| row.values.iter().all(Option::is_some)));
        assert_ne!(table.rows[0].values, table.rows[1].values, "images differ");
    }
    let mr = files.iter().find(|row| row["modality"] == "mr").unwrap();
    let found = table(&out, "mr");
    let row = found.rows.iter().find(|row| row.patient_id.as_str() == mr["patient_id"]).unwrap();
    let values: Vec<f32> = row.values.iter().copied().flatten().collect();
    assert_eq!(values, expected(folder, mr));

    // Whatever the number of threads.
    let parallel = folder.join("parallel");
    let output = extract(&manifest, &parallel, &["--jobs", "4"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for modality in ["ct", "mr"] {
        assert_eq!(table(&parallel, modality), table(&out, modality));
    }
    let reused = |output: &std::process::Output| {
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["reused"].as_u64().unwrap()
    };
    let output = extract(&manifest, &out, &["--resume"]);
    assert_eq!(reused(&output), files.len() as u64, "{}", stderr(&output));

    // Another way of pooling is another result for the images alone.
    edit(
        &manifest,
        "batch = 2, patch = { size = [16",
        "batch = 2, pooling = 'max', patch = { size = [16",
    );
    let output = extract(&manifest, &out, &["--resume"]);
    let images = table(&out, "mr").rows.len();
    assert_eq!(reused(&output), (files.len() - images) as u64, "{}", stderr(&output));
    let differ = table(&out, "mr").rows.iter().zip(&found.rows).any(|(a, b)| a.values != b.values);
    assert!(differ, "several slices have another maximum than mean");
    a_damaged_network_is_noticed(folder, &out);
}

fn a_damaged_network_is_noticed(folder: &Path, out: &Path) {
    let manifest = folder.join("cohort.toml");
    let network = folder.join("networks/small.pt");
    let bytes = fs::read(&network).unwrap();
    fs::write(&network, &bytes[..bytes.len() / 2]).unwrap();
    let aligned = folder.join("cohort.parquet");
    let align = ["align", text(&manifest), "--features", text(out), "--out", text(&aligned)];
    let output = oncoweave(&align);
    assert_eq!(code(&output), 1);
    let message = stderr(&output);
    assert!(message.contains("networks/small.pt changed since extract"), "{message}");
    let output = extract(&manifest, out, &["--resume"]);
    assert_eq!(code(&output), 1);
    let message = stderr(&output);
    assert!(message.contains("small.pt: expected a TorchScript file"), "{message}");
    assert_eq!(message.trim().lines().count(), 1, "{message}");
}

#[test]
fn what_a_network_cannot_see_is_set_aside_and_settings_are_checked_first() {
    let cohort = cohort();
    let manifest = cohort.path().join("cohort.toml");
    let out = cohort.path().join("out");
    let original = fs::read_to_string(&manifest).unwrap();
    for (from, to, expected) in [
        ("batch = 2", "batch = 0", "embedding.batch must be from 1 to 4096, got 0"),
        ("batch = 2", "batches = 2", "unknown field `batches`"),
        ("size = [24, 20]", "size = [24]", "imaging setting patch.size must be two or three"),
        ("size = [24, 20]", "sizes = [24, 20]", "unknown field `sizes`"),
        ("'torchscript'", "'resnet18'", "small.pt: expected a safetensors file"),
        ("'torchscript'", "'resnet'", "unknown variant `resnet`"),
        ("small.pt", "missing.pt", "missing.pt"),
        ("normalization = 'z_score'", "normalization = 'z_score', channels = 1", "duplicate key"),
    ] {
        fs::write(&manifest, original.replacen(from, to, 1)).unwrap();
        let output = extract(&manifest, &out, &[]);
        assert_eq!(code(&output), 1, "{to}");
        let message = stderr(&output);
        assert!(message.contains(expected), "{to}: {message}");
        assert!(!out.join("features").exists());
    }
    // A program that takes three channels.
    let one = original.replace("slice_step = 2, channels = 3", "slice_step = 2, channels = 1");
    fs::write(&manifest, one).unwrap();
    let message = stderr(&extract(&manifest, &out, &[]));
    assert!(message.contains("the model fails on patches of shape [1, 16, 16]"), "{message}");

    let coarse = original.replace("size = [16, 16]", "size = [2, 2], spacing_mm = [1000, 1000]");
    fs::write(&manifest, coarse).unwrap();
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    let exclusions = rows(&out.join("exclusions.csv"));
    let mr: Vec<_> = exclusions.iter().filter(|row| row["modality"] == "mr").collect();
    assert!(mr.len() > 2);
    for row in mr {
        let reason = &row["reason"];
        assert!(reason.contains("no patch can be cut round the region: no point"), "{reason}");
        assert!(reason.contains(".nii"), "{reason}");
    }
    assert!(table(&out, "ct").rows.len() > 2, "the others are measured");
}
