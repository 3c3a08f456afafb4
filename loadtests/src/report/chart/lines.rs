//! What grows with the size of a workload: a line for each server.

use anyhow::Result;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

use super::{COLOURS, Chart, FONT, WIDTH, tick};
use crate::report::file::{File, Measured};
use crate::report::{Figure, Point, Series};

const HEIGHT: u32 = 400;

/// A chart for each figure of each series, with a line for each server and durability.
pub(super) fn growth(file: &File) -> Result<Vec<Chart>> {
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
    let dot = |point: &Point| {
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
    // Room above the lines for their names.
    let most = if most > 0.0 { most } else { 1.0 } * (1.15 + 0.08 * lines.len() as f64);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
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
            .position(SeriesLabelPosition::UpperRight)
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
