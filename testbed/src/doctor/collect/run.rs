//! Runs programs that are asked for facts.

use anyhow::Context as _;
use std::io::ErrorKind;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// Longer than a builder needs to start on a small board; a daemon that hangs must not hang the doctor.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs it to its end, and gives what it said, whatever its exit code.
///
/// # Errors
/// Where it is not there, cannot be started, or does not end; `remedy` says how to get it.
pub(super) async fn output(command: &mut Command, remedy: &str) -> anyhow::Result<Output> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let ran = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let ran = tokio::time::timeout(TIMEOUT, ran).await;
    match ran.with_context(|| format!("{program} did not end within {} s", TIMEOUT.as_secs()))? {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            anyhow::bail!("there is no {program} here: {remedy}")
        }
        ran => ran.with_context(|| format!("{program} cannot be started")),
    }
}

/// Its standard output.
///
/// # Errors
/// As [`output`], and with the last line of what it complains of where it fails.
pub(super) async fn text(command: &mut Command, remedy: &str) -> anyhow::Result<String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let ran = output(command, remedy).await?;
    if !ran.status.success() {
        let line = last_line(&ran.stderr);
        anyhow::ensure!(!lacks_buildx(&program, &line), "docker has no plugin buildx here: {remedy}");
        anyhow::bail!("{program} says: {line}");
    }
    String::from_utf8(ran.stdout).with_context(|| format!("{program} prints no text"))
}

/// What docker says of a plugin that it does not have, or of its flags.
fn lacks_buildx(program: &str, line: &str) -> bool {
    const WORDS: [&str; 3] =
        ["unknown command: docker buildx", "unknown flag: --print", "is not a docker command"];
    program == "docker" && WORDS.iter().any(|words| line.contains(words))
}

/// The last line that says something, which a hint at a program's help does not.
pub(super) fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let is_hint = |line: &&str| {
        line.is_empty() || ["Run '", "See '", "Usage:"].iter().any(|hint| line.starts_with(hint))
    };
    text.lines().rev().map(str::trim).find(|line| !is_hint(line)).unwrap_or("nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_not_a_hint_at_the_help() {
        let said = b"docker: unknown command: docker buildx\n\nUsage:  docker COMMAND\n\nRun 'docker --help' for more information\n";
        assert_eq!(last_line(said), "docker: unknown command: docker buildx");
        assert_eq!(last_line(b"\n"), "nothing");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told_with_how_to_get_it() {
        let error = output(&mut Command::new("/nonexistent/kubectl"), "install kubectl").await.unwrap_err();
        assert_eq!(error.to_string(), "there is no /nonexistent/kubectl here: install kubectl");
    }

    #[test]
    fn docker_without_buildx_is_known_by_what_it_says() {
        for line in ["docker: unknown command: docker buildx", "unknown flag: --print"] {
            assert!(lacks_buildx("docker", line) && !lacks_buildx("kubectl", line), "{line}");
        }
        assert!(!lacks_buildx("docker", "ERROR: no builder \"testbed\" found"));
    }

    #[tokio::test]
    async fn a_program_that_fails_is_quoted() {
        let mut command = Command::new("sh");
        let error =
            text(command.args(["-c", "echo first >&2; echo second >&2; exit 3"]), "").await.unwrap_err();
        assert_eq!(error.to_string(), "sh says: second");
    }
}
