//! What a model folder must hold.

use super::{all_rows, network_config, quick_config, small, train_on};
use crate::{Error, Model};

#[test]
fn a_broken_model_folder_is_refused_in_words() {
    let cohort = small().cohort;
    let model = train_on(&cohort, &all_rows(&cohort), &network_config());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let break_file = |file: &str, change: &dyn Fn(String) -> String| {
        model.save(&path).unwrap();
        let text = fs_err::read_to_string(path.join(file)).unwrap();
        fs_err::write(path.join(file), change(text)).unwrap();
        Model::load(&path).unwrap_err().to_string()
    };
    for (file, from, to, expected) in [
        ("model.toml", "schema = 2", "schema = 1", "layout 1, this program reads layout 2"),
        ("model.toml", "schema = 2", "schema = [", "cannot be read as this program writes it"),
        ("model.toml", "\nwidth = 16", "\nwidth = 9", "must have shape [9, 12], got [16, 12]"),
        ("features.json", "\"clinical.age\"", "7", "cannot be read as this program writes it"),
        ("features.json", "\"name\": \"imaging\"", "\"name\": \"mr\"", "are described here"),
        ("baseline.json", "median_risk", "mean_risk", "unknown field `mean_risk`"),
        ("training.json", "{", "", "cannot be read as this program writes it"),
        ("baselines/0/coefficients.json", "\"log_hazard_ratio\"", "\"b\"", "unknown field `b`"),
        ("baselines/0/coefficients.json", "clinical.age", "clinical.ago", "are not those of the"),
        ("baselines/0/model.toml", "linear", "stack", "cannot be made of what stands here"),
    ] {
        let error = break_file(file, &|text| text.replacen(from, to, 1));
        assert!(error.contains(expected), "{file}: {error}");
    }
    let stacked = train_on(&cohort, &all_rows(&cohort), &quick_config());
    for (file, from, to, expected) in [
        ("stack.json", "\"weight\": ", "\"weight\": -1", "impossible weight"),
        ("stack.json", "\"name\": \"network\"", "\"name\": \"net\"", "does not belong to"),
        ("stack.json", "\"choice\"", "\"reason\"", "unknown field `reason`"),
        ("members/0/features.json", "\"sd\": ", "\"sd\": 1", "does not belong to"),
        ("members/1/model.toml", "schema = 2", "schema = 1", "layout 1"),
    ] {
        stacked.save(&path).unwrap();
        let text = fs_err::read_to_string(path.join(file)).unwrap();
        fs_err::write(path.join(file), text.replacen(from, to, 1)).unwrap();
        let error = Model::load(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{file}: {error}");
    }
    for file in ["model.toml", "model.safetensors", "features.json", "baseline.json"] {
        model.save(&path).unwrap();
        fs_err::remove_file(path.join(file)).unwrap();
        let error = Model::load(&path).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains("no such file"), "{error}");
        fs_err::remove_dir_all(&path).unwrap();
    }
    let foreign = folder.path().join("thesis");
    fs_err::create_dir_all(&foreign).unwrap();
    fs_err::write(foreign.join("chapter_1.txt"), "do not lose this").unwrap();
    assert!(matches!(model.save(&foreign), Err(Error::NotAModelFolder { .. })));
    assert!(foreign.join("chapter_1.txt").exists());
}
