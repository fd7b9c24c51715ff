//! What must be clean before a change goes in.

use std::process::Command;

use crate::{
    packages, plugins,
    steps::{Result, Steps, cargo},
    tryton,
    workspace::Workspace,
};

/// All checks, the quick ones first. Every build names the whole workspace, so that the features
/// are the same and nothing is built twice.
pub(crate) fn test(workspace: &Workspace, steps: &mut Steps, test_arguments: &[String]) -> Result {
    steps.run("format", cargo(workspace).args(["fmt", "--all", "--check"]))?;
    plugins::build(workspace, steps)?;
    lint(workspace, steps)?;
    let mut doc = cargo(workspace);
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    steps.run("docs", doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    packages::ensure_all(steps)?;
    tryton::ensure(workspace, steps)?;
    // The program itself: integration tests of another package do not build it.
    steps.run("build", cargo(workspace).args(["build", "--workspace"]))?;
    steps.run("test", cargo(workspace).args(["test", "--workspace"]).args(test_arguments))
}

/// Builds what a soak needs, and runs it.
pub(crate) fn soak(workspace: &Workspace, steps: &mut Steps, soak_arguments: &[String]) -> Result {
    plugins::build(workspace, steps)?;
    packages::ensure_postgres(steps)?;
    steps.run("build", cargo(workspace).args(["build", "--workspace"]))?;
    let program = workspace.target.join("debug/soak");
    steps.run("soak", Command::new(program).args(soak_arguments))
}

/// The test of swaps under load, longer and faster than every day: optimized, as hosts run.
pub(crate) fn swaps(workspace: &Workspace, steps: &mut Steps) -> Result {
    plugins::build(workspace, steps)?;
    packages::ensure_postgres(steps)?;
    steps.run("build", cargo(workspace).args(["build", "--release", "-p", "patchbay"]))?;
    let mut test = cargo(workspace);
    test.args(["test", "--release", "-p", "patchbay-tests", "--test", "it", "swaps::"]);
    test.args(["--", "--nocapture", "--test-threads", "1"]);
    test.env("PATCHBAY_SWAPS", "100").env("PATCHBAY_SWAPS_RATE", "500");
    steps.run("swaps", &mut test)
}

/// The tests of drains, at the pace of the vendors.
pub(crate) fn drains(workspace: &Workspace, steps: &mut Steps) -> Result {
    plugins::build(workspace, steps)?;
    steps.run("build", cargo(workspace).args(["build", "-p", "patchbay"]))?;
    let mut test = cargo(workspace);
    test.args(["test", "-p", "patchbay-tests", "--test", "it", "crms::drain::"]);
    test.args(["--", "--nocapture"]);
    test.env("PATCHBAY_DRAINS", "1");
    steps.run("drains", &mut test)
}

/// The test of attacks on a running host, longer than every day.
pub(crate) fn hostile(
    workspace: &Workspace,
    steps: &mut Steps,
    repetitions: u32,
    is_dev: bool,
) -> Result {
    let profile = if is_dev { "dev" } else { "release" };
    plugins::build(workspace, steps)?;
    steps.run("build", cargo(workspace).args(["build", "--profile", profile, "-p", "patchbay"]))?;
    let mut test = cargo(workspace);
    test.args(["test", "--profile", if is_dev { "test" } else { "release" }]);
    test.args(["-p", "patchbay-tests", "--test", "it", "hostile::run::"]);
    test.args(["--", "--nocapture", "--test-threads", "1"]);
    test.env("PATCHBAY_HOSTILE", repetitions.to_string());
    steps.run("hostile", &mut test)
}

/// Clippy over all code. Warnings are denied behind `--`, where no dependency is rebuilt for it.
pub(crate) fn lint(workspace: &Workspace, steps: &mut Steps) -> Result {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.run("lint", cargo(workspace).args(arguments))?;
    // The fuzz targets are a workspace of their own, which holds a copy of the host's module tree.
    let arguments = ["check", "--manifest-path", "fuzz/Cargo.toml", "-p", "patchbay-floors"];
    steps.run("fuzz floors", cargo(workspace).args(arguments))
}
