//! `testbed undeploy`: takes out of a cluster what `testbed deploy` has put there, and nothing else.

use crate::cluster::connect::{ConnectionArgs, connect};
use crate::cluster::deployment::{self, NamespaceEnd};
use crate::cluster::inventory;
use crate::cluster::kinds::Kinds;
use crate::cluster::objects::ObjectKey;
use crate::cluster::prune::{self, Stuck};
use crate::cluster::rights::{self, Right};
use crate::cluster::{NAMESPACE, confirm};
use crate::console::{complain, say};
use clap::Args;
use service::config::{ConfigError, EXIT_USAGE};
use std::process::ExitCode;

/// Exit code of a testbed that stays, because nobody said yes.
const EXIT_REFUSED: u8 = 2;

/// Arguments of `testbed undeploy`.
#[derive(Debug, Args)]
#[command(
    after_help = "Deletes what the inventory in the cluster names. The namespace goes if `testbed deploy` made it and nothing of others is in it."
)]
pub struct UndeployArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Forget pods whose node does not answer, instead of waiting for it; they may go on running there
    #[arg(long)]
    force: bool,
}

/// Undeploys.
///
/// # Errors
/// What prevented it. What is deleted already stays deleted; the inventory keeps the rest for another try.
pub async fn run(args: &UndeployArgs) -> anyhow::Result<ExitCode> {
    undeploy(args).await.or_else(|error| {
        let error = error.downcast::<ConfigError>()?;
        complain(&error.to_string());
        Ok(ExitCode::from(EXIT_USAGE))
    })
}

async fn undeploy(args: &UndeployArgs) -> anyhow::Result<ExitCode> {
    let cluster = connect(&args.connection).await?;
    rights::require(&cluster, [Right::new("get", "", "configmaps", Some(NAMESPACE))].into()).await?;
    let Some(inventory) = inventory::read(&cluster).await? else {
        say(&format!("`testbed deploy` has put nothing on {} ({})", cluster.context, cluster.server));
        return Ok(ExitCode::SUCCESS);
    };
    // The namespace goes last, and only where nothing of others is in it.
    let objects: Vec<ObjectKey> =
        inventory.objects.iter().filter(|key| !key.is_own_namespace()).cloned().collect();
    let keys: Vec<&ObjectKey> = objects.iter().collect();
    let (kinds, _) = Kinds::discover(&cluster, &keys).await?;
    let mut needed = rights::on_objects(&kinds, &keys, &["get", "delete"]);
    needed.insert(Right::new("delete", "", "configmaps", Some(NAMESPACE)));
    if args.force {
        needed.extend(["list", "delete"].map(|verb| Right::new(verb, "", "pods", Some(NAMESPACE))));
        needed.insert(Right::new("list", "", "nodes", None));
    }
    if inventory.has_namespace() {
        needed.insert(Right::new("delete", "", "namespaces", None));
    }
    rights::require(&cluster, needed).await?;
    for key in &objects {
        say(&format!("- {key}"));
    }
    let question = format!(
        "delete these {} objects from {} ({})? All events go with them",
        objects.len(),
        cluster.context,
        cluster.server
    );
    if !confirm::ask(&question, args.yes)? {
        return Ok(ExitCode::from(EXIT_REFUSED));
    }
    let stuck = if args.force { Stuck::Force } else { Stuck::Tell };
    prune::delete(&cluster, &kinds, &objects, stuck).await?;
    say(&format!("{} objects are gone", objects.len()));
    match deployment::leave_namespace(&cluster, &inventory).await? {
        NamespaceEnd::Stays(why) => say(&format!("the namespace {NAMESPACE} {why}")),
        NamespaceEnd::Gone => say(&format!("the namespace {NAMESPACE} is gone")),
    }
    Ok(ExitCode::SUCCESS)
}
