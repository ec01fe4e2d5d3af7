//! Tests of single functions, by the module that they are of.

mod clock;
mod code;
mod cost;
mod dts;
mod fit;
mod likely;
mod platforms;
mod renode;
mod rules;
mod yaml;

use proptest::test_runner::Config;

/// Settings of properties. Seeds of failures are not kept: a failure becomes a test by itself.
fn settings() -> Config {
    Config {
        failure_persistence: None,
        ..Config::default()
    }
}
