//! `testbed forward`: makes services of a cluster reachable from this machine.

use crate::cluster::NAMESPACE;
use crate::cluster::connect::{Cluster, ConnectionArgs, connect};
use crate::cluster::forward::Forward;
use crate::cluster::rights::{self, Right};
use crate::cluster::words::explain;
use crate::console::say;
use crate::interrupts::Interrupts;
use clap::Args;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use std::process::ExitCode;

/// Services that can be reached, and their ports here unless others are said.
const SERVICES: [(&str, u16); 5] =
    [("ingest-api", 8080), ("query-api", 8081), ("grafana", 3000), ("prometheus", 9090), ("redis", 6390)];

/// Arguments of `testbed forward`.
#[derive(Debug, Args)]
#[command(
    after_help = "Listens on 127.0.0.1, for what the cluster has: ingest-api at 8080, query-api at 8081, grafana at 3000, prometheus at 9090, \
    redis at 6390, where `testbed audit` looks for it. Ctrl-C ends it."
)]
pub struct ForwardArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Another port of this machine for a service, such as query-api=9081; 0 takes a free one
    #[arg(long = "port", value_name = "SERVICE=PORT", value_parser = port)]
    ports: Vec<(String, u16)>,
}

fn port(text: &str) -> Result<(String, u16), String> {
    let (service, port) = text.split_once('=').ok_or("say SERVICE=PORT")?;
    let known = SERVICES.map(|(name, _)| name);
    if !known.contains(&service) {
        return Err(format!("there is no service {service:?}: there are {}", known.join(", ")));
    }
    let port = port.parse().map_err(|_| format!("{port:?} is no port: 0 to 65535"))?;
    Ok((service.to_owned(), port))
}

/// Forwards until it is interrupted.
///
/// # Errors
/// Where a port is taken, or the cluster cannot be asked.
pub async fn run(args: &ForwardArgs) -> anyhow::Result<ExitCode> {
    let cluster = connect(&args.connection).await?;
    let namespace = Some(NAMESPACE);
    let needed = [
        Right::new("get", "", "services", namespace),
        Right::new("list", "", "pods", namespace),
        // The API server asks for it where a websocket is opened by GET.
        Right::new("get", "", "pods/portforward", namespace),
    ];
    rights::require(&cluster, needed.into()).await?;
    let mut interrupts = Interrupts::listen()?;
    let mut forwards = Vec::new();
    for (service, default) in SERVICES {
        if !is_there(&cluster, service).await? {
            continue;
        }
        let said = args.ports.iter().find(|(name, _)| name == service);
        forwards.push((service, Forward::bind(service, said.map_or(default, |(_, port)| *port)).await?));
    }
    anyhow::ensure!(
        !forwards.is_empty(),
        "there is no service of the testbed on {} ({}): `testbed deploy` puts it there",
        cluster.context,
        cluster.server
    );
    let absent = args.ports.iter().find(|(said, _)| forwards.iter().all(|(service, _)| service != said));
    if let Some((service, _)) = absent {
        anyhow::bail!(
            "there is no service {service} on {}: deploy it, such as grafana with --component observability",
            cluster.context
        );
    }
    for (service, forward) in forwards {
        say(&format!("{service:<11} http://{}", forward.address()?));
        tokio::spawn(forward.serve(cluster.clone()));
    }
    interrupts.next().await;
    Ok(ExitCode::SUCCESS)
}

async fn is_there(cluster: &Cluster, service: &str) -> anyhow::Result<bool> {
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let found = services.get_metadata_opt(service).await;
    let found = found.map_err(|error| {
        anyhow::anyhow!("cannot look for {service}: {}", explain(&error, &cluster.server))
    })?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::compose::CompositionArgs;
    use crate::cluster::forward::PORT_NAMES;
    use std::path::Path;

    #[test]
    fn ports_are_said_by_service() {
        assert_eq!(port("query-api=9081"), Ok(("query-api".to_owned(), 9081)));
        assert!(
            port("simulator=1").unwrap_err().contains("ingest-api, query-api, grafana, prometheus, redis")
        );
        assert!(port("query-api=70000").is_err() && port("9081").is_err());
    }

    /// By the repository's own manifests.
    #[tokio::test]
    async fn each_service_has_pods_with_a_port_that_is_found() {
        let said = CompositionArgs {
            placement: "any".to_owned(),
            components: vec!["observability".to_owned()],
            revision: None,
            settings: Vec::new(),
            nodes: Vec::new(),
            kubernetes: Some(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes").canonicalize().unwrap(),
            ),
            overlay: None,
        };
        let objects = said.draft().await.unwrap().objects;
        for (service, _) in SERVICES {
            let of_kind = |kind: &str| {
                let found =
                    objects.iter().find(|object| object.key.kind == kind && object.key.name == service);
                &found.unwrap_or_else(|| panic!("there is no {kind} {service}")).value
            };
            let selector = &of_kind("Service")["spec"]["selector"]["app.kubernetes.io/name"];
            let template = &of_kind("Deployment")["spec"]["template"];
            assert_eq!(selector, &template["metadata"]["labels"]["app.kubernetes.io/name"]);
            let ports = template["spec"]["containers"][0]["ports"].as_array().unwrap();
            let is_found = |port: &serde_json::Value| PORT_NAMES.contains(&port["name"].as_str().unwrap());
            assert_eq!(ports.iter().filter(|port| is_found(port)).count(), 1, "{service}: {ports:?}");
        }
    }
}
