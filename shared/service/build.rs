//! Puts the git revision into the build, where there is one; images pass it in as `GIT_REVISION`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=GIT_REVISION");
    if option_env!("GIT_REVISION").is_some() {
        return;
    }
    // Cargo takes a file that is not there for a changed one, and would build every service again each time. A worktree of
    // git has them elsewhere, and a clone without a log has one of them.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    if let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo:rustc-env=GIT_REVISION={revision}");
    }
}

/// What git prints; `None` where there is no git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
