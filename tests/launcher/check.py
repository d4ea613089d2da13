"""Judges the launcher by programs that have no part in Oncoweave.

Usage: python check.py PROGRAM [S3_SERVER]     (packages: requirements.txt; s3s-fs)

Every request of every command is held against botocore's descriptions of the services, lengths,
patterns and values included. Commands are then run against moto's servers and what they made is read
back with boto3. Policies are asked, by principalmapper's simulator, what each role may and must not
do. cfn-lint and moto's CloudFormation read the template, moto's Step Functions the state machine. The
last line is `N passed, N failed`; the exit code is 1 when anything failed.
"""

import sys
from pathlib import Path

import live
import pipelines
import policies
import storage
import dry_runs
import tables
from checks import Program, report


def main():
    program = Program(Path(sys.argv[1]).resolve())
    dry_runs.run(program)
    pipelines.run(program)
    policies.run(program)
    tables.run(program)
    live.run(program)
    if len(sys.argv) > 2:
        storage.run(program, Path(sys.argv[2]).resolve())
    else:
        print("#### SKIPPED: what is stored in S3; scripts/launcher s3 builds a server for it ####")
    sys.exit(report())


if __name__ == "__main__":
    main()
