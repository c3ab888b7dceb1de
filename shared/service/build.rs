//! Puts the git revision into the build, where there is one; images pass it in as `GIT_REVISION`.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=GIT_REVISION");
    println!("cargo:rerun-if-changed=../../.git/HEAD");
    println!("cargo:rerun-if-changed=../../.git/logs/HEAD");
    if option_env!("GIT_REVISION").is_some() {
        return;
    }
    let revision = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    if let Some(output) = revision.ok().filter(|output| output.status.success()) {
        println!("cargo:rustc-env=GIT_REVISION={}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
