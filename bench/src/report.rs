//! Figures with the bar beside them, as a table and as JSON.

use std::fmt;
use std::process::Command;

use serde::Serialize;

/// All that was measured, and on what.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// When, in UTC.
    pub(crate) date: String,
    /// On which machine.
    pub(crate) machine: Machine,
    /// The command that repeats it.
    pub(crate) command: String,
    /// Servers that gtm was compared with, and their versions.
    pub(crate) servers: Vec<String>,
    /// What was measured.
    pub(crate) figures: Vec<Figure>,
}

/// What the figures depend on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Model of the processor.
    pub(crate) processor: String,
    /// Number of cores.
    pub(crate) cores: usize,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Version of gtm.
    pub(crate) gtm: &'static str,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// The part of the benchmark.
    pub(crate) part: &'static str,
    /// What it is.
    pub(crate) name: String,
    /// Its value, the median where there are several rounds.
    pub(crate) value: f64,
    /// The best of the rounds, where there are several.
    pub(crate) best: Option<f64>,
    /// What it is counted in.
    pub(crate) unit: Unit,
    /// The row of the bar that it belongs to.
    pub(crate) bar: Option<Bar>,
}

impl Figure {
    /// A figure of several rounds: their median, and the best of them where there are more than one.
    pub(crate) fn of(
        part: &'static str,
        name: String,
        mut values: Vec<f64>,
        unit: Unit,
        bar: Option<Bar>,
    ) -> Self {
        let best = match bar.map_or(unit.better(), |bar| bar.better) {
            Better::Lower => values.iter().copied().reduce(f64::min),
            Better::Higher => values.iter().copied().reduce(f64::max),
        };
        let best = best.filter(|_| values.len() > 1);
        Self { part, name, value: median(&mut values), best, unit, bar }
    }
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// One figure divided by another.
    #[serde(rename = "ratio")]
    Ratio,
    /// Seconds of CPU in a second.
    #[serde(rename = "cores")]
    Cores,
    /// So many in a second.
    #[serde(rename = "1/s")]
    PerSecond,
    /// Bytes.
    #[serde(rename = "B")]
    Bytes,
    /// So many.
    #[serde(rename = "count")]
    Count,
    /// So many in each second of processor time.
    #[serde(rename = "per CPU-second")]
    PerCpuSecond,
    /// Hundredths.
    #[serde(rename = "percent")]
    Percent,
}

impl Unit {
    /// Those that are drawn: what is compared, not what it was measured under.
    pub(crate) const DRAWN: [Self; 7] = [
        Self::Nanoseconds,
        Self::Milliseconds,
        Self::Ratio,
        Self::PerCpuSecond,
        Self::PerSecond,
        Self::Bytes,
        Self::Count,
    ];

    /// Which way is better where there is no bar to say so.
    fn better(self) -> Better {
        match self {
            Self::PerCpuSecond | Self::PerSecond => Better::Higher,
            Self::Nanoseconds
            | Self::Milliseconds
            | Self::Ratio
            | Self::Cores
            | Self::Bytes
            | Self::Count
            | Self::Percent => Better::Lower,
        }
    }

    /// In words, for a title.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Nanoseconds => "nanoseconds",
            Self::Milliseconds => "milliseconds",
            Self::Ratio => "ratios",
            Self::Cores => "cores",
            Self::PerSecond => "per second",
            Self::PerCpuSecond => "per CPU-second",
            Self::Bytes => "bytes",
            Self::Count => "counts",
            Self::Percent => "percent",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Milliseconds => "ms",
            Self::Ratio => "x",
            Self::Cores => "cores",
            Self::PerSecond => "1/s",
            Self::Bytes => "B",
            Self::Count => "",
            Self::PerCpuSecond => "/cpu-s",
            Self::Percent => "%",
        }
    }
}

/// What a figure has to be.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Bar {
    /// Number of the row in the design's bar.
    pub(crate) row: u8,
    /// Which way is better.
    pub(crate) better: Better,
    /// What it must be.
    pub(crate) must: f64,
    /// What it should be.
    pub(crate) aim: f64,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// Less is.
    Lower,
    /// More is.
    Higher,
}

impl Bar {
    /// At most so much.
    pub(crate) fn at_most(row: u8, must: f64, aim: f64) -> Self {
        Self { row, better: Better::Lower, must, aim }
    }

    /// At least so much.
    pub(crate) fn at_least(row: u8, must: f64, aim: f64) -> Self {
        Self { row, better: Better::Higher, must, aim }
    }

    /// How a value stands to it.
    fn verdict(self, value: f64) -> &'static str {
        let holds = |bound: f64| match self.better {
            Better::Lower => value <= bound,
            Better::Higher => value >= bound,
        };
        match (holds(self.aim), holds(self.must)) {
            (true, _) => "aim",
            (false, true) => "must",
            (false, false) => "MISSED",
        }
    }
}

impl Report {
    /// Nothing measured yet.
    pub(crate) fn new() -> Self {
        let output = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output();
            output.map_or_else(
                |_| String::new(),
                |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            )
        };
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Self {
            date: output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            machine: Machine {
                processor: model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned()),
                cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                kernel: output("uname", &["-r"]),
                gtm: env!("CARGO_PKG_VERSION"),
            },
            command: ["cargo xtask bench"]
                .into_iter()
                .map(str::to_owned)
                .chain(arguments)
                .collect::<Vec<_>>()
                .join(" "),
            servers: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// With the figures of one part alone.
    pub(crate) fn of_part(&self, part: &str) -> Self {
        let figures = self.figures.iter().filter(|figure| figure.part == part).cloned().collect();
        Self { figures, ..self.clone() }
    }

    /// Adds a figure, and shows it at once on standard error: a run is long.
    pub(crate) fn add(&mut self, figure: Figure) {
        eprintln!("{figure}");
        self.figures.push(figure);
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, name, value, best, unit, bar } = self;
        let best = best.map_or_else(String::new, short);
        write!(f, "{part:<8} {name:<58} {:>10} {best:>10} {:<6}", short(*value), unit.sign())?;
        match bar {
            Some(bar) => {
                let sign = match bar.better {
                    Better::Lower => '\u{2264}',
                    Better::Higher => '\u{2265}',
                };
                let (must, aim) = (short(bar.must), short(bar.aim));
                write!(f, " {:>3} {sign} {must:>7} {aim:>7}  {}", bar.row, bar.verdict(*value))
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, cores, kernel, gtm } = &self.machine;
        writeln!(f, "{}  gtm {gtm}, Linux {kernel}, {cores} cores, {processor}", self.date)?;
        writeln!(f, "{}", self.command)?;
        let (part, name, unit) = ("part", "figure", "unit");
        writeln!(
            f,
            "{part:<8} {name:<58} {:>10} {:>10} {unit:<6} row   {:>7} {:>7}",
            "median", "best", "must", "aim"
        )?;
        self.figures.iter().try_for_each(|figure| writeln!(f, "{}", format!("{figure}").trim_end()))
    }
}

/// The median of some values; 0 of none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A number with as many places as tell something.
pub(crate) fn short(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bar: Bar, value: f64, expect: &str) {
        assert_eq!(bar.verdict(value), expect, "{value}");
    }

    #[test]
    fn a_figure_is_judged_by_its_bar() {
        let (most, least) = (Bar::at_most(1, 3.0, 2.0), Bar::at_least(9, 8.0, 15.0));
        check(most, 2.0, "aim");
        check(most, 2.5, "must");
        check(most, 3.1, "MISSED");
        check(least, 15.0, "aim");
        check(least, 8.0, "must");
        check(least, 7.9, "MISSED");
    }
}
