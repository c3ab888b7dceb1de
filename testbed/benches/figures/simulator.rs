//! The simulator against other load generators: how much a thread of each sends, how exactly it sends, what memory a
//! longer run takes, and what each says of a server that stood still.
//!
//! wrk, oha, hey and locust send the same bytes again and again. The simulator makes each event, and keeps account of
//! what became of it.

mod cores;
mod generators;
pub(crate) mod server;

use std::time::Duration;

use self::cores::Cores;
use self::generators::{Generator, Load};
use self::server::EventServer;
use crate::ROUNDS;
use crate::report::{Report, quotients};

/// Connections, seconds and what the simulator should reach of each peer, in a closed loop.
const CLOSED_CONNECTIONS: u32 = 64;
const CLOSED_S: u32 = 3;
const PEERS: [(Generator, Option<f64>); 4] = [
    (Generator::Wrk, Some(0.7)),
    (Generator::Oha, Some(1.2)),
    (Generator::Hey, None),
    (Generator::Locust, None),
];

/// So many that a request hardly ever waits for a free one: lateness is to be the generator's, not the server's.
const OPEN_CONNECTIONS: u32 = 256;
/// Seconds of a run in open loop, and of the one that is ten times as long.
const OPEN_S: u32 = 6;
const LONG_S: u32 = 10 * OPEN_S;

/// The proof: a server that stops once, for so long, in a run at a constant rate.
const STALL: Duration = Duration::from_secs(1);
const STALLED_S: u32 = 20;
const STALLED_PER_S: u32 = 1000;
/// A whole number of requests a second on each.
const STALLED_CONNECTIONS: u32 = 50;
/// Late enough for every generator to have begun.
const STALL_AFTER: Duration = Duration::from_secs(8);
const STALLED: [Generator; 7] = [
    Generator::Simulator,
    Generator::Wrk,
    Generator::Oha,
    Generator::OhaCorrected,
    Generator::Hey,
    Generator::Locust,
    Generator::K6,
];

pub(crate) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let cores = Cores::share_out()?;
    let versions: Vec<_> = STALLED.iter().filter_map(|generator| generator.version()).collect();
    report.note(format!("load generators: {}; {}", cores.describe(), versions.join(", ")));
    let closed_per_s = closed_loop(report, &cores)?;
    // A round number of requests in every second.
    let half_per_s = (closed_per_s / 200.0).floor() as u32 * 100;
    open_loop(report, &cores, half_per_s)?;
    stalled(report, &cores)
}

/// Measures the most that one thread sends; gives the simulator's, requests a second.
fn closed_loop(report: &mut Report, cores: &Cores) -> anyhow::Result<f64> {
    let server = EventServer::start(cores.server.as_deref())?;
    let load = Load {
        base_url: &server.base_url(),
        rate_per_s: None,
        connections: CLOSED_CONNECTIONS,
        seconds: CLOSED_S,
        cores: cores.one.as_deref(),
    };
    let mut simulator = Vec::new();
    let mut peers = [const { Vec::new() }; PEERS.len()];
    // What the server could answer, were it never idle: it must not be the bound.
    let mut capacity = Vec::new();
    for round in 0..ROUNDS {
        eprintln!("simulator, round {} of {ROUNDS}", round + 1);
        simulator.push(Generator::Simulator.start(&load)?.answer()?.requests_per_s);
        for ((peer, _), samples) in PEERS.iter().zip(&mut peers) {
            let before = server.processor_time()?;
            let per_s = peer.start(&load)?.answer()?.requests_per_s;
            samples.push(per_s);
            if *peer == Generator::Wrk {
                let used = server.processor_time()? - before;
                capacity.push(per_s * f64::from(CLOSED_S) / used.as_secs_f64());
            }
        }
    }
    report.add("server of the generators, by its processor time", "requests/s", capacity);
    let closed_per_s = report.add("simulator, closed loop, one thread", "requests/s", simulator.clone());
    for ((peer, aim), samples) in PEERS.iter().zip(peers) {
        let name = peer.name();
        report.add(&format!("{name}, closed loop, one thread"), "requests/s", samples.clone());
        let ratio = format!("simulator ÷ {name}");
        match aim {
            Some(aim) => report.add_ratio(&ratio, &simulator, &samples, *aim),
            None => _ = report.add(&ratio, "ratio", quotients(&simulator, &samples)),
        }
    }
    Ok(closed_per_s)
}

/// How exactly the simulator sends, and what memory ten times the time takes.
fn open_loop(report: &mut Report, cores: &Cores, rate_per_s: u32) -> anyhow::Result<()> {
    let server = EventServer::start(cores.server.as_deref())?;
    let base_url = server.base_url();
    let run = |seconds| {
        let load = Load {
            base_url: &base_url,
            rate_per_s: Some(rate_per_s),
            connections: OPEN_CONNECTIONS,
            seconds,
            cores: cores.others.as_deref(),
        };
        let started = Generator::Simulator.start(&load)?;
        let peak_mib = started.peak_resident_mib()?;
        Ok::<_, anyhow::Error>((started.pacing()?, peak_mib))
    };
    let (pacings, peaks_mib): (Vec<_>, Vec<_>) =
        (0..ROUNDS).map(|_| run(OPEN_S)).collect::<anyhow::Result<Vec<_>>>()?.into_iter().unzip();
    let rate = f64::from(rate_per_s);
    report.add("simulator, open loop at half its maximum", "requests/s", vec![rate]);
    let errors = pacings.iter().map(|pacing| 100.0 * (pacing.sent_per_s / rate - 1.0).abs()).collect();
    report.add_bounded("simulator, open loop: rate error", "%", errors, 0.1);
    let samples = |value: fn(&generators::Pacing) -> f64| pacings.iter().map(value).collect();
    report.add_bounded(
        "simulator, open loop: send lateness, p99",
        "µs",
        samples(|p| p.send_lateness_p99_us),
        100.0,
    );
    report.add_bounded(
        "simulator, open loop: send lateness, p99.9",
        "µs",
        samples(|p| p.send_lateness_p999_us),
        1000.0,
    );
    report.add("simulator, open loop: pacing lateness, p99", "µs", samples(|p| p.pacing_lateness_p99_us));
    report.add("simulator, open loop: pacing lateness, p99.9", "µs", samples(|p| p.pacing_lateness_p999_us));
    eprintln!("simulator, {LONG_S} s");
    let (_, long_mib) = run(LONG_S)?;
    let short_mib = report.add(&format!("simulator, open loop: peak resident, {OPEN_S} s"), "MiB", peaks_mib);
    report.add(&format!("simulator, open loop: peak resident, {LONG_S} s"), "MiB", vec![long_mib]);
    report.add_bounded(
        "simulator, open loop: growth over a tenfold run",
        "MiB",
        vec![long_mib - short_mib],
        5.0,
    );
    Ok(())
}

/// What each generator says of a server that stood still; no request that was due meanwhile can have been answered
/// before its end.
fn stalled(report: &mut Report, cores: &Cores) -> anyhow::Result<()> {
    let (mut true_p99s_ms, mut answers) = (Vec::new(), Vec::new());
    for generator in STALLED {
        // It is the one that takes long to build.
        if generator == Generator::K6 && generator.version().is_none() {
            continue;
        }
        eprintln!("{}, stalled server", generator.name());
        let mut server = EventServer::start(cores.server.as_deref())?;
        let started = generator.start(&Load {
            base_url: &server.base_url(),
            rate_per_s: (generator != Generator::Wrk).then_some(STALLED_PER_S),
            connections: STALLED_CONNECTIONS,
            seconds: STALLED_S,
            cores: cores.others.as_deref(),
        })?;
        std::thread::sleep(STALL_AFTER);
        let stall = server.stall(STALL)?;
        answers.push((generator, started.answer()?));
        server.ensure_running()?;
        // Waiting times lie evenly between none and all of the stall; 1 % of all requests waited longer than this.
        true_p99s_ms.push((stall.as_secs_f64() - 0.01 * f64::from(STALLED_S)) * 1e3);
    }
    let error = 100.0 * (answers[0].1.p99_ms / true_p99s_ms[0] - 1.0).abs();
    report.add("server stalled 1 s of 20 s at 1,000/s: true p99", "ms", true_p99s_ms);
    report.add_bounded("simulator, stalled server: error of p99", "%", vec![error], 5.0);
    for (generator, answer) in answers {
        let name = generator.name();
        report.add(&format!("{name}, stalled server: rate"), "requests/s", vec![answer.requests_per_s]);
        report.add(&format!("{name}, stalled server: p50"), "ms", vec![answer.p50_ms]);
        report.add(&format!("{name}, stalled server: p99"), "ms", vec![answer.p99_ms]);
        report.add(&format!("{name}, stalled server: max"), "ms", vec![answer.max_ms]);
    }
    Ok(())
}
