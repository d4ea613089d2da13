//! What a command may replace: results of its own kind, and nothing else.

use std::path::Path;

use anyhow::{Result, bail};
use fs_err as fs;
use oncoweave_cohort::stored_kind;

/// Refuses a file that is an input of the command, or that holds anything else than `kind`, the
/// word that our Parquet files carry as `oncoweave.kind`.
pub(crate) fn check_table(out: &Path, kind: &str, inputs: &[&Path]) -> Result<()> {
    if let Some(input) = inputs.iter().find(|input| is_same(input, out)) {
        bail!(
            "--out {} would overwrite what this command reads, {}; name another file",
            out.display(),
            input.display()
        );
    }
    if !out.exists() {
        return Ok(());
    }
    if out.is_dir() {
        bail!("--out {} is a folder; name the file to write", out.display());
    }
    match stored_kind(out) {
        Some(found) if found == kind => Ok(()),
        Some(found) => bail!(
            "--out {} holds `{found}`, and only an earlier `{kind}` table may be replaced; name \
             another file",
            out.display()
        ),
        None => bail!(
            "--out {} exists and was not written by this command; name another file",
            out.display()
        ),
    }
}

/// Refuses a folder with other things in it than an evaluation.
pub(crate) fn check_evaluation(out: &Path) -> Result<()> {
    if is_free(out)? || out.join("evaluation.json").is_file() {
        return Ok(());
    }
    bail!("{} is not an evaluation folder (no evaluation.json); name another", out.display())
}

/// Refuses a folder with other things in it than a model card; a model folder has one too.
pub(crate) fn check_card(out: &Path) -> Result<()> {
    if is_free(out)? || out.join("card.json").is_file() {
        return Ok(());
    }
    bail!("{} holds no model card (no card.json); name another folder", out.display())
}

/// Refuses a folder with other things in it than a model, and a model without `force`.
pub(crate) fn check_model(out: &Path, force: bool) -> Result<()> {
    if is_free(out)? {
        return Ok(());
    }
    if !out.join("model.toml").is_file() {
        bail!("{} is not a model folder (no model.toml); name another", out.display());
    }
    if !force {
        bail!("{} exists; name another folder or give --force", out.display());
    }
    Ok(())
}

/// Nothing there, or an empty folder.
pub(crate) fn is_free(out: &Path) -> Result<bool> {
    Ok(!out.exists() || (out.is_dir() && fs::read_dir(out)?.next().is_none()))
}

/// Whether two paths lead to one file, however they are written.
fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use oncoweave_cohort::{PredictionLayout, write_cohort, write_predictions};
    use oncoweave_core::Cohort;

    use super::*;

    #[test]
    fn only_a_table_of_the_same_kind_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("clinical.csv"), "patient_id\n").expect("a file");
        write_cohort(&at("cohort.parquet"), "test", &Cohort::default()).expect("a table");
        write_predictions(&at("risk.parquet"), &[], &PredictionLayout::default()).expect("a table");
        for (case, out, kind, expected) in [
            ("nothing there", "new.parquet", "cohort", None),
            ("the same kind", "cohort.parquet", "cohort", None),
            ("another kind", "cohort.parquet", "predictions", Some("holds `cohort`")),
            ("no Parquet", "clinical.csv", "cohort", Some("not written by this command")),
            ("a folder", ".", "cohort", Some("is a folder")),
            ("an input", "./risk.parquet", "predictions", Some("what this command reads")),
        ] {
            let result = check_table(&at(out), kind, &[&at("risk.parquet"), &at("absent")]);
            let message = result.err().map(|error| error.to_string());
            let fine = match (&message, expected) {
                (None, None) => true,
                (Some(message), Some(expected)) => message.contains(expected),
                _ => false,
            };
            assert!(fine, "{case}: {message:?}");
        }
    }

    #[test]
    fn only_folders_of_the_same_kind_are_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for (name, file) in
            [("model", "model.toml"), ("evaluation", "evaluation.json"), ("thesis", "thesis.tex")]
        {
            fs::create_dir_all(at(name)).expect("a folder");
            fs::write(at(name).join(file), "").expect("a file");
        }
        fs::create_dir_all(at("empty")).expect("a folder");
        for (name, model, forced, evaluation) in [
            ("absent", true, true, true),
            ("empty", true, true, true),
            ("model", false, true, false),
            ("evaluation", false, false, true),
            ("thesis", false, false, false),
            ("thesis/thesis.tex", false, false, false),
        ] {
            assert_eq!(check_model(&at(name), false).is_ok(), model, "{name}");
            assert_eq!(check_model(&at(name), true).is_ok(), forced, "{name}");
            assert_eq!(check_evaluation(&at(name)).is_ok(), evaluation, "{name}");
        }
    }
}
