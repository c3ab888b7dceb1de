//! Ports: whether each is free before anything starts, and unused ones for the demo.

use crate::procfs::{self, Holder};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Above most services' ports and below those for outgoing connections: 32768 and up on Linux, 49152 elsewhere.
const PORTS_UNUSED: Range<u16> = 12_000..32_000;

/// An address that a part is going to listen on.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Where it will listen.
    pub address: SocketAddr,
    /// The part, such as `ingest-api`.
    pub part: String,
    /// The flag that moves it, such as `--ingest-port`.
    pub flag: &'static str,
}

/// Why the parts cannot listen where they should: every obstacle at once, one a line.
#[derive(Debug, thiserror::Error)]
pub struct PortsUnavailable(Vec<Obstacle>);

#[derive(Debug)]
enum Obstacle {
    Shared { first: Claim, second: Claim },
    Taken { claim: Claim, holder: Option<Holder> },
    Unusable { claim: Claim, error: io::Error },
}

/// Checks that every claim can be met by listening on it for a moment.
///
/// # Errors
/// Names each port that is taken, two parts share, or the system refuses, with the flag that changes it.
pub fn check(claims: &[Claim]) -> Result<(), PortsUnavailable> {
    let shared = claims.iter().enumerate().filter_map(|(index, second)| {
        let first = claims.iter().take(index).find(|first| first.address.port() == second.address.port())?;
        Some(Obstacle::Shared { first: first.clone(), second: second.clone() })
    });
    let obstacles: Vec<Obstacle> = shared.chain(claims.iter().filter_map(obstacle)).collect();
    if obstacles.is_empty() { Ok(()) } else { Err(PortsUnavailable(obstacles)) }
}

/// `count` ports on 127.0.0.1 that nobody listens on now. They are reserved only while this runs, but they are none
/// of those that the system gives to outgoing connections, so nobody gets one by chance.
///
/// # Errors
/// Fails where there are not as many.
pub fn unused(count: usize) -> io::Result<Vec<u16>> {
    let ports: Vec<u16> = PORTS_UNUSED
        .map(|_| candidate())
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .take(count)
        .collect();
    if ports.len() == count { Ok(ports) } else { Err(io::Error::other("there is no unused port left")) }
}

/// The next port to try: processes begin at different ones, and one process tries none twice in a row.
fn candidate() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(97);
    let offset = begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % PORTS_UNUSED.len() as u32;
    PORTS_UNUSED.start + offset as u16
}

fn obstacle(claim: &Claim) -> Option<Obstacle> {
    match TcpListener::bind(claim.address) {
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Some(Obstacle::Taken { claim: claim.clone(), holder: procfs::listener(claim.address.port()) })
        }
        Err(error) => Some(Obstacle::Unusable { claim: claim.clone(), error }),
    }
}

impl fmt::Display for PortsUnavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, obstacle) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{obstacle}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared { first, second } => write!(
                formatter,
                "{} and {} would share port {}: change one with {} or {}",
                first.part,
                second.part,
                first.address.port(),
                first.flag,
                second.flag
            ),
            Self::Taken { claim, holder } => {
                write!(formatter, "port {} for {} is taken", claim.address.port(), claim.part)?;
                match holder {
                    Some(holder) => write!(formatter, " by {} (pid {})", holder.command, holder.pid)?,
                    None => write!(formatter, " by a process that cannot be seen from here")?,
                }
                write!(formatter, ": stop it, or choose another port with {}", claim.flag)
            }
            Self::Unusable { claim, error } => write!(
                formatter,
                "{} cannot listen on {}: {error}: choose another port with {}",
                claim.part, claim.address, claim.flag
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(part: &str, port: u16) -> Claim {
        Claim { address: SocketAddr::from(([127, 0, 0, 1], port)), part: part.into(), flag: "--ingest-port" }
    }

    #[test]
    fn taken_port_names_part_flag_and_holder() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let message = check(&[claim("ingest-api", port)]).unwrap_err().to_string();
        assert!(message.starts_with(&format!("port {port} for ingest-api is taken by ")), "{message}");
        assert!(message.contains(&format!("(pid {})", std::process::id())), "{message}");
        assert!(message.ends_with("choose another port with --ingest-port"), "{message}");
    }

    #[test]
    fn every_taken_port_is_reported_at_once() {
        let sockets = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let claims: Vec<Claim> =
            sockets.iter().map(|socket| claim("part", socket.local_addr().unwrap().port())).collect();
        assert_eq!(check(&claims).unwrap_err().to_string().lines().count(), 2);
    }

    #[test]
    fn two_parts_on_one_port_are_refused() {
        let port = unused(1).unwrap()[0];
        let message = check(&[claim("ingest-api", port), claim("query-api", port)]).unwrap_err().to_string();
        assert!(message.contains("ingest-api and query-api would share port"), "{message}");
    }

    #[test]
    fn unused_ports_are_different_and_free() {
        let ports = unused(5).unwrap();
        let claims: Vec<Claim> = ports.iter().map(|port| claim("part", *port)).collect();
        check(&claims).unwrap();
    }
}
