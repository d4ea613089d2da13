# `make demo` and `make test` set up what they need; `make help` lists the rest.

.PHONY: help demo test check docs image setup clean

help:
	@echo 'make demo    simulate a cohort and take it the whole way; ends with demo/evaluation/report.html'
	@echo 'make test    every test, the readers of other projects included'
	@echo 'make check   format and lints, warnings denied'
	@echo 'make docs    the API documentation, in target/doc'
	@echo 'make image   the container image for SageMaker, oncoweave:cpu'
	@echo 'make clean   removes what was built and the demo'

demo: setup
	"$$(scripts/program)" demo --out demo

test: setup
	scripts/setup tests
	cargo test --workspace --locked
	scripts/outsiders

check: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

docs: setup
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

image:
	scripts/image cpu

setup:
	@scripts/setup

clean:
	cargo clean
	rm -rf demo
