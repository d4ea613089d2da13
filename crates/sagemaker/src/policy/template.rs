use serde_json::{Map, Value, json};

use super::{Names, bucket, dashboard, endpoint, key, pipeline, researcher};
use crate::pipeline::approval_pattern;

/// The interface endpoints that jobs without the internet need. S3 has a gateway of its own.
const INTERFACES: [&str; 8] = [
    "sagemaker.api",
    "sagemaker.runtime",
    "ecr.api",
    "ecr.dkr",
    "logs",
    "monitoring",
    "sts",
    "kms",
];

/// A `CloudFormation` template: a private network with endpoints, key, bucket, image repository,
/// the four roles and, where the function's archive is named, deployment on approval.
#[must_use]
pub fn template() -> Value {
    let mut resources = Map::new();
    for part in [network(), storage(), roles(), approval()] {
        resources.extend(part);
    }
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Oncoweave on Amazon SageMaker: private network, key, bucket, image repository, roles",
        "Parameters": {
            "Prefix": {
                "Type": "String", "Default": "oncoweave",
                "AllowedPattern": "[a-z][a-z0-9]+(-[a-z0-9]+)*",
                "Description": "The project: its folder in the bucket and the repository of its image",
            },
            "Group": {
                "Type": "String", "Default": "oncoweave",
                "AllowedPattern": "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
                "Description": "The group of models in the registry",
            },
            "FunctionArchive": {
                "Type": "String", "Default": "",
                "Description": "Key in the bucket of a zip with `bootstrap` and sagemaker.toml; empty: none",
            },
            "Endpoint": {
                "Type": "String", "Default": "oncoweave",
                "AllowedPattern": "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
                "Description": "The endpoint that approved versions are deployed to",
            },
        },
        "Conditions": {"DeployOnApproval": {"Fn::Not": [{"Fn::Equals": [{"Ref": "FunctionArchive"}, ""]}]}},
        "Resources": resources,
        "Outputs": {
            "Bucket": {"Value": {"Ref": "Bucket"}},
            "KmsKey": {"Value": attribute("Key")},
            "Repository": {"Value": {"Fn::GetAtt": ["Repository", "RepositoryUri"]}},
            "PipelineRole": {"Value": attribute("PipelineRole")},
            "EndpointRole": {"Value": attribute("EndpointRole")},
            "ResearcherPolicy": {"Value": {"Ref": "ResearcherPolicy"}},
            "DashboardRole": {"Value": attribute("DashboardRole")},
            "Subnets": {"Value": {"Fn::Join": [",", [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]]}},
            "SecurityGroup": {"Value": {"Ref": "JobsGroup"}},
        },
    })
}

fn attribute(resource: &str) -> Value {
    json!({"Fn::GetAtt": [resource, "Arn"]})
}

fn entries(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The names of the policies as the template knows them.
fn names() -> Names {
    Names {
        partition: "${AWS::Partition}".into(),
        region: "${AWS::Region}".into(),
        account: "${AWS::AccountId}".into(),
        bucket: "${Bucket}".into(),
        prefix: "${Prefix}/".into(),
        key: "${Key.Arn}".into(),
        repository: "${Repository}".into(),
        roles: "${AWS::StackName}-".into(),
    }
}

/// Texts with `${…}` as what `CloudFormation` fills in.
fn filled_in(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains("${") => json!({ "Fn::Sub": text }),
        Value::Array(items) => items.into_iter().map(filled_in).collect(),
        // What is a function already stays as it is.
        Value::Object(map) if map.keys().any(|key| key.starts_with("Fn::")) => Value::Object(map),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, filled_in(value))).collect(),
        other => other,
    }
}

fn network() -> Map<String, Value> {
    let subnet = |number: u32| {
        json!({
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "CidrBlock": format!("10.20.{number}.0/24"),
                "AvailabilityZone": {"Fn::Select": [number, {"Fn::GetAZs": ""}]},
            },
        })
    };
    let on_routes = |subnet: &str| {
        json!({
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"SubnetId": {"Ref": subnet}, "RouteTableId": {"Ref": "Routes"}},
        })
    };
    let group = |what: &str| {
        json!({
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": what,
                "VpcId": {"Ref": "Vpc"},
                // A group without this lets everything out.
                "SecurityGroupEgress": [{
                    "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0",
                    "Description": "TLS; there is no route but to the endpoints",
                }],
            },
        })
    };
    let among_jobs = |kind: &str| {
        let peer =
            if kind == "Ingress" { "SourceSecurityGroupId" } else { "DestinationSecurityGroupId" };
        json!({
            "Type": format!("AWS::EC2::SecurityGroup{kind}"),
            "Properties": {
                "GroupId": {"Ref": "JobsGroup"}, "IpProtocol": "-1", peer: {"Ref": "JobsGroup"},
                "Description": "machines of one job among each other",
            },
        })
    };
    let mut found = entries(json!({
        "Vpc": {
            "Type": "AWS::EC2::VPC",
            "Properties": {"CidrBlock": "10.20.0.0/16", "EnableDnsSupport": true, "EnableDnsHostnames": true},
        },
        "SubnetA": subnet(0),
        "SubnetB": subnet(1),
        "Routes": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        "RoutesOfA": on_routes("SubnetA"),
        "RoutesOfB": on_routes("SubnetB"),
        "JobsGroup": group("Oncoweave jobs and endpoints"),
        "JobsFromJobs": among_jobs("Ingress"),
        "JobsToJobs": among_jobs("Egress"),
        "EndpointsGroup": group("Interface endpoints of AWS services"),
        "EndpointsFromJobs": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": {"Ref": "EndpointsGroup"}, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
                "SourceSecurityGroupId": {"Ref": "JobsGroup"}, "Description": "TLS from jobs",
            },
        },
        "S3Endpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"},
                "VpcEndpointType": "Gateway",
                "RouteTableIds": [{"Ref": "Routes"}],
            },
        },
    }));
    for service in INTERFACES {
        let words = service.split('.').map(|word| {
            let (first, rest) = word.split_at(1);
            format!("{}{rest}", first.to_uppercase())
        });
        found.insert(
            format!("{}Endpoint", words.collect::<String>()),
            json!({
                "Type": "AWS::EC2::VPCEndpoint",
                "Properties": {
                    "VpcId": {"Ref": "Vpc"},
                    "ServiceName": {"Fn::Sub": format!("com.amazonaws.${{AWS::Region}}.{service}")},
                    "VpcEndpointType": "Interface",
                    "PrivateDnsEnabled": true,
                    "SubnetIds": [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}],
                    "SecurityGroupIds": [{"Ref": "EndpointsGroup"}],
                },
            }),
        );
    }
    found
}

fn storage() -> Map<String, Value> {
    let root = json!({"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"});
    // The roles' policies name the key, so that its own cannot name them: it leaves to the account
    // who uses it, which the roles' policies say.
    let key_policy = filled_in(key(&names(), &root, std::slice::from_ref(&root)));
    entries(json!({
        "Key": {
            "Type": "AWS::KMS::Key",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "Description": "Oncoweave: volumes, cohorts, models and predictions",
                "EnableKeyRotation": true,
                "KeyPolicy": key_policy,
            },
        },
        "KeyAlias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {"AliasName": {"Fn::Sub": "alias/${AWS::StackName}"}, "TargetKeyId": {"Ref": "Key"}},
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "BucketEncryption": {"ServerSideEncryptionConfiguration": [{
                    "BucketKeyEnabled": true,
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": attribute("Key")},
                }]},
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": true, "BlockPublicPolicy": true,
                    "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "VersioningConfiguration": {"Status": "Enabled"},
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": filled_in(bucket(&names()))},
        },
        "Repository": {
            "Type": "AWS::ECR::Repository",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "RepositoryName": {"Ref": "Prefix"},
                "EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": attribute("Key")},
                "ImageScanningConfiguration": {"ScanOnPush": true},
                "ImageTagMutability": "IMMUTABLE",
            },
        },
    }))
}

fn roles() -> Map<String, Value> {
    let role = |name: &str, service: &str, policy: Value| {
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": {"Fn::Sub": format!("${{AWS::StackName}}-{name}")},
                "AssumeRolePolicyDocument": trust(service),
                "Policies": [{"PolicyName": name, "PolicyDocument": filled_in(policy)}],
            },
        })
    };
    entries(json!({
        "PipelineRole": role("pipeline", "sagemaker.amazonaws.com", pipeline(&names())),
        "EndpointRole": role("endpoint", "sagemaker.amazonaws.com", endpoint(&names())),
        "DashboardRole": role("dashboard", "quicksight.amazonaws.com", dashboard(&names())),
        "ResearcherPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": "What the launcher needs; attach it to the people who run it",
                "PolicyDocument": filled_in(researcher(&names())),
            },
        },
    }))
}

/// Who may take a role: a service, for this account's own work.
fn trust(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        }],
    })
}

/// Deployment of approved versions by a Lambda function.
fn approval() -> Map<String, Value> {
    let names = names();
    let deploys = super::document(&[
        super::allow(
            "Deploy",
            &[
                "sagemaker:CreateModel",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:CreateEndpoint",
                "sagemaker:UpdateEndpoint",
                "sagemaker:DescribeEndpoint",
                "sagemaker:DescribeModelPackage",
                "sagemaker:InvokeEndpoint",
                "sagemaker:AddTags",
            ],
            &names.sagemaker(&["model", "endpoint-config", "endpoint", "model-package"]),
        ),
        json!({
            "Sid": "PassRole",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-endpoint",
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        }),
        super::allow(
            "Logs",
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            &["arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${AWS::StackName}-approved:*".to_owned()],
        ),
        super::allow(
            "Key",
            &["kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant", "kms:GenerateDataKey"],
            std::slice::from_ref(&names.key),
        ),
    ]);
    let function_trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    });
    let mut pattern = approval_pattern("group");
    pattern["detail"]["ModelPackageGroupName"] = json!([{"Ref": "Group"}]);
    entries(json!({
        "ApprovedLog": {
            "Type": "AWS::Logs::LogGroup",
            "Condition": "DeployOnApproval",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {
                "LogGroupName": {"Fn::Sub": "/aws/lambda/${AWS::StackName}-approved"},
                "RetentionInDays": 90,
                "KmsKeyId": attribute("Key"),
            },
        },
        "ApprovedRole": {
            "Type": "AWS::IAM::Role",
            "Condition": "DeployOnApproval",
            "Properties": {
                "AssumeRolePolicyDocument": function_trust,
                "Policies": [{"PolicyName": "deploy", "PolicyDocument": filled_in(deploys)}],
            },
        },
        "ApprovedFunction": {
            "Type": "AWS::Lambda::Function",
            "Condition": "DeployOnApproval",
            "DependsOn": "ApprovedLog",
            "Properties": {
                "FunctionName": {"Fn::Sub": "${AWS::StackName}-approved"},
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Architectures": ["x86_64"],
                "MemorySize": 256,
                "Timeout": 60,
                "Role": attribute("ApprovedRole"),
                "Code": {"S3Bucket": {"Ref": "Bucket"}, "S3Key": {"Ref": "FunctionArchive"}},
                "KmsKeyArn": attribute("Key"),
                "Environment": {"Variables": {"ONCOWEAVE_ENDPOINT": {"Ref": "Endpoint"}}},
            },
        },
        "ApprovedRule": {
            "Type": "AWS::Events::Rule",
            "Condition": "DeployOnApproval",
            "Properties": {
                "Description": "A version of the group was approved: deploy it",
                "EventPattern": pattern,
                "State": "ENABLED",
                "Targets": [{"Id": "deploy", "Arn": attribute("ApprovedFunction")}],
            },
        },
        "ApprovedPermission": {
            "Type": "AWS::Lambda::Permission",
            "Condition": "DeployOnApproval",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "ApprovedFunction"},
                "Principal": "events.amazonaws.com",
                "SourceArn": attribute("ApprovedRule"),
            },
        },
    }))
}
