use super::*;
use crate::{Expression, expression_features};

/// The values of the asked samples and genes A and B, with the options in TOML.
fn values(content: &str, asked: &[&str], options: &str) -> Result<Vec<Vec<Option<f32>>>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.tsv");
    fs_err::write(&path, content).unwrap();
    let base = "genes = ['A', 'B']\ntransform = 'none'\n";
    let settings: ExpressionSettings = toml::from_str(&format!("{base}{options}")).unwrap();
    let sets = GeneSets::default();
    let read = Expression::read(&path, asked, &settings, &sets).map_err(|e| e.to_string())?;
    let one = |id: &&str| {
        let features = expression_features(&read, id, &settings, &sets);
        let values = |features: Vec<oncoweave_core::Feature>| {
            features.iter().map(|feature| feature.value).collect()
        };
        features.map(values).map_err(|error| error.to_string())
    };
    asked.iter().map(one).collect()
}

#[test]
fn tables_of_every_kind() {
    let tpm = "unit = 'tpm'";
    for (case, content, asked, options) in [
        ("genes in rows", "gene\tS1\tS2\nA\t1\t5\nB\t2\t6\n", "S1", tpm),
        ("samples in rows", "sample\tB\tA\tC\nS1\t2\t1\t9\nS2\t6\t5\t9\n", "S1", tpm),
        ("commas and quotes, as R writes", "\"\",\"S1\"\n\"A\",1\n\"B\",2\n", "S1", tpm),
        ("no name for the first column", "S1\tS2\nA\t1\t5\nB\t2\t6\n", "S1", tpm),
        ("cBioPortal", "Hugo_Symbol\tEntrez_Gene_Id\tS1\nA\t7\t1\nB\t8\t2\n", "S1", tpm),
        ("symbol and Entrez id", "gene\tS1\n?|100130426\t3\nA|7\t1\nB|8\t2\n", "S1", tpm),
        (
            "GCT by Ensembl id",
            "#1.2\n2\t2\nName\tDescription\tS1\nENSG00000000003.15\tA\t1\nENSG00000000005.6\tB\t2\n",
            "S1",
            tpm,
        ),
        ("GCT by symbol", "#1.2\n2\t1\nName\tDescription\tS1\nA\tna\t1\nB\tna\t2\n", "S1", tpm),
        ("GCT 1.3", "#1.3\n2\t1\t0\t1\nid\tS1\nbatch\tx\nA\t1\nB\t2\n", "S1", tpm),
        (
            "GDC",
            "# gene-model: GENCODE v36\n\
             gene_id\tgene_name\tgene_type\tunstranded\ttpm_unstranded\n\
             N_unmapped\t\t\t100\t\n\
             ENSG00000000003.15\tA\tprotein_coding\t10\t1\n\
             ENSG00000000005.6\tB\tprotein_coding\t20\t2\n",
            "any",
            tpm,
        ),
        ("PCGR", "TargetID\tTPM\nA\t1\nB\t2\n", "any", tpm),
        ("a gene twice adds up", "gene\tS1\nA\t0.25\nB\t2\nA\t0.75\n", "S1", tpm),
        ("logarithms are averaged", "gene\tS1\nA\t-1\nB\t2\nA\t1\nA\t3\n", "S1", "unit = 'log2'"),
        ("Windows line ends", "gene\tS1\r\nA\t1\r\nB\t2\r\n", "S1", tpm),
    ] {
        let found = values(content, &[asked], options);
        assert_eq!(found, Ok(vec![vec![Some(1.0), Some(2.0)]]), "{case}");
    }
}

#[test]
fn counts_are_of_a_million_of_all_genes() {
    let content = "gene\tS1\nA\t1\nB\t3\nC\t999996\nN_unmapped\t5\n";
    let options = "unit = 'counts'";
    let found = values(content, &["S1"], options);
    assert_eq!(found, Ok(vec![vec![Some(1.0), Some(3.0)]]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.tsv");
    for content in [content, "s\tA\tB\tC\nS1\t1\t3\t999996\n"] {
        fs_err::write(&path, content).unwrap();
        let settings = toml::from_str("unit = 'counts'\ngenes = ['A', 'B']").unwrap();
        let sets = GeneSets::default();
        let read = Expression::read(&path, &["S1"], &settings, &sets).unwrap();
        let features = expression_features(&read, "S1", &settings, &sets).unwrap();
        let found: Vec<_> = features.iter().map(|feature| feature.value).collect();
        assert_eq!(found, [Some(1.0), Some(2.0)]);
        assert_eq!(features[0].info.unit, "log2(CPM + 1)");
    }
}

#[test]
fn what_is_not_measured_has_no_value() {
    for (case, content, expected) in [
        ("a gene that is not there", "gene\tS1\nA\t1\n", [Some(1.0), None]),
        ("an empty cell", "gene\tS1\nA\t1\nB\t\n", [Some(1.0), None]),
        ("NA", "gene\tS1\nA\tNA\nB\t0\n", [None, Some(0.0)]),
    ] {
        assert_eq!(values(content, &["S1"], "unit = 'tpm'"), Ok(vec![expected.to_vec()]), "{case}");
    }
}

#[test]
fn samples_are_found_by_their_whole_id_or_the_only_one_by_prefix() {
    let content = "gene\tP1-01A-11R\tP1-11A-11R\tP2-01A-11R\nA\t1\t3\t5\nB\t2\t4\t6\n";
    let options = |prefix| format!("unit = 'tpm'\nbarcode_prefix = {prefix}");
    assert_eq!(values(content, &["P1-11A"], &options(6)), Ok(vec![vec![Some(3.0), Some(4.0)]]));
    let two = values(content, &["P1", "P2"], &options(2)).unwrap_err();
    assert!(two.contains("2 samples of the table begin like the asked one"), "{two}");
    let whole = values(content, &["P1-01A-11R"], &options(2));
    assert_eq!(whole, Ok(vec![vec![Some(1.0), Some(2.0)]]));
}

#[test]
fn what_cannot_be_believed_is_an_error() {
    let tpm = "unit = 'tpm'";
    for (case, content, asked, options, expected) in [
        ("empty", "", vec!["S1"], tpm, "expected a table of gene expression, found no data"),
        (
            "a negative amount",
            "gene\tS0\tS1\nA\t0\t-1.5\n",
            vec!["S1"],
            tpm,
            "t.tsv:2: expected an amount of 0 or more in column 3, found `-1.5`",
        ),
        (
            "a text",
            "gene\tS1\nA\t1\nB\thigh\n",
            vec!["S1"],
            tpm,
            "t.tsv:3: expected a number in column 2, found `high`",
        ),
        ("infinite", "gene\tS1\nA\tinf\n", vec!["S1"], tpm, "expected a number in column 2"),
        (
            "a text in a matrix of samples",
            "s\tA\tB\nS1\t1\tx\n",
            vec!["S1"],
            tpm,
            "t.tsv:2: expected a number in column 3",
        ),
        ("a short row", "gene\tS1\tS2\nA\t1\n", vec!["S1"], tpm, "expected 3 cells as in the"),
        ("cut off", "gene\tS1\tS2\nA\t1", vec!["S1"], tpm, "ends in the middle of line 2"),
        (
            "another cohort",
            "gene\tX1\tX2\nC\t1\t2\n",
            vec!["S1", "S2"],
            tpm,
            "t.tsv:1: expected one of the 2 asked samples, an asked gene or a column of values",
        ),
        (
            "genes of another kind",
            "gene\tS1\nENSG00000141510.18\t1\n",
            vec!["S1"],
            tpm,
            "`A` was looked for, the table has `ENSG00000141510`",
        ),
        ("no such sample", "gene\tS1\nA\t1\n", vec!["S1", "S2"], tpm, "the sample is not in the"),
        (
            "one sample's file for two",
            "TargetID\tTPM\nA\t1\n",
            vec!["S1", "S2"],
            tpm,
            "the file holds one sample without its name, but 2 are asked of it",
        ),
        (
            "a sample twice",
            "s\tA\nS1\t1\nS1\t2\n",
            vec!["S1"],
            tpm,
            "t.tsv:3: expected each sample in one row",
        ),
    ] {
        let message = values(content, &asked, options).unwrap_err();
        assert!(message.contains(expected), "{case}: {message}");
    }
}

#[test]
fn units_and_transformations_must_go_together() {
    for (options, fine) in [
        ("unit = 'tpm'", true),
        ("unit = 'log2'\ntransform = 'log2p1'", false),
        ("unit = 'zscore'\ntransform = 'log2p1'", false),
        ("unit = 'tpm'\ntransform = 'log2_cpm'", false),
        ("unit = 'counts'\ntransform = 'log2p1'", true),
    ] {
        let settings: ExpressionSettings =
            toml::from_str(&format!("genes = ['A']\n{options}")).unwrap();
        assert_eq!(settings.check().is_ok(), fine, "{options}");
    }
    let nothing: ExpressionSettings = toml::from_str("unit = 'tpm'").unwrap();
    assert!(nothing.check().unwrap_err().to_string().contains("without them there is no feature"));
    assert!(toml::from_str::<ExpressionSettings>("genes = ['A']").is_err(), "the unit is needed");
}
