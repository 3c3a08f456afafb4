//! Charts as SVG: what grows with the size of a workload, ours beside peers, and how far every figure is from its target.

use anyhow::Result;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, ValueFormatter};
use plotters::prelude::*;

use super::file::{File, Measured};
use super::table::short;
use super::targets::{Found, OWN, TARGETS};
use super::{Figure, Series};

const WIDTH: u32 = 760;
const GRAPH_HEIGHT: u32 = 400;
/// Of a chart of bars: the space for what is not bars, and for each bar.
const BARS_FRAME: u32 = 90;
const BAR_HEIGHT: u32 = 30;
const LABELS_WIDTH: u32 = 330;
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
        if peers.is_empty() {
            continue;
        }
        let workload = target.workload.replace('`', "");
        let title = format!("{workload}: {}, {}", target.figure, target.unit);
        let all = std::iter::once(&own).chain(&peers);
        let bars: Vec<_> = all.map(|found| Bar::of(found)).collect();
        let goal = target.bound.value();
        charts.push(bar_chart(title, &bars, Some(goal))?);
    }
    charts.extend(growth(file)?);
    Ok(charts)
}

struct Bar {
    label: String,
    length: f64,
    text: String,
    colour: RGBColor,
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
    bar_chart(title, &bars, Some(1.0)).map(Some)
}

/// An axis from the top down, with a place for the name of each row in its middle.
struct Rows(usize);

impl Ranged for Rows {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, row: &f64, (bottom, top): (i32, i32)) -> i32 {
        let part = 1.0 - row / self.0 as f64;
        bottom + (f64::from(top - bottom) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        (0..self.0).map(|row| row as f64 + 0.5).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.0..self.0 as f64
    }
}

/// Horizontal bars, the first one at the top; a line at `goal`.
fn bar_chart(title: String, bars: &[Bar], goal: Option<f64>) -> Result<Chart> {
    let longest = bars.iter().map(|bar| bar.length).chain(goal);
    let most = longest.fold(0.0, f64::max) * 1.15;
    let count = bars.len();
    let labels_width = match count > 6 {
        true => LABELS_WIDTH + 160,
        false => LABELS_WIDTH / 2,
    };
    let width = match count > 6 {
        true => WIDTH + 200,
        false => WIDTH,
    };
    let height = BARS_FRAME + BAR_HEIGHT * u32::try_from(count)?;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&title, (FONT, 17))
            .margin(14)
            .x_label_area_size(26)
            .y_label_area_size(labels_width)
            .build_cartesian_2d(0.0..most, Rows(count))?;
        let label = |at: &f64| {
            let bar = bars.get(*at as usize);
            bar.map_or_else(String::new, |bar| bar.label.clone())
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_label_formatter(&label)
            .x_label_formatter(&|value| tick(*value))
            .x_labels(6)
            .label_style((FONT, 13))
            .draw()?;
        for (row, bar) in bars.iter().enumerate() {
            let (top, bottom) = (row as f64 + 0.18, row as f64 + 0.82);
            let corners = [(0.0, top), (bar.length, bottom)];
            let text = format!(" {}", bar.text);
            let place = (bar.length, row as f64 + 0.32);
            chart.draw_series([Rectangle::new(corners, bar.colour.filled())])?;
            chart.draw_series([Text::new(text, place, (FONT, 13))])?;
        }
        if let Some(goal) = goal {
            let line = [(goal, 0.0), (goal, count as f64)];
            chart.draw_series([PathElement::new(line, BLACK.stroke_width(2))])?;
        }
        root.present()?;
    }
    Ok(Chart { title, svg })
}

/// A chart for each figure of each series, with a line for each server and durability.
fn growth(file: &File) -> Result<Vec<Chart>> {
    let mut charts: Vec<Chart> = Vec::new();
    for series in &file.series {
        let figures = series.what.points.iter().flat_map(|point| &point.figures);
        for figure in figures {
            let title = format!("{}: {}", series.what.name, figure.name);
            if charts.iter().any(|chart| chart.title == title) {
                continue;
            }
            let lines = file.series.iter().filter_map(|other| {
                let same = other.what.name == series.what.name;
                let points = points(&other.what, &figure.name);
                (same && points.len() > 1).then(|| (name(other), points))
            });
            let lines: Vec<_> = lines.collect();
            if !lines.is_empty() {
                charts.push(line_chart(title, &series.what.x_label, figure, &lines)?);
            }
        }
    }
    Ok(charts)
}

fn name(series: &Measured<Series>) -> String {
    format!("{} ({})", series.server, series.durability)
}

/// Of a figure at one size: the size, least, median, most.
type Dot = (f64, f64, f64, f64);

fn points(series: &Series, figure: &str) -> Vec<Dot> {
    let dot = |point: &super::Point| {
        let figure = point.figures.iter().find(|other| other.name == figure)?;
        let (least, most) = figure.range();
        // A logarithmic axis has no place for nothing.
        (point.x > 0.0 && least.is_finite()).then(|| (point.x, least, figure.median(), most))
    };
    series.points.iter().filter_map(dot).collect()
}

fn line_chart(
    title: String,
    x_label: &str,
    figure: &Figure,
    lines: &[(String, Vec<Dot>)],
) -> Result<Chart> {
    let dots = || lines.iter().flat_map(|(_, dots)| dots);
    let mut sizes: Vec<f64> = dots().map(|dot| dot.0).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let (first, last) = (sizes.first().copied(), sizes.last().copied());
    let (first, last) = (first.unwrap_or(1.0), last.unwrap_or(10.0));
    let most = dots().map(|dot| dot.3).fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.15 } else { 1.0 };
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, GRAPH_HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        let x = (first / 1.1..last * 1.1).log_scale().with_key_points(sizes);
        let mut chart = ChartBuilder::on(&root)
            .caption(&title, (FONT, 17))
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(70)
            .build_cartesian_2d(x, 0.0..most)?;
        chart
            .configure_mesh()
            .x_desc(x_label)
            .y_desc(&figure.unit)
            .x_label_formatter(&|value| tick(*value))
            .y_label_formatter(&|value| tick(*value))
            .label_style((FONT, 13))
            .axis_desc_style((FONT, 14))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for ((name, dots), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            draw_line(&mut chart, name, dots, *colour)?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, 13))
            .draw()?;
        root.present()?;
    }
    Ok(Chart { title, svg })
}

type Graph<'a, X> =
    ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, plotters::coord::types::RangedCoordf64>>;

/// Medians as a line with dots, and from the least to the most of the runs a stroke.
fn draw_line<'a, X>(
    chart: &mut Graph<'a, X>,
    name: &str,
    dots: &[Dot],
    colour: RGBColor,
) -> Result<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let medians = || dots.iter().map(|dot| (dot.0, dot.2));
    chart
        .draw_series(LineSeries::new(medians(), colour.stroke_width(2)))?
        .label(name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    chart.draw_series(medians().map(|dot| Circle::new(dot, 3, colour.filled())))?;
    chart.draw_series(dots.iter().map(|&(x, least, _, most)| {
        PathElement::new([(x, least), (x, most)], colour.mix(0.5).stroke_width(2))
    }))?;
    Ok(())
}

/// A number at an axis: whole where it is.
fn tick(value: f64) -> String {
    match value.fract() == 0.0 && value.abs() < 10_000.0 {
        true => format!("{value}"),
        false => short(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Machine, Outcome, Row};
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
            "growth-fanout-from-1-000-to-10-000-readers-server-cpu-times.svg",
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
    fn nothing_measured_is_nothing_drawn() {
        let file = File::new(None, Machine::here());
        assert!(charts(&file).unwrap().is_empty());
    }
}
