//! What was measured, as a table and as JSON.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// All figures of one run, with what they were measured on.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    /// What else was measured with, and how.
    notes: Vec<String>,
    figures: Vec<Figure>,
}

/// The machine and the versions.
#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    redis: String,
    revision: String,
    rounds: usize,
}

/// One figure; samples are in the order of the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    median: f64,
    samples: Vec<f64>,
    /// What the goal is about: a ratio to another figure, or a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Goal>,
}

#[derive(Debug, Serialize)]
struct Goal {
    text: String,
    value: f64,
    is_met: bool,
}

impl Default for Machine {
    fn default() -> Self {
        let first_line = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().ok();
            let text =
                output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
            text.lines().next().unwrap_or("unknown").to_owned()
        };
        let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            information.lines().find(|line| line.starts_with("model name") || line.starts_with("Model"));
        Self {
            processor: model
                .and_then(|line| line.split(": ").nth(1))
                .unwrap_or(std::env::consts::ARCH)
                .to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: first_line("uname", &["-sr"]),
            redis: first_line("redis-server", &["--version"]),
            revision: service::build::REVISION.unwrap_or("unknown").to_owned(),
            rounds: crate::ROUNDS,
        }
    }
}

impl Report {
    /// Adds what a reader of the figures must know.
    pub(crate) fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }

    /// Adds a figure and gives its median.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, samples: Vec<f64>) -> f64 {
        let median = median(&samples);
        eprintln!("{name}: {}", formatted(median, unit));
        self.figures.push(Figure { name: name.to_owned(), unit, median, samples, goal: None });
        median
    }

    /// Adds a ratio that should be at least `aim`, made round by round.
    pub(crate) fn add_ratio(&mut self, name: &str, numerators: &[f64], denominators: &[f64], aim: f64) {
        let median = self.add(name, "ratio", quotients(numerators, denominators));
        self.set_goal(format!("at least {aim}"), aim, median >= aim);
    }

    /// Adds a figure that should be at most `aim`.
    pub(crate) fn add_bounded(&mut self, name: &str, unit: &'static str, samples: Vec<f64>, aim: f64) {
        let median = self.add(name, unit, samples);
        self.set_goal(format!("at most {}", formatted(aim, unit)), aim, median <= aim);
    }

    fn set_goal(&mut self, text: String, value: f64, is_met: bool) {
        if let Some(figure) = self.figures.last_mut() {
            figure.goal = Some(Goal { text, value, is_met });
        }
    }

    pub(crate) fn print(&self) {
        let Machine { processor, cores, kernel, redis, revision, rounds } = &self.machine;
        println!(
            "\n{processor}, {cores} cores, {kernel}\n{redis}\nrevision {revision}, medians of {rounds} rounds"
        );
        for note in &self.notes {
            println!("{note}");
        }
        println!("\n{:<58} {:>14} {:>25}  goal", "figure", "median", "range");
        for Figure { name, unit, median, samples, goal } in &self.figures {
            let (least, greatest) =
                samples.iter().fold((f64::MAX, f64::MIN), |(a, b), &s| (a.min(s), b.max(s)));
            let range = format!("{} – {}", formatted(least, unit), formatted(greatest, unit));
            let goal = goal.as_ref().map_or(String::new(), |goal| {
                format!("{} {}", goal.text, if goal.is_met { "(met)" } else { "(MISSED)" })
            });
            println!("{name:<58} {:>14} {range:>25}  {goal}", formatted(*median, unit));
        }
    }

    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, serde_json::to_string_pretty(self)?)?;
        println!("\nsaved as {}", path.display());
        Ok(())
    }
}

/// Ratios, round by round.
pub(crate) fn quotients(numerators: &[f64], denominators: &[f64]) -> Vec<f64> {
    numerators.iter().zip(denominators).map(|(a, b)| a / b).collect()
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn formatted(value: f64, unit: &str) -> String {
    match unit {
        "ratio" => format!("{value:.2}"),
        "ms" => format!("{value:.2} ms"),
        "%" => format!("{value:.3} %"),
        "ns" => format!("{value:.1} ns"),
        "MiB" => format!("{value:.1} MiB"),
        unit => format!("{:.0} {unit}", value),
    }
}
