//! Statements that several roles have.

use serde_json::{Value, json};

use super::{Names, allow};

pub(super) fn pass_role(names: &Names) -> Value {
    let Names { partition, account, roles, .. } = names;
    json!({
        "Sid": "PassRole",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": [
            format!("arn:{partition}:iam::{account}:role/{roles}pipeline"),
            format!("arn:{partition}:iam::{account}:role/{roles}endpoint"),
        ],
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    })
}

/// Jobs in a private network make interfaces in its subnets.
pub(super) fn interfaces(names: &Names) -> Value {
    let Names { partition, region, account, .. } = names;
    let arn = |kind| format!("arn:{partition}:ec2:{region}:{account}:{kind}/*");
    allow(
        "Interfaces",
        &[
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
        ],
        &["network-interface", "subnet", "security-group"].map(arn),
    )
}

/// The actions on interfaces that know no resource.
pub(super) fn interfaces_of_no_resource() -> Value {
    allow(
        "InterfacesOfNoResource",
        &[
            "ec2:DeleteNetworkInterfacePermission",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeVpcs",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
        ],
        &["*".to_owned()],
    )
}

pub(super) fn scaling(names: &Names) -> Value {
    let Names { partition, region, account, .. } = names;
    json!({
        "Sid": "Scaling",
        "Effect": "Allow",
        "Action": [
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
        ],
        "Resource": format!("arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/*"),
        "Condition": {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
    })
}

pub(super) fn bucket_list(names: &Names) -> Value {
    let prefix = &names.prefix;
    json!({
        "Sid": "List",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": names.whole_bucket(),
        "Condition": {"StringLike": {"s3:prefix": [format!("{prefix}*")]}},
    })
}

pub(super) fn pull_image(names: &Names) -> Value {
    let Names { partition, region, account, repository, .. } = names;
    allow(
        "Image",
        &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
        &[format!("arn:{partition}:ecr:{region}:{account}:repository/{repository}")],
    )
}

/// The one action of ECR that knows no resource.
pub(super) fn token() -> Value {
    allow("Token", &["ecr:GetAuthorizationToken"], &["*".to_owned()])
}

fn log_groups(names: &Names) -> Vec<String> {
    let Names { partition, region, account, .. } = names;
    vec![format!("arn:{partition}:logs:{region}:{account}:log-group:/aws/sagemaker/*")]
}

pub(super) fn write_logs(names: &Names) -> Value {
    let actions = [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "logs:DescribeLogStreams",
    ];
    allow("Logs", &actions, &log_groups(names))
}

pub(super) fn read_logs(names: &Names) -> Value {
    allow("Logs", &["logs:DescribeLogStreams", "logs:GetLogEvents"], &log_groups(names))
}

/// Figures know no resource; the name of their space is what can be asked for.
pub(super) fn metrics() -> Value {
    json!({
        "Sid": "Figures",
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringLike": {"cloudwatch:namespace": ["AWS/SageMaker*", "/aws/sagemaker/*"]}},
    })
}

pub(super) fn use_key(names: &Names, actions: &[&str]) -> Value {
    allow("Key", actions, std::slice::from_ref(&names.key))
}
