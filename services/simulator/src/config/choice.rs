//! A setting from a flag, from the workload file or by default, which remembers where it comes from.

use std::ops::Range;

use service::config::ConfigError;

use crate::workload::Workload;
use toml_file::{Fault, FileError, Located};

/// Where settings are looked for behind flags.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) workload: Option<&'a Workload>,
}

/// A setting that is not checked yet.
#[derive(Debug)]
pub(super) struct Choice<'a, T> {
    value: T,
    variable: &'static str,
    place: Option<(&'a Workload, Range<usize>)>,
}

impl<'a> Layers<'a> {
    /// The flag, or else the file's, or else the default.
    pub(super) fn choose<T: Clone>(
        self,
        variable: &'static str,
        flag: Option<T>,
        written: Option<&Located<T>>,
        default: T,
    ) -> Choice<'a, T> {
        let place = match (&flag, self.workload, written) {
            (None, Some(workload), Some(written)) => Some((workload, written.span())),
            _ => None,
        };
        let value = flag.or_else(|| written.map(|written| T::clone(written))).unwrap_or(default);
        Choice { value, variable, place }
    }
}

impl<T> Choice<'_, T> {
    /// The value, if it is fine.
    pub(super) fn check(self, is_fine: impl FnOnce(&T) -> bool, message: &str) -> Result<T, ConfigError> {
        if is_fine(&self.value) { Ok(self.value) } else { Err(self.refuse(message)) }
    }

    /// An error about this setting, where it stands.
    pub(super) fn refuse(&self, message: &str) -> ConfigError {
        match &self.place {
            Some((workload, span)) => in_file(workload.error(Fault::new(span.clone(), message))),
            None => ConfigError::new(self.variable, message),
        }
    }

    /// The value as it is.
    pub(super) fn value(&self) -> &T {
        &self.value
    }
}

/// The workload file cannot be used.
pub(super) fn in_file(error: FileError) -> ConfigError {
    ConfigError::new("WORKLOAD", error)
}
