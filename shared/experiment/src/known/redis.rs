//! Directives of `redis.conf` that an experiment may vary, as <https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/>
//! has them: durability, memory, threads. Not those that would move it elsewhere (ports, directories, modules, replication,
//! users), which the testbed sets.

use super::suggestion;
use serde_json::Value;

/// What a directive can be.
#[derive(Clone, Copy)]
enum Form {
    YesNo,
    Choice(&'static [&'static str]),
    Whole {
        min: u64,
        max: u64,
    },
    /// `100`, `64mb`.
    Size,
    /// Space-separated words; an empty text switches it off.
    Words,
}

const FSYNC: [&str; 3] = ["always", "everysec", "no"];
const EVICTION: [&str; 8] = [
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];

const DIRECTIVES: [(&str, Form); 27] = [
    ("activedefrag", Form::YesNo),
    ("activerehashing", Form::YesNo),
    ("aof-rewrite-incremental-fsync", Form::YesNo),
    ("aof-use-rdb-preamble", Form::YesNo),
    ("appendfsync", Form::Choice(&FSYNC)),
    ("appendonly", Form::YesNo),
    ("auto-aof-rewrite-min-size", Form::Size),
    ("auto-aof-rewrite-percentage", Form::Whole { min: 0, max: 1_000_000 }),
    ("client-output-buffer-limit", Form::Words),
    ("dynamic-hz", Form::YesNo),
    ("hz", Form::Whole { min: 1, max: 500 }),
    ("io-threads", Form::Whole { min: 1, max: 128 }),
    ("io-threads-do-reads", Form::YesNo),
    ("jemalloc-bg-thread", Form::YesNo),
    ("latency-tracking", Form::YesNo),
    ("lazyfree-lazy-server-del", Form::YesNo),
    ("maxclients", Form::Whole { min: 100, max: 1_000_000 }),
    ("maxmemory", Form::Size),
    ("maxmemory-policy", Form::Choice(&EVICTION)),
    ("no-appendfsync-on-rewrite", Form::YesNo),
    ("rdb-save-incremental-fsync", Form::YesNo),
    ("rdbchecksum", Form::YesNo),
    ("rdbcompression", Form::YesNo),
    ("save", Form::Words),
    ("stream-node-max-bytes", Form::Size),
    ("stream-node-max-entries", Form::Whole { min: 0, max: 1_000_000 }),
    ("tcp-backlog", Form::Whole { min: 1, max: 65_535 }),
];

/// All directives, and what each can be in words.
pub(super) fn directives() -> impl Iterator<Item = (&'static str, String)> {
    DIRECTIVES.iter().map(|(name, form)| (*name, form.words()))
}

impl Form {
    fn words(self) -> String {
        match self {
            Self::YesNo => "\"yes\" or \"no\"".to_owned(),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Size => "bytes, such as 1048576 or \"64mb\"".to_owned(),
            Self::Words => "words and numbers with spaces between".to_owned(),
        }
    }

    fn fits(self, text: &str) -> bool {
        match self {
            Self::YesNo => matches!(text, "yes" | "no"),
            Self::Choice(choices) => choices.contains(&text),
            Self::Whole { min, max } => text.parse().is_ok_and(|number: u64| (min..=max).contains(&number)),
            Self::Size => is_size(text),
            // A line break would begin another directive.
            Self::Words => {
                text.chars().all(|character| character.is_ascii_alphanumeric() || character == ' ')
            }
        }
    }
}

/// The names of all that a plan can set.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    DIRECTIVES.iter().map(|(name, _)| *name)
}

pub(super) fn check(directive: &str, value: &Value) -> Result<(), String> {
    let Some((_, form)) = DIRECTIVES.iter().find(|(name, _)| *name == directive) else {
        let known = suggestion(directive, names());
        return Err(format!("is no directive that an experiment can vary: {known}"));
    };
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if form.fits(&text) { Ok(()) } else { Err(format!("{value} does not fit: {}", form.words())) }
}

fn is_size(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let is_unit = matches!(&lower[digits.len()..], "" | "b" | "k" | "kb" | "m" | "mb" | "g" | "gb");
    is_unit && digits.parse::<u64>().is_ok()
}
