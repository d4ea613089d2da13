use serde_json::{Value, json};

/// What Amazon `EventBridge` says when somebody approves a version of a group.
#[must_use]
pub fn approval_pattern(group: &str) -> Value {
    json!({
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": [group],
            "ModelApprovalStatus": ["Approved"],
        },
    })
}

/// The rule that calls a Lambda function on approval, as `aws events put-rule --cli-input-json`
/// takes it.
#[must_use]
pub fn approval_rule(group: &str) -> Value {
    json!({
        "Name": format!("oncoweave-{group}-approved"),
        "Description": "A version of the group was approved: deploy it",
        "EventPattern": approval_pattern(group).to_string(),
        "State": "ENABLED",
    })
}
