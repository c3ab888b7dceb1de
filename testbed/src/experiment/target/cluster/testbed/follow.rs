//! A load from its start to its end, which comes early where the cluster changes under it.

use super::{ClusterTestbed, FACTS_TIMEOUT};
use crate::cluster::NAMESPACE;
use crate::cluster::words::explain;
use crate::experiment::target::cluster::job::{self, Progress};
use crate::experiment::target::cluster::results;
use crate::experiment::target::cluster::sampling::Sampler;
use anyhow::{bail, ensure};
use experiment::sample::Sample;
use k8s_openapi::api::batch::v1::Job;
use kube::Api;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, timeout};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// How often is looked whether the cluster is as it was; each look is three lists.
const LOOKS_EVERY: u32 = 2;
/// The API server may be silent this long: k3s restarts within half a minute.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// A look that takes longer is given up: the next sample is due.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// What simulators that were told to end have: their own grace, and a look or two.
const STOP_MAX: Duration = Duration::from_secs(150);

impl ClusterTestbed {
    /// Follows the job to its end, with a sample each second.
    ///
    /// # Errors
    /// A load that does not end, or an API server that is silent for long.
    pub(super) async fn follow(
        &self,
        longest: Duration,
        sample: &mut dyn FnMut(Sample),
    ) -> anyhow::Result<Progress> {
        let redis = self.redis.connect_once(FACTS_TIMEOUT).await.ok();
        let mut sampler = Sampler::new(&self.cluster, &self.start, redis);
        let (begin, mut answered) = (Instant::now(), Instant::now());
        let mut stopped_at: Option<Instant> = None;
        let mut ticks = interval(SAMPLE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0_u32.. {
            ticks.tick().await;
            sample(sampler.sample(begin.elapsed().as_secs_f64()).await);
            let is_look = tick.is_multiple_of(LOOKS_EVERY);
            let progress = timeout(LOOK_TIMEOUT, self.progress(is_look, &mut stopped_at)).await;
            match progress.unwrap_or_else(|_| bail!("the API server does not answer in time")) {
                Ok(Progress::Runs) => answered = Instant::now(),
                Ok(ended) => return Ok(ended),
                Err(error) if answered.elapsed() >= SILENCE_MAX => return Err(error),
                Err(_) => {}
            }
            ensure!(
                stopped_at.is_none_or(|at| at.elapsed() < STOP_MAX),
                "the simulators have not ended {} s after they were told to, because {}",
                STOP_MAX.as_secs(),
                self.known_changes().join("; ")
            );
            ensure!(
                begin.elapsed() < longest,
                "the load has not ended after {} s, the longest that it can take: {}",
                longest.as_secs(),
                results::last_words(&self.cluster).await
            );
        }
        bail!("the load has no end")
    }

    /// How far the load is. Where the cluster is not as it was, it is told to end: what comes after is no measurement.
    async fn progress(&self, is_look: bool, stopped_at: &mut Option<Instant>) -> anyhow::Result<Progress> {
        if is_look {
            self.look().await?;
        }
        if stopped_at.is_some() {
            let is_over = results::simulators_have_ended(&self.cluster).await?;
            return Ok(if is_over { Progress::Stopped } else { Progress::Runs });
        }
        let jobs: Api<Job> = Api::namespaced(self.cluster.client.clone(), NAMESPACE);
        let job = jobs.get(job::SIMULATOR).await.map_err(|error| {
            anyhow::anyhow!("cannot see how far the load is: {}", explain(&error, &self.cluster.server))
        })?;
        let progress = job::progress(&job);
        if progress == Progress::Runs && !self.known_changes().is_empty() {
            job::stop(&jobs).await.map_err(|error| {
                anyhow::anyhow!("cannot end the load: {}", explain(&error, &self.cluster.server))
            })?;
            *stopped_at = Some(Instant::now());
        }
        Ok(progress)
    }
}
