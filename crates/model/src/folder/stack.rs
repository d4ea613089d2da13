//! The part of a model folder that a stack has: `stack.json`, and a folder for each member.

use std::path::Path;

use oncoweave_core::preprocess::{ModalityColumns, Preprocessing};
use serde::{Deserialize, Serialize};

use super::{MEMBERS, SCHEMA, SchemaOnly, check_schema, numbered, read_json, write_json};
use crate::{Error, Member, Model, Share, Stack, Without};

const STACK: &str = "stack.json";

/// The content of `stack.json`; member 0 stands in `members/0`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StackFile {
    schema: u32,
    choice: String,
    c_index: Option<f64>,
    shares: Vec<Share>,
    members: Vec<MemberLine>,
    without: Vec<Without>,
}

/// One member in `stack.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberLine {
    /// The name of the model in the member's folder.
    name: String,
    weight: f64,
    mean: f64,
    standard_deviation: f64,
    c_index: Option<f64>,
}

pub(super) fn write_stack(stack: &Stack, folder: &Path) -> Result<(), Error> {
    for (index, member) in stack.members.iter().enumerate() {
        member.model.write_files(&numbered(folder, MEMBERS, index))?;
    }
    let line = |member: &Member| MemberLine {
        name: member.model.name.clone(),
        weight: member.weight,
        mean: member.mean,
        standard_deviation: member.standard_deviation,
        c_index: member.c_index,
    };
    let members = stack.members.iter().map(line).collect();
    let file = StackFile {
        schema: SCHEMA,
        choice: stack.choice.clone(),
        c_index: stack.c_index,
        shares: stack.shares.clone(),
        members,
        without: stack.without.clone(),
    };
    write_json(&folder.join(STACK), &file)
}

/// A stack prepares a patient's columns once for all members, so that theirs must be its own.
pub(super) fn read_stack(folder: &Path, preprocessing: &Preprocessing) -> Result<Stack, Error> {
    let path = folder.join(STACK);
    check_schema(&path, read_json::<SchemaOnly>(&path)?.schema)?;
    let file: StackFile = read_json(&path)?;
    let bad = |reason| Error::BadFile { path: path.clone(), reason };
    let mut members = vec![];
    for (index, line) in file.members.iter().enumerate() {
        let own = numbered(folder, MEMBERS, index);
        let model = Model::load_to_depth(&own, 0)?;
        let columns = |part: &ModalityColumns| preprocessing.modalities.contains(part);
        if model.name != line.name || !model.preprocessing.modalities.iter().all(columns) {
            let (expected, found) = (&line.name, own.display());
            return Err(bad(format!("`{expected}` does not belong to the model in {found}")));
        }
        let weighted = line.weight >= 0.0 && line.weight.is_finite();
        if !(weighted && line.mean.is_finite() && line.standard_deviation > 0.0) {
            return Err(bad(format!(
                "`{}` has an impossible weight, mean or deviation",
                line.name
            )));
        }
        members.push(Member {
            model,
            weight: line.weight,
            mean: line.mean,
            standard_deviation: line.standard_deviation,
            c_index: line.c_index,
        });
    }
    if !members.iter().any(|member| member.weight > 0.0) {
        return Err(bad("no member has a weight".to_owned()));
    }
    if file.without.iter().any(|without| without.weights.len() != members.len()) {
        return Err(bad("`without` must have one weight for each member".to_owned()));
    }
    let StackFile { choice, c_index, shares, without, .. } = file;
    Ok(Stack { members, shares, choice, c_index, without })
}
