use serde_json::{Value, json};

use super::{Names, bucket, dashboard, endpoint, key, pipeline, researcher};

/// A `CloudFormation` template: a private network with endpoints, key, bucket, image repository,
/// the four roles and, where the function's archive is named, deployment on approval.
///
/// `template.json` with each policy in place of its name.
///
/// # Panics
/// Never: the file is JSON.
#[must_use]
pub fn template() -> Value {
    let template = include_str!("template.json");
    with_policies(serde_json::from_str(template).expect("the template is JSON"))
}

/// Puts the policy where a document is a name alone.
fn with_policies(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("PolicyDocument" | "KeyPolicy", Value::String(name)) => {
                    (key, filled_in(policy(&name)))
                }
                (_, value) => (key, with_policies(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(with_policies).collect(),
        other => other,
    }
}

fn policy(name: &str) -> Value {
    let names = Names {
        partition: "${AWS::Partition}".into(),
        region: "${AWS::Region}".into(),
        account: "${AWS::AccountId}".into(),
        bucket: "${Bucket}".into(),
        prefix: "${Prefix}/".into(),
        key: "${Key.Arn}".into(),
        repository: "${Repository}".into(),
        roles: "${AWS::StackName}-".into(),
    };
    match name {
        "researcher" => researcher(&names),
        "pipeline" => pipeline(&names),
        "endpoint" => endpoint(&names),
        "dashboard" => dashboard(&names),
        "bucket" => bucket(&names),
        "key" => {
            // The roles' policies name the key, so that its own cannot name them: it leaves to the
            // account who uses it, which the roles' policies say.
            let root = json!("arn:${AWS::Partition}:iam::${AWS::AccountId}:root");
            key(&names, &root, std::slice::from_ref(&root))
        }
        other => unreachable!("the template names no policy {other}"),
    }
}

/// Texts with `${…}` as what `CloudFormation` fills in.
fn filled_in(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains("${") => json!({ "Fn::Sub": text }),
        Value::Array(items) => items.into_iter().map(filled_in).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, filled_in(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::approval_pattern;

    #[test]
    fn every_policy_is_in_its_place_and_the_rule_is_the_pipelines() {
        let template = template();
        let resources = &template["Resources"];
        for place in [
            "/PipelineRole/Properties/Policies/0/PolicyDocument/Statement",
            "/EndpointRole/Properties/Policies/0/PolicyDocument/Statement",
            "/DashboardRole/Properties/Policies/0/PolicyDocument/Statement",
            "/ResearcherPolicy/Properties/PolicyDocument/Statement",
            "/BucketPolicy/Properties/PolicyDocument/Statement",
            "/Key/Properties/KeyPolicy/Statement",
        ] {
            assert!(resources.pointer(place).is_some_and(Value::is_array), "{place}");
        }
        let mut pattern = approval_pattern("");
        pattern["detail"]["ModelPackageGroupName"] = json!([{"Ref": "Group"}]);
        assert_eq!(resources["ApprovedRule"]["Properties"]["EventPattern"], pattern);
    }
}
