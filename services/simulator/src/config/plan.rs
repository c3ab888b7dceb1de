//! The plan of a run, from flags, the workload file and defaults, which stand here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use service::config::ConfigError;

use super::RunArgs;
use super::args::EventArgs;
use super::choice::{Layers, in_file};
use super::run_id::{generated_run_id, is_run_id};
use crate::content::{PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MIN};
use crate::plan::load::{DURATION_MAX_S, RATE_MAX_PER_S};
use crate::plan::{
    Batch, ContentType, EventsPlan, FaultsPlan, Load, PayloadSize, PhasePlan, Plan, Popularity, RateShape,
    Shard, SourcesPlan, Spacing, TypePlan, Values,
};
use crate::workload::{
    Arrivals, BatchValue, ObservedTable, PayloadValue, PhaseOverrides, PopularityName, Workload, WorkloadFile,
};
use toml_file::{Fault, Located, Seconds};

const BATCH_EVENTS_MAX: u32 = 10_000;
const CONNECTIONS_MAX: usize = 10_000;
const THREADS_MAX: usize = 256;
const SHARDS_MAX: u32 = 1024;
/// An arrival in the queue takes about 100 bytes.
const QUEUE_REQUESTS_MAX: usize = 1_000_000;
const TYPES_MAX: usize = 64;
const TYPE_BYTES_MAX: usize = 128;
const SIZES_MAX: usize = 1_000_000;
/// Where sequence numbers of closed phases begin, if there are other phases as well.
const OPEN_EVENTS_MAX: f64 = (1_u64 << 40) as f64;

const WITHIN_A_YEAR: &str = "must be above 0 and at most a year";
const A_SHARE: &str = "must be 0 to 1, a share of requests";

impl RunArgs {
    pub(super) fn plan(&self) -> Result<Plan, ConfigError> {
        let workload = self.load.workload.as_deref().map(Workload::read).transpose().map_err(in_file)?;
        let layers = Layers { workload: workload.as_ref() };
        let file = workload.as_ref().map(Workload::file);
        let (load, events) = (&self.load, &self.events);
        let run_id = events.run_id.clone().unwrap_or_else(generated_run_id);
        if !is_run_id(&run_id) {
            let message = "must be 1 to 64 of A-Z a-z 0-9 . _ - and not begin with a dot";
            return Err(ConfigError::new("RUN_ID", message));
        }
        let connections = layers
            .choose("CONNECTIONS", load.connections, file.and_then(|file| file.connections.as_ref()), 16)
            .check(|number| (1..=CONNECTIONS_MAX).contains(number), "must be 1 to 10000")?;
        let threads =
            layers.choose("THREADS", load.threads, file.and_then(|file| file.threads.as_ref()), 1).check(
                |number| (1..=THREADS_MAX.min(connections)).contains(number),
                "must be 1 to 256, and not more than there are connections",
            )?;
        let queue_requests_max = layers
            .choose("QUEUE", load.queue, file.and_then(|file| file.queue.as_ref()), 65_536)
            .check(|number| (1..=QUEUE_REQUESTS_MAX).contains(number), "must be 1 to 1000000")?;
        let timeout = layers
            .choose("TIMEOUT", load.timeout, file.and_then(|file| file.timeout.as_ref()), Seconds(10.0))
            .check(is_length, WITHIN_A_YEAR)?;
        let seed = layers.choose("SEED", events.seed, file.and_then(|file| file.seed.as_ref()), 1);
        let batch = batch(layers, events, file)?;
        let plan = Plan {
            run_id,
            target: load.target.clone(),
            seed: *seed.value(),
            phases: self.phases(workload.as_ref())?,
            is_endless: load.forever,
            events: events_plan(layers, events, file)?,
            faults: faults(layers, events, file)?,
            batch,
            content_type: content_type(layers, events, file, batch)?,
            connections,
            threads,
            queue_requests_max,
            timeout_s: timeout.0,
            shard: self.shard()?,
        };
        check_whole(&plan, workload.as_ref())?;
        Ok(plan)
    }

    fn phases(&self, workload: Option<&Workload>) -> Result<Vec<PhasePlan>, ConfigError> {
        let load = &self.load;
        let refuse = |variable, message| Err(ConfigError::new(variable, message));
        if load.rate.is_some_and(|rate| !(rate > 0.0 && rate <= RATE_MAX_PER_S)) {
            return refuse("RATE", "must be above 0 and at most 1e8");
        }
        if load.duration.is_some_and(|duration| !is_length(&duration)) {
            return refuse("DURATION", WITHIN_A_YEAR);
        }
        let mut phases = match workload {
            Some(workload) => {
                let overrides = PhaseOverrides {
                    rate_per_s: load.rate,
                    arrivals: load.arrivals,
                    duration: load.duration,
                    is_endless: load.forever,
                };
                workload.phases(overrides).map_err(|fault| in_file(workload.error(fault)))?
            }
            None => vec![self.only_phase()],
        };
        if let Some(warm_up) = load.warm_up {
            if !is_length(&warm_up) {
                return refuse("WARM_UP", WITHIN_A_YEAR);
            }
            if phases.iter().any(|phase| phase.name == "warm-up") {
                return refuse("WARM_UP", "the workload has a phase \"warm-up\" of its own");
            }
            let load = phases[0].load.clone();
            let name = "warm-up".to_owned();
            phases.insert(0, PhasePlan { name, duration_s: warm_up.0, is_measured: false, load });
        }
        Ok(phases)
    }

    /// What flags alone say.
    fn only_phase(&self) -> PhasePlan {
        let load = &self.load;
        let rate = RateShape::Constant { rate_per_s: load.rate.unwrap_or(200.0) };
        let pace = match load.arrivals.unwrap_or(Arrivals::Constant) {
            Arrivals::Constant => Load::Open { rate, spacing: Spacing::Even },
            Arrivals::Poisson => Load::Open { rate, spacing: Spacing::Poisson },
            Arrivals::Closed => Load::Closed,
        };
        PhasePlan {
            name: if load.forever { "load" } else { "measure" }.to_owned(),
            duration_s: load.duration.map_or(30.0, |duration| duration.0),
            is_measured: true,
            load: pace,
        }
    }

    fn shard(&self) -> Result<Shard, ConfigError> {
        let count = self.shards.shards;
        if !(1..=SHARDS_MAX).contains(&count) {
            return Err(ConfigError::new("SHARDS", "must be 1 to 1024"));
        }
        let index = match self.shards.shard.or(self.shards.job_completion_index) {
            Some(index) => index,
            None if count == 1 => 0,
            None => return Err(ConfigError::new("SHARD_INDEX", "is needed where SHARDS is over 1")),
        };
        if index >= count {
            let message = format!("must be below SHARDS, which is {count}");
            return Err(ConfigError::new("SHARD_INDEX", message));
        }
        if count > 1 && self.events.run_id.is_none() {
            let message = "is needed where SHARDS is over 1: all of them must have the same one";
            return Err(ConfigError::new("RUN_ID", message));
        }
        Ok(Shard { index, count })
    }
}

fn is_length(duration: &Seconds) -> bool {
    duration.0 > 0.0 && duration.0 <= DURATION_MAX_S
}

fn batch(layers: Layers<'_>, flags: &EventArgs, file: Option<&WorkloadFile>) -> Result<Batch, ConfigError> {
    let flag = flags.batch.map(BatchValue::from);
    let written = file.and_then(|file| file.batch.as_ref());
    let is_fine = |batch: &BatchValue| {
        let Batch { min, max } = (*batch).into();
        min >= 1 && min <= max && max <= BATCH_EVENTS_MAX
    };
    layers
        .choose("BATCH", flag, written, BatchValue::Number(1))
        .check(is_fine, "must be 1 to 10000, the least first")
        .map(Batch::from)
}

fn content_type(
    layers: Layers<'_>,
    flags: &EventArgs,
    file: Option<&WorkloadFile>,
    batch: Batch,
) -> Result<ContentType, ConfigError> {
    let default = if batch.max == 1 { ContentType::Structured } else { ContentType::Batch };
    let written = file.and_then(|file| file.content_type.as_ref());
    layers.choose("CONTENT_TYPE", flags.content_type, written, default).check(
        |content_type| *content_type != ContentType::Structured || batch.max == 1,
        "structured carries one event, the batch is more; use batch or ndjson",
    )
}

fn faults(
    layers: Layers<'_>,
    flags: &EventArgs,
    file: Option<&WorkloadFile>,
) -> Result<FaultsPlan, ConfigError> {
    let is_share = |share: &f64| (0.0..=1.0).contains(share);
    let duplicates = file.and_then(|file| file.faults.duplicates.as_ref());
    let malformed = file.and_then(|file| file.faults.malformed.as_ref());
    Ok(FaultsPlan {
        duplicates: layers
            .choose("DUPLICATES", flags.duplicates, duplicates, 0.0)
            .check(is_share, A_SHARE)?,
        malformed: layers.choose("MALFORMED", flags.malformed, malformed, 0.0).check(is_share, A_SHARE)?,
    })
}

fn events_plan(
    layers: Layers<'_>,
    flags: &EventArgs,
    file: Option<&WorkloadFile>,
) -> Result<EventsPlan, ConfigError> {
    let sources = file.map(|file| &file.events.sources);
    let count = layers
        .choose("SOURCES", flags.sources, sources.and_then(|sources| sources.count.as_ref()), 100)
        .check(|count| (1..=1 << 32).contains(count), "must be 1 to 2^32")?;
    let exponent = layers
        .choose("ZIPF", flags.zipf, sources.and_then(|sources| sources.exponent.as_ref()), 1.0)
        .check(|exponent| (0.0..=10.0).contains(exponent), "must be 0 to 10")?;
    let shift = sources.and_then(|sources| sources.shift_every.as_ref());
    let shift_every_s = match shift {
        Some(shift) => {
            Some(layers.choose("WORKLOAD", None, Some(shift), **shift).check(is_length, WITHIN_A_YEAR)?.0)
        }
        None => None,
    };
    let popularity = sources.and_then(|sources| sources.popularity.as_ref());
    let is_uniform = flags.zipf.is_none() && popularity.is_some_and(|name| **name == PopularityName::Uniform);
    let zipf_only = sources.and_then(|sources| sources.exponent.as_ref().map(Located::span));
    let zipf_only = zipf_only.or(shift.map(Located::span));
    if let (true, Some(span), Some(workload)) = (is_uniform, zipf_only, layers.workload) {
        let message = "is for popularity = \"zipf\", leave it out where all sources are alike";
        return Err(in_file(workload.error(Fault::new(span, message))));
    }
    let popularity =
        if is_uniform { Popularity::Uniform } else { Popularity::Zipf { exponent, shift_every_s } };
    Ok(EventsPlan {
        sources: SourcesPlan { count, popularity },
        types: types(layers, flags, file)?,
        payload: payload(layers, flags, file)?,
    })
}

fn types(
    layers: Layers<'_>,
    flags: &EventArgs,
    file: Option<&WorkloadFile>,
) -> Result<Vec<TypePlan>, ConfigError> {
    let default_values = flags.values.unwrap_or(Values::Uniform);
    let Some((workload, types)) = layers.workload.zip(file.and_then(|file| file.events.types.as_ref()))
    else {
        return Ok(vec![TypePlan {
            name: "testbed.reading".to_owned(),
            weight: 1.0,
            values: default_values,
        }]);
    };
    let refuse = |span, message: &str| Err(in_file(workload.error(Fault::new(span, message))));
    if !(1..=TYPES_MAX).contains(&types.len()) {
        return refuse(types.span(), "give 1 to 64 types, or leave them out");
    }
    let mut plans = Vec::with_capacity(types.len());
    for table in types.iter() {
        let name = &table.name;
        if !(1..=TYPE_BYTES_MAX).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse(
                name.span(),
                "the name of a type has 1 to 128 printable characters without spaces",
            );
        }
        let weight = table.weight.as_deref().copied().unwrap_or(1.0);
        if let Some(written) = table.weight.as_ref().filter(|_| !(weight > 0.0 && weight <= 1e9)) {
            return refuse(written.span(), "a weight must be above 0 and at most 1e9");
        }
        let values = flags.values.or(table.values.as_deref().copied()).unwrap_or(default_values);
        plans.push(TypePlan { name: name.to_string(), weight, values });
    }
    Ok(plans)
}

fn payload(
    layers: Layers<'_>,
    flags: &EventArgs,
    file: Option<&WorkloadFile>,
) -> Result<PayloadSize, ConfigError> {
    let bounds = PAYLOAD_BYTES_MIN..=PAYLOAD_BYTES_MAX;
    let message = format!("must be {PAYLOAD_BYTES_MIN} to {PAYLOAD_BYTES_MAX}");
    let written = file.and_then(|file| file.events.payload.as_deref());
    let (median, sigma) = match written {
        Some(PayloadValue::Observed(table)) if flags.payload_bytes.is_none() => {
            return observed(layers, table);
        }
        Some(PayloadValue::Constant(bytes)) => (Some(bytes), None),
        Some(PayloadValue::Lognormal(table)) => (Some(&table.median), Some(&table.sigma)),
        _ => (None, None),
    };
    let bytes = layers
        .choose("PAYLOAD_BYTES", flags.payload_bytes, median, 100)
        .check(|bytes| bounds.contains(bytes), &message)?;
    let sigma = layers
        .choose("PAYLOAD_SIGMA", flags.payload_sigma, sigma, 0.0)
        .check(|sigma| (0.0..=4.0).contains(sigma), "must be 0 to 4")?;
    Ok(if sigma == 0.0 {
        PayloadSize::Constant { bytes }
    } else {
        PayloadSize::Lognormal { median_bytes: bytes, sigma }
    })
}

fn observed(layers: Layers<'_>, table: &ObservedTable) -> Result<PayloadSize, ConfigError> {
    let directory = layers.workload.map_or(Path::new(""), Workload::directory);
    let file = directory.join(&*table.file);
    let choice = layers.choose("WORKLOAD", None, Some(&table.file), PathBuf::new());
    let text = std::fs::read_to_string(&file)
        .map_err(|error| choice.refuse(&format!("{} cannot be read: {error}", file.display())))?;
    let bounds = PAYLOAD_BYTES_MIN..=PAYLOAD_BYTES_MAX;
    let mut sizes = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let size = line.trim().parse().ok().filter(|size| bounds.contains(size));
        sizes.push(size.ok_or_else(|| {
            let message = format!("a line has one size of {PAYLOAD_BYTES_MIN} to {PAYLOAD_BYTES_MAX} bytes");
            choice.refuse(&format!("{}:{}: {message}, not {line:?}", file.display(), index + 1))
        })?);
    }
    if !(1..=SIZES_MAX).contains(&sizes.len()) {
        let message = format!("{} has {} sizes, give 1 to 1000000", file.display(), sizes.len());
        return Err(choice.refuse(&message));
    }
    Ok(PayloadSize::Observed { file, sizes: Arc::from(sizes) })
}

/// What only the whole shows.
fn check_whole(plan: &Plan, workload: Option<&Workload>) -> Result<(), ConfigError> {
    let refuse = |variable, message: &str| {
        Err(match workload {
            Some(workload) => in_file(workload.error(Fault::new(workload.file().phases.span(), message))),
            None => ConfigError::new(variable, message),
        })
    };
    let has_values = |phase: &PhasePlan| match &phase.load {
        Load::Replay(replay) => replay.columns.value.is_some() || replay.columns.data.is_some(),
        _ => false,
    };
    let from_trace = plan.events.types.iter().any(|kind| kind.values == Values::Trace);
    if from_trace && !plan.phases.iter().all(has_values) {
        let message = "values = \"trace\" needs a replay with value or data in every phase";
        return refuse("VALUES", message);
    }
    let open: Vec<_> = plan.phases.iter().filter(|phase| !phase.is_closed()).collect();
    let is_only_closed = open.is_empty();
    let open_events: f64 = open.iter().filter_map(|phase| phase.expected_events()).sum();
    if !is_only_closed && open.len() == plan.phases.len() && open_events == 0.0 {
        return refuse("RATE", "no phase sends anything, give one a rate above 0");
    }
    if !is_only_closed && open.len() < plan.phases.len() && open_events > OPEN_EVENTS_MAX {
        return refuse("RATE", "over 2^40 events beside a closed loop, split the run");
    }
    Ok(())
}
