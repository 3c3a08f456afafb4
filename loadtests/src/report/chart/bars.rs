//! Horizontal bars.

use anyhow::Result;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, ValueFormatter};
use plotters::prelude::*;

use super::{Chart, FONT, WIDTH, tick};

/// Of a chart of bars: the space for what is not bars, and for each bar.
const BARS_FRAME: u32 = 90;
const BAR_HEIGHT: u32 = 30;
const LABELS_WIDTH: u32 = 165;
/// The same where labels are whole sentences.
const WIDTH_LONG: u32 = 960;
const LABELS_WIDTH_LONG: u32 = 490;

pub(super) struct Bar {
    pub(super) label: String,
    pub(super) length: f64,
    pub(super) text: String,
    pub(super) colour: RGBColor,
}

/// What the lengths of bars say, and where the line of the target is.
pub(super) enum Scale {
    /// From nothing on, all the same way.
    Amounts { target: f64 },
    /// Twice as good is as far from 1, which is the target, as half as good.
    Factors,
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

/// Horizontal bars, the first one at the top; a line at the target.
pub(super) fn bar_chart(title: String, bars: &[Bar], scale: Scale) -> Result<Chart> {
    let mut svg = String::new();
    {
        let [wide, labels] = match scale {
            Scale::Amounts { .. } => [WIDTH, LABELS_WIDTH],
            Scale::Factors => [WIDTH_LONG, LABELS_WIDTH_LONG],
        };
        let height = BARS_FRAME + BAR_HEIGHT * u32::try_from(bars.len())?;
        let root = SVGBackend::with_string(&mut svg, (wide, height)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut builder = ChartBuilder::on(&root);
        builder
            .margin(14)
            .x_label_area_size(26)
            .y_label_area_size(labels);
        let lengths = || bars.iter().map(|bar| bar.length);
        let rows = Rows(bars.len());
        match scale {
            Scale::Amounts { target } => {
                let most = lengths().fold(target, f64::max) * 1.15;
                let mut chart = builder
                    .caption(format!("{title} (line: target)"), (FONT, 17))
                    .build_cartesian_2d(0.0..most, rows)?;
                draw_bars(&mut chart, bars, 0.0, target)?;
            }
            Scale::Factors => {
                let (least, most) = (lengths().fold(0.5, f64::min), lengths().fold(2.0, f64::max));
                let least = least / 1.6;
                let marks = [0.01, 0.03, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 10.0, 30.0, 100.0];
                let marks = marks
                    .into_iter()
                    .filter(|&mark| least < mark && mark < most);
                let axis = (least..most * 1.6).log_scale();
                let axis = axis.with_key_points(marks.collect());
                let mut chart = builder
                    .caption(&title, (FONT, 17))
                    .build_cartesian_2d(axis, rows)?;
                draw_bars(&mut chart, bars, least, 1.0)?;
            }
        }
        root.present()?;
    }
    Ok(Chart { title, svg })
}

/// Bars from `begin` on, and the line at `target`.
fn draw_bars<'a, X>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Rows>>,
    bars: &[Bar],
    begin: f64,
    target: f64,
) -> Result<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let label = |at: &f64| {
        let bar = bars.get(*at as usize);
        bar.map_or_else(String::new, |bar| bar.label.clone())
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .y_label_formatter(&label)
        .x_label_formatter(&|value| tick(*value))
        .x_labels(6)
        .y_labels(bars.len())
        .label_style((FONT, 13))
        .draw()?;
    for (row, bar) in bars.iter().enumerate() {
        let row = row as f64;
        let corners = [(begin, row + 0.18), (bar.length, row + 0.82)];
        chart.draw_series([Rectangle::new(corners, bar.colour.filled())])?;
        let text = Text::new(bar.text.clone(), (5, -7), (FONT, 13));
        chart.draw_series([EmptyElement::at((bar.length, row + 0.5)) + text])?;
    }
    let line = [(target, 0.0), (target, bars.len() as f64)];
    chart.draw_series([PathElement::new(line, BLACK.stroke_width(2))])?;
    Ok(())
}
