//! Bytes that parts of a run send and receive over TCP, as the kernel counts them for each connection: sock_diag(7), and
//! `struct tcp_info` of `linux/tcp.h`. On the loopback interface nothing else tells whose bytes they were.

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use std::collections::HashMap;
use std::fs;
use std::io;

/// Where `tcpi_bytes_acked` and `tcpi_bytes_received` stand in `struct tcp_info` (Linux 4.2 and later).
const BYTES_ACKED_AT: usize = 120;
const BYTES_RECEIVED_AT: usize = 128;

/// What connections of processes have carried. One that was opened and closed between two looks is not seen.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Bytes of each socket when it was last seen, by its inode.
    sockets: HashMap<u32, u64>,
    /// Bytes of each process, of connections that have ended as well.
    processes: HashMap<u32, u64>,
}

impl Traffic {
    /// Looks at all connections of this machine, and adds what those of `processes` have carried since the last look.
    ///
    /// # Errors
    /// A kernel that does not tell.
    pub(super) fn look(&mut self, processes: &[u32]) -> io::Result<()> {
        let mut now = established(AF_INET)?;
        now.extend(established(AF_INET6)?);
        for pid in processes {
            let total = self.processes.entry(*pid).or_default();
            for (inode, bytes) in sockets(*pid).filter_map(|inode| Some((inode, now.get(&inode)?))) {
                *total += bytes.saturating_sub(self.sockets.get(&inode).copied().unwrap_or(0));
            }
        }
        self.sockets = now;
        Ok(())
    }

    /// Bytes that a process has sent and received until the last look; none where it was not looked at.
    pub(super) fn bytes(&self, pid: u32) -> Option<u64> {
        self.processes.get(&pid).copied()
    }
}

/// Inodes of the sockets of a process.
fn sockets(pid: u32) -> impl Iterator<Item = u32> {
    let inode = |descriptor: fs::DirEntry| {
        let target = fs::read_link(descriptor.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().filter_map(inode)
}

/// Bytes sent and received of each established connection, by the inode of its socket.
fn established(family: u8) -> io::Result<HashMap<u32, u64>> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::ESTABLISHED,
        socket_id: if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() },
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut found = HashMap::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let answer = NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(io::Error::other)?;
            rest = rest.get(aligned(answer.header.length)..).unwrap_or_default();
            match answer.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    found.extend(carried(&response).map(|bytes| (response.header.inode, bytes)));
                }
                NetlinkPayload::Done(_) => return Ok(found),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => {}
            }
        }
    }
}

/// Messages begin at multiples of four bytes.
fn aligned(length: u32) -> usize {
    (length as usize).next_multiple_of(4)
}

fn carried(response: &InetResponse) -> Option<u64> {
    let info = response.nlas.iter().find_map(|attribute| match attribute {
        Nla::TcpInfo(info) => Some(info),
        _ => None,
    })?;
    let number = |at: usize| Some(u64::from_ne_bytes(info.get(at..at + 8)?.try_into().ok()?));
    Some(number(BYTES_ACKED_AT)? + number(BYTES_RECEIVED_AT)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn bytes_of_both_ends_of_a_connection_are_those_of_their_process() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut server = listener.accept().unwrap().0;
            let own = std::process::id();
            let mut traffic = Traffic::default();
            traffic.look(&[own]).unwrap();
            let before = traffic.bytes(own).unwrap();
            client.write_all(&[1; 100_000]).unwrap();
            server.read_exact(&mut [0; 100_000]).unwrap();
            // What is acknowledged is known a moment after it was read.
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
            let carried = loop {
                traffic.look(&[own]).unwrap();
                let carried = traffic.bytes(own).unwrap() - before;
                if carried >= 200_000 || std::time::Instant::now() > deadline {
                    break carried;
                }
            };
            // Other tests of this process have connections, too.
            assert!((200_000..10_000_000).contains(&carried), "{address}: {carried}");
            drop((client, server));
            traffic.look(&[own]).unwrap();
            assert!(traffic.bytes(own).unwrap() >= before + carried, "closed connections still count");
        }
        assert_eq!(Traffic::default().bytes(1), None);
    }
}
