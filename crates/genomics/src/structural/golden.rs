//! Comparison with an independent count of the events of many callers.

use std::collections::BTreeMap;

use super::{StructuralVariants, SvSettings, sv_features};
use crate::{
    golden::{assert_value, rows},
    real_data::genomics,
};

#[test]
fn events_of_real_callers_equal_an_independent_count() {
    let Some(folder) = genomics() else { return };
    // The sample that carries the events, where the header does not tell.
    let tumors: BTreeMap<&str, &str> = BTreeMap::from([
        ("COLO829T.purple.sv.ann.vcf.gz", "COLO829T.realigned.bam"),
        ("colo829_somatic_gridss.vcf.gz", "COLO829v003T_dedup.realigned.bam"),
        ("colo829_somatic_manta.vcf", "COLO829T"),
    ]);
    let mut by_file: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in rows("structural.csv") {
        let [file, _, feature, value] = row.as_slice() else { panic!("{row:?}") };
        by_file.entry(file.clone()).or_default().push((feature.clone(), value.clone()));
    }
    assert!(by_file.len() > 20);
    for (file, expected) in by_file {
        let found = StructuralVariants::read(&folder.join(&file)).unwrap();
        let name = file.rsplit('/').next().unwrap();
        let sample = tumors.get(name).copied().unwrap_or("anyone");
        let features = sv_features(&found, sample, &SvSettings::default()).unwrap();
        for (feature, value) in &expected {
            assert_value(&features, &file, feature, value);
        }
        // What the independent count leaves out is zero.
        let zero = features.iter().filter(|one| {
            one.value != Some(0.0) && !expected.iter().any(|(name, _)| *name == one.info.name)
        });
        assert_eq!(zero.count(), 0, "{file}");
    }
}
