//! Sets of processors, written as `taskset --cpu-list` takes them: `0,2-3`.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fmt;
use std::io;
use std::str::FromStr;

/// Processors by their numbers, ascending and not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessorSet(Vec<usize>);

/// A text that names no processors.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no list of processors: write numbers and ranges below {max}, such as 0,2-3", max = CpuSet::MAX_CPU)]
pub struct ProcessorSetError(String);

impl ProcessorSet {
    /// The set of these numbers; none where there is no number.
    #[must_use]
    pub fn of(numbers: &[usize]) -> Option<Self> {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        (!numbers.is_empty()).then_some(Self(numbers))
    }

    /// Those that this thread may run on.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn allowed() -> io::Result<Self> {
        let set = sched_getaffinity(None)?;
        let numbers: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|number| set.is_set(*number)).collect();
        Self::of(&numbers).ok_or_else(|| io::Error::other("this thread may run on no processor"))
    }

    /// Their numbers, ascending.
    #[must_use]
    pub fn numbers(&self) -> &[usize] {
        &self.0
    }

    /// Keeps this thread, and what it becomes or starts, to these.
    ///
    /// # Errors
    /// Where there are none of them.
    pub fn keep_to(&self) -> io::Result<()> {
        let mut set = CpuSet::new();
        self.0.iter().for_each(|number| set.set(*number));
        Ok(sched_setaffinity(None, &set)?)
    }
}

impl FromStr for ProcessorSet {
    type Err = ProcessorSetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ProcessorSetError(text.to_owned());
        let mut numbers = Vec::new();
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse().ok().filter(|number: &usize| *number < CpuSet::MAX_CPU);
            let (first, last) = number(first).zip(number(last)).ok_or_else(refuse)?;
            if last < first {
                return Err(refuse());
            }
            numbers.extend(first..=last);
        }
        Self::of(&numbers).ok_or_else(refuse)
    }
}

impl fmt::Display for ProcessorSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for run in self.0.chunk_by(|left, right| left + 1 == *right) {
            formatter.write_str(separator)?;
            match run {
                [one] => write!(formatter, "{one}")?,
                many => write!(formatter, "{}-{}", many[0], many[many.len() - 1])?,
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_as_they_are_read() {
        for (text, written) in [("0", "0"), ("2-3,0", "0,2-3"), ("1,2,3,7", "1-3,7"), ("5-5", "5")] {
            assert_eq!(text.parse::<ProcessorSet>().unwrap().to_string(), written);
        }
        for text in ["", "a", "3-1", "0,", "0,3-1", "99999", "-1"] {
            let error = text.parse::<ProcessorSet>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn thread_is_kept_to_the_processors_of_a_set() {
        let allowed = ProcessorSet::allowed().unwrap();
        let last = ProcessorSet::of(&allowed.numbers()[allowed.numbers().len() - 1..]).unwrap();
        let kept = last.clone();
        let seen = std::thread::spawn(move || {
            kept.keep_to().unwrap();
            ProcessorSet::allowed().unwrap()
        });
        assert_eq!(seen.join().unwrap(), last);
    }
}
