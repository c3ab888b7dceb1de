//! Which cores the server and the generators have.

use std::process::Command;

use anyhow::Context as _;

/// Cores in the notation of `taskset`; `None` where there is only one for all, or no `taskset`.
pub(super) struct Cores {
    pub(super) server: Option<String>,
    /// One of its own, for generators that are compared.
    pub(super) one: Option<String>,
    /// All but the server's.
    pub(super) others: Option<String>,
}

impl Cores {
    pub(super) fn share_out() -> anyhow::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let allowed = expanded(list.context("no Cpus_allowed_list")?.trim())?;
        let has_taskset = Command::new("taskset").arg("--version").output().is_ok();
        Ok(match &allowed[..] {
            [first, others @ ..] if has_taskset && !others.is_empty() => Self {
                server: Some(first.to_string()),
                one: Some(others[0].to_string()),
                others: Some(others.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
            },
            _ => Self { server: None, one: None, others: None },
        })
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self { server: Some(server), one: Some(one), others: Some(others) } => format!(
                "server on core {server}, generators on core {one} in a closed loop, else on {others}"
            ),
            _ => "server and generators share all cores".to_owned(),
        }
    }
}

/// The same command on these cores only.
pub(super) fn pinned(command: &Command, cores: Option<&str>) -> Command {
    let mut outer = match cores {
        Some(cores) => {
            let mut outer = Command::new("taskset");
            outer.args(["-c", cores]).arg(command.get_program());
            outer
        }
        None => Command::new(command.get_program()),
    };
    outer.args(command.get_args());
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer
}

/// `0-2,5` as its numbers.
fn expanded(list: &str) -> anyhow::Result<Vec<u32>> {
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cores.extend(first.parse::<u32>()?..=last.parse()?);
    }
    Ok(cores)
}
