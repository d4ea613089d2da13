use std::collections::BTreeSet;

use serde_json::Value;

/// References of a pipeline's definition to steps and parameters that it does not have, or that
/// come later.
#[must_use]
pub fn dangling(definition: &Value) -> Vec<String> {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let parameters: BTreeSet<String> = items(&definition["Parameters"]).iter().map(named).collect();
    let mut known = BTreeSet::new();
    let mut found = vec![];
    let mut steps = vec![];
    for step in items(&definition["Steps"]) {
        let inner = ["IfSteps", "ElseSteps"].map(|part| items(&step["Arguments"][part]));
        steps.push(step);
        steps.extend(inner.into_iter().flatten());
    }
    for step in &steps {
        let name = named(step);
        let mut own = step.clone();
        for part in ["IfSteps", "ElseSteps"] {
            own["Arguments"].as_object_mut().map(|fields| fields.remove(part));
        }
        for reference in references(&own) {
            let mut parts = reference.split('.');
            let there = match (parts.next(), parts.next()) {
                (Some("Steps"), Some(of)) => known.contains(of),
                (Some("Parameters"), Some(of)) => parameters.contains(of),
                (Some("Execution"), Some(of)) => of == "PipelineExecutionId",
                _ => false,
            };
            if !there {
                found.push(format!("{name}: {reference}"));
            }
        }
        for before in items(&step["DependsOn"]) {
            if !before.as_str().is_some_and(|before| known.contains(before)) {
                found.push(format!("{name}: DependsOn {before}"));
            }
        }
        known.insert(name);
    }
    found
}

fn named(value: &Value) -> String {
    value["Name"].as_str().unwrap_or_default().to_owned()
}

/// Every `Get` of a value.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("Get", Value::String(path)) => vec![path.clone()],
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_or_later_is_found() {
        let step =
            |name: &str, path: &str| json!({"Name": name, "Arguments": {"X": {"Get": path}}});
        let definition = json!({
            "Parameters": [{"Name": "P"}],
            "Steps": [
                step("A", "Parameters.P"),
                step("B", "Parameters.Q"),
                step("C", "Steps.A.Y"),
                step("D", "Steps.E.Y"),
                {"Name": "E", "DependsOn": ["F"], "Arguments": {"IfSteps": [step("G", "Steps.A.Y")]}},
            ],
        });
        assert_eq!(
            dangling(&definition),
            ["B: Parameters.Q", "D: Steps.E.Y", "E: DependsOn \"F\""]
        );
    }
}
