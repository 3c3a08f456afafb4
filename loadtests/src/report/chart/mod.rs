//! Charts as SVG: what grows with the size of a workload, ours beside peers, and how far every figure is from its target.

mod bars;
mod lines;

use anyhow::Result;
use plotters::style::RGBColor;

use super::file::File;
use super::found::{Found, OWN};
use super::table::short;
use super::targets::{Of, TARGETS};
use bars::{Bar, Scale, bar_chart};

const WIDTH: u32 = 760;
const FONT: &str = "sans-serif";
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 95, 175),
    RGBColor(200, 80, 20),
    RGBColor(30, 130, 60),
    RGBColor(140, 70, 160),
    RGBColor(110, 110, 110),
    RGBColor(170, 140, 0),
];
const MISSED: RGBColor = RGBColor(185, 50, 50);

/// One picture.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) svg: String,
}

impl Chart {
    /// Its title with nothing in it that a file's name could not have.
    pub(super) fn file_name(&self) -> String {
        let words = self.title.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        words.join("-").to_ascii_lowercase() + ".svg"
    }
}

/// All that can be drawn of what was measured.
pub(super) fn charts(file: &File) -> Result<Vec<Chart>> {
    let mut charts = Vec::new();
    charts.extend(overview(file)?);
    for target in TARGETS {
        let peers = target.peers(file);
        let Some(own) = target.own(file).into_iter().next() else {
            continue;
        };
        // How something grows is a chart of its own.
        if peers.is_empty() || matches!(target.of, Of::Growth { .. }) {
            continue;
        }
        let workload = target.workload.replace('`', "");
        let title = match target.unit {
            "" => format!("{workload}: {}", target.figure),
            unit => format!("{workload}: {}, {unit}", target.figure),
        };
        let all = std::iter::once(&own).chain(&peers);
        let bars: Vec<_> = all.map(|found| Bar::of(found)).collect();
        let target = target.bound.value();
        charts.push(bar_chart(title, &bars, Scale::Amounts { target })?);
    }
    charts.extend(lines::growth(file)?);
    Ok(charts)
}

impl Bar {
    fn of(found: &Found) -> Self {
        let is_own = found.server == OWN;
        Self {
            label: match is_own {
                true => format!("{} ({})", found.server, found.durability),
                false => found.server.to_owned(),
            },
            length: found.value.median,
            text: short(found.value.median),
            colour: COLOURS[usize::from(!is_own)],
        }
    }
}

/// For each target that was measured, how many times as good as promised the server is.
fn overview(file: &File) -> Result<Option<Chart>> {
    let bars = TARGETS.iter().flat_map(|target| {
        target.own(file).into_iter().map(|own| {
            let times = target
                .bound
                .times_as_good(own.value.median, target.bound.value());
            let workload = target.workload.replace('`', "");
            let met = target.bound.is_met(own.value.median);
            Bar {
                label: format!("{workload}: {} ({})", target.figure, own.durability),
                length: times,
                text: short(times),
                colour: if met { COLOURS[0] } else { MISSED },
            }
        })
    });
    let bars: Vec<_> = bars.filter(|bar| bar.length.is_finite()).collect();
    if bars.is_empty() {
        return Ok(None);
    }
    let title = "Times as good as the target".to_owned();
    bar_chart(title, &bars, Scale::Factors).map(Some)
}

/// A number at an axis: whole where it is, with a comma for thousands.
fn tick(value: f64) -> String {
    let whole = value as i64;
    match whole as f64 == value && (0..1_000_000).contains(&whole) {
        true if whole >= 1000 => format!("{},{:03}", whole / 1000, whole % 1000),
        true => whole.to_string(),
        false => short(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Machine, Outcome, Row, Series};
    use super::*;

    fn file() -> File {
        let mut file = File::new(None, Machine::here());
        for (server, factor) in [("gencomm", 1.0), ("redis <7>", 3.0)] {
            let mut series = Series::new("fanout by readers", "readers");
            for x in [1000.0, 2000.0, 10_000.0] {
                series.add(x, "server CPU", "s per million", 0.02 * factor);
                series.add(x, "server CPU", "s per million", 0.03 * factor);
            }
            let sizes = [("readers", 1000), ("body_bytes", 64)];
            let mut row = Row::new("single", "1 x 500".to_owned()).with_sizes(&sizes);
            row.add("server CPU", "s per million", 2.0 * factor);
            let outcome = Outcome {
                rows: vec![row],
                series: vec![series],
            };
            file.add(outcome, server, "always");
        }
        file
    }

    #[test]
    fn there_is_a_chart_of_targets_one_of_peers_and_one_of_each_figure_that_grows() {
        let charts = charts(&file()).unwrap();
        let names: Vec<_> = charts.iter().map(Chart::file_name).collect();
        let expected = [
            "times-as-good-as-the-target.svg",
            "single-1-000-readers-server-cpu-s-per-million.svg",
            "fanout-by-readers-server-cpu.svg",
        ];
        assert_eq!(names, expected);
        for chart in &charts {
            assert!(chart.svg.starts_with("<svg") && chart.svg.trim_end().ends_with("</svg>"));
        }
        // Both servers are in it, and what a name has in it does not end the text.
        for chart in &charts[1..] {
            assert!(chart.svg.contains("gencomm (always)"), "{}", chart.svg);
            assert!(chart.svg.contains("redis &lt;7&gt;"), "{}", chart.svg);
        }
    }

    #[test]
    fn numbers_at_an_axis_are_short() {
        let shown = [0.0, 0.25, 7.0, 1000.0, 19_000.0, 2_500_000.0].map(tick);
        assert_eq!(shown, ["0", "0.250", "7", "1,000", "19,000", "2.50 M"]);
    }

    #[test]
    fn nothing_measured_is_nothing_drawn() {
        let file = File::new(None, Machine::here());
        assert!(charts(&file).unwrap().is_empty());
    }
}
