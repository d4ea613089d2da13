use std::collections::BTreeMap;

use anyhow::{Result, bail};
use oncoweave_genomics::build::Build;

use super::{Measured, plan::Plan, resources::Resources};

/// So many files are named.
const SHOWN: usize = 3;

/// Fails where files of a cohort are of different genome builds: their positions cannot be compared.
/// Files that declare none, and `chr` before a chromosome's name, do not matter.
pub(super) fn check(plan: &Plan, measured: &Measured) -> Result<()> {
    let mut builds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (task, part) in plan.tasks.iter().zip(&measured.parts) {
        if let Some(build) = &part.build {
            let path = plan.manifest.relative(&task.files[0].path);
            builds.entry(build.clone()).or_default().push(path);
        }
    }
    for modality in &plan.modalities {
        if let Resources::Genotype(resources) = &modality.resources {
            for (id, build) in resources.builds() {
                let Some(build) = Build::named(build) else { continue };
                builds.entry(build.to_string()).or_default().push(format!("the score {id}"));
            }
        }
    }
    if builds.len() < 2 {
        return Ok(());
    }
    let mut by_count: Vec<(&String, &Vec<String>)> = builds.iter().collect();
    by_count.sort_by_key(|(_, files)| std::cmp::Reverse(files.len()));
    let most = by_count[0].1.len();
    let is_majority = |files: &Vec<String>| files.len() == most && by_count[1].1.len() < most;
    let describe = |(build, files): &(&String, &Vec<String>)| {
        let named = if is_majority(files) { String::new() } else { format!(" ({})", shown(files)) };
        format!("{} on {build}{named}", files.len())
    };
    let described: Vec<String> = by_count.iter().map(describe).collect();
    bail!(
        "the files are of different genome builds: {}; lift those over, or give their modality \
         `build = \"{}\"`, which sets them aside",
        described.join(", "),
        by_count[0].0
    )
}

fn shown(files: &[String]) -> String {
    let first: Vec<&str> = files.iter().take(SHOWN).map(String::as_str).collect();
    match files.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
