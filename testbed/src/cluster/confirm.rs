//! Asks before anything is changed: which cluster this is, and whether it is meant.

use super::connect::Cluster;
use super::placement::{architecture, name};
use crate::console::say;
use k8s_openapi::api::core::v1::Node;
use service::config::ConfigError;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

/// What an answer means; nothing but a yes is one.
const YES: [&str; 2] = ["y", "yes"];

/// What is known of a cluster, for people to recognise it by.
#[must_use]
pub fn described(cluster: &Cluster, nodes: &[Node]) -> String {
    let mut text = format!(
        "context  {}\nserver   {}\nversion  {}\nnodes    ",
        cluster.context, cluster.server, cluster.version
    );
    for (index, node) in nodes.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        write!(text, "{separator}{} ({})", name(node), architecture(node)).unwrap_or_default();
    }
    if nodes.is_empty() {
        text.push_str("none");
    }
    text
}

/// Asks a question that only a yes answers; `is_yes` is the answer that was given on the command line.
///
/// # Errors
/// Where nobody can be asked, as a [`ConfigError`] that names the argument.
pub fn ask(question: &str, is_yes: bool) -> anyhow::Result<bool> {
    if is_yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        let reason = format!("is not said, and nobody is there to ask: {question}");
        return Err(ConfigError::new("--yes", reason).into());
    }
    print!("{question} [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    let is_yes = YES.contains(&answer.trim().to_lowercase().as_str());
    if !is_yes {
        say("nothing was changed");
    }
    Ok(is_yes)
}
