//! The level of the log, which can be changed while the program runs.

use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

/// Crates that telemetry itself uses. Their failures are counted and logged once, by signal.
const TRANSPORTS: [&str; 9] = [
    "opentelemetry",
    "opentelemetry_sdk",
    "opentelemetry_otlp",
    "hyper",
    "hyper_util",
    "tonic",
    "h2",
    "tower",
    "reqwest",
];

/// Longest filter that is taken: a filter is a few directives.
const TEXT_BYTES_MAX: usize = 1024;

static LEVEL: OnceLock<Level> = OnceLock::new();

struct Level {
    handle: reload::Handle<EnvFilter, Registry>,
    text: Mutex<String>,
}

/// The level was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    #[error(
        "{0:?} is no log level: {1} (use error, warn, info, debug or trace, or directives such as info,redis=debug)"
    )]
    Invalid(String, String),
    #[error("the log was not started by this program")]
    NotStarted,
}

/// The level or the directives that are in force, where the log was started by [`crate::init`].
pub fn level() -> Option<String> {
    LEVEL.get().map(|level| level.text.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Changes the level of the log on all outputs, and logs that.
///
/// # Errors
/// Text that is no level and no list of directives.
pub fn set_level(text: &str) -> Result<(), LevelError> {
    let text = text.trim();
    let level = LEVEL.get().ok_or(LevelError::NotStarted)?;
    let filter = filter(text)?;
    let mut current = level.text.lock().unwrap_or_else(PoisonError::into_inner);
    let previous = std::mem::replace(&mut *current, text.to_owned());
    let announce = || tracing::warn!(level = text, previous, "log level changed");
    // One of both levels may hide the line.
    let is_visible = tracing::enabled!(tracing::Level::WARN);
    if is_visible {
        announce();
    }
    level.handle.reload(filter).map_err(|_| LevelError::NotStarted)?;
    if !is_visible {
        announce();
    }
    Ok(())
}

/// The first layer of the log; [`set_level`] changes it from now on.
pub(crate) fn reloadable(text: &str) -> Result<reload::Layer<EnvFilter, Registry>, LevelError> {
    let (layer, handle) = reload::Layer::new(filter(text)?);
    LEVEL.get_or_init(|| Level { handle, text: Mutex::new(text.to_owned()) });
    Ok(layer)
}

pub(crate) fn is_about_transport(target: &str) -> bool {
    let krate = target.split_once("::").map_or(target, |(krate, _)| krate);
    TRANSPORTS.contains(&krate)
}

/// Transports are silent unless the text names them.
fn filter(text: &str) -> Result<EnvFilter, LevelError> {
    let invalid = |reason: String| LevelError::Invalid(text.chars().take(64).collect(), reason);
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(invalid(format!("1 to {TEXT_BYTES_MAX} characters are needed")));
    }
    // A single word that is no level would be taken for the name of a crate.
    let words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', ':', '[', '_', '-']));
    for word in words {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        if !levels.iter().any(|level| word.eq_ignore_ascii_case(level)) {
            return Err(invalid(format!("{word:?} is not a level")));
        }
    }
    let silent: String = TRANSPORTS.iter().map(|krate| format!("{krate}=off,")).collect();
    EnvFilter::try_new(format!("{silent}{text}")).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_levels_say_what_is_wrong() {
        for text in ["", "loud", "info,loud", "redis=loud", "loud=loud=loud"] {
            let message = filter(text).expect_err(text).to_string();
            assert!(message.contains("is no log level"), "{message}");
        }
        for text in ["info", "DEBUG", "info,process_worker=debug,redis=off", "warn,h2=trace"] {
            assert!(filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn transports_are_known_by_their_crate() {
        assert!(is_about_transport("h2::proto::streams"));
        assert!(is_about_transport("opentelemetry_sdk"));
        assert!(!is_about_transport("tower_guard"));
    }
}
