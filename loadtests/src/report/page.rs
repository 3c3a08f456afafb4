//! `report`: puts a table of what was promised and what was measured into a page, and charts beside it.
//!
//! Of the page only what stands between the two markers is replaced.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::chart::{self, Chart};
use super::file::File;
use super::found::Found;
use super::table::short;
use super::targets::{TARGETS, Target};

const BEGIN: &str = "<!-- figures: begin -->";
const END: &str = "<!-- figures: end -->";

/// See the module.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Figures (--json), ours and peers'; runs of the same workload are put together
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the charts go
    #[arg(long, value_name = "DIR", default_value = "docs/charts")]
    out: PathBuf,
    /// The page with the two markers
    #[arg(long, value_name = "FILE", default_value = "docs/benchmarks.md")]
    page: PathBuf,
}

/// Writes the charts, and the page anew.
pub(crate) fn report(options: &Options) -> Result<()> {
    let files: Vec<_> = options
        .files
        .iter()
        .map(|path| File::read(path))
        .collect::<Result<_>>()?;
    let origins = origins(&files);
    let mut files = files.into_iter();
    let mut all = files.next().context("no file is named")?;
    files.for_each(|file| all.absorb(file));
    ensure!(
        !(all.rows.is_empty() && all.series.is_empty()),
        "nothing was measured in these files"
    );

    // Before anything is written: a page that cannot take the table is an error that changes nothing.
    let page = std::fs::read_to_string(&options.page)
        .with_context(|| format!("{} cannot be read", options.page.display()))?;
    let charts = chart::charts(&all)?;
    let text = section(&origins, &all, &charts, link(&options.page, &options.out));
    let page = replaced(&page, &text).with_context(|| options.page.display().to_string())?;

    std::fs::create_dir_all(&options.out).with_context(|| options.out.display().to_string())?;
    for chart in &charts {
        let path = options.out.join(chart.file_name());
        std::fs::write(&path, &chart.svg).with_context(|| path.display().to_string())?;
    }
    std::fs::write(&options.page, page).with_context(|| options.page.display().to_string())?;
    println!(
        "{} charts in {}, the table in {}",
        charts.len(),
        options.out.display(),
        options.page.display()
    );
    Ok(())
}

/// A line for each machine, server and day, each once.
fn origins(files: &[File]) -> Vec<String> {
    let mut lines = Vec::new();
    for file in files {
        let day = file.date.split('T').next().unwrap_or_default();
        let version = file.server_version.as_deref();
        let version = version.unwrap_or("a server of unknown version");
        let line = format!("{day}, {version}, {}", file.machine);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// How the page names the charts' folder, if that lies beside or below it.
fn link(page: &Path, out: &Path) -> Option<String> {
    let folder = page.parent()?;
    let below = out.strip_prefix(folder).ok()?;
    let parts: Option<Vec<_>> = below.iter().map(|part| part.to_str()).collect();
    Some(parts?.iter().map(|part| format!("{part}/")).collect())
}

fn section(origins: &[String], all: &File, charts: &[Chart], link: Option<String>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for origin in origins {
        let _ = writeln!(text, "Measured {}.", cell(origin));
    }
    text += "\n| workload | durability | figure | median (least to most) | runs | target | met | best peer | times as good |\n";
    text += "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for target in TARGETS {
        let own = target.own(all);
        let peers = target.peers(all);
        let lines: Vec<_> = match own.is_empty() {
            true => vec![None],
            false => own.iter().map(Some).collect(),
        };
        for own in lines {
            text += &line(target, own, peers.first());
        }
    }
    text += "\nA peer is another server under the same workload, or a library at the same work; the best one measured is shown. Above 1, ours is better.\n";
    if let Some(link) = link {
        for chart in charts {
            let _ = write!(
                text,
                "\n![{}]({link}{})\n",
                cell(&chart.title),
                chart.file_name()
            );
        }
    }
    text
}

fn line(target: &Target, own: Option<&Found>, peer: Option<&Found>) -> String {
    let figure = match target.unit {
        "" => target.figure.to_owned(),
        unit => format!("{}, {unit}", target.figure),
    };
    let (durability, measured, runs, met) = match own {
        None => {
            let durability = target.durability.unwrap_or("-").to_owned();
            (durability, "not measured".to_owned(), "-".to_owned(), "-")
        }
        Some(own) => {
            let value = own.value;
            let range = format!("{} to {}", short(value.least), short(value.most));
            let met = match target.bound.is_met(value.median) {
                true => "yes",
                false => "**no**",
            };
            let measured = format!("{} ({range})", short(value.median));
            (cell(own.durability), measured, value.runs.to_string(), met)
        }
    };
    let (name, times) = match peer {
        None => ("-".to_owned(), "-".to_owned()),
        Some(peer) => {
            let name = format!("{}: {}", cell(peer.server), short(peer.value.median));
            let times = own.map(|own| {
                let times = target
                    .bound
                    .times_as_good(own.value.median, peer.value.median);
                short(times)
            });
            (name, times.unwrap_or_else(|| "-".to_owned()))
        }
    };
    format!(
        "| {} | {durability} | {figure} | {measured} | {runs} | {} | {met} | {name} | {times} |\n",
        target.workload, target.bound
    )
}

/// Text that cannot end its cell, or its line.
fn cell(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(clean).collect();
    text.replace('|', "\\|")
}

/// The page with `text` between the markers, and everything else as it was.
fn replaced(page: &str, text: &str) -> Result<String> {
    let place = |marker: &str| {
        let mut places = page.match_indices(marker).map(|(at, _)| at);
        let place = places.next();
        ensure!(
            place.is_some() && places.next().is_none(),
            "the line {marker} has to be in the page once"
        );
        Ok(place.unwrap_or_default())
    };
    let (begin, end) = (place(BEGIN)? + BEGIN.len(), place(END)?);
    ensure!(begin <= end, "{END} stands before {BEGIN}");
    let (before, after) = (&page[..begin], &page[end..]);
    Ok(format!("{before}\n{}\n{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::super::{Machine, Row};
    use super::*;

    const PAGE: &str =
        "# Title\n\nBefore.\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nAfter.\n";

    #[test]
    fn only_what_stands_between_the_markers_is_replaced_however_often() {
        let once = replaced(PAGE, "new\nlines\n").unwrap();
        let expected = "# Title\n\nBefore.\n<!-- figures: begin -->\nnew\nlines\n<!-- figures: end -->\nAfter.\n";
        assert_eq!(once, expected);
        assert_eq!(replaced(&once, "new\nlines\n").unwrap(), once);
    }

    #[test]
    fn a_page_without_the_markers_or_with_too_many_is_refused() {
        let refused = |page: &str| replaced(page, "x").unwrap_err().to_string();
        assert!(refused("no markers").contains(BEGIN));
        assert!(refused(&PAGE.replace(END, "")).contains(END));
        assert!(refused(&format!("{PAGE}{BEGIN}")).contains("once"));
        assert!(refused(&format!("{END}{BEGIN}")).contains("before"));
    }

    fn file() -> File {
        let machine = Machine {
            cpu: "abacus".to_owned(),
            cores: 2,
            kernel: "6.1".to_owned(),
            memory_kib: 8 << 20,
        };
        let row = |runs: &[f64]| {
            let sizes = [("readers", 1000), ("senders", 1), ("messages", 2000)];
            let mut row = Row::new("fanout", "1 x 2000 to 1001".to_owned()).with_sizes(&sizes);
            runs.iter()
                .for_each(|&run| row.add("server CPU", "s per million", run));
            vec![row]
        };
        let mut file = File::new(Some("gencomm 0.1.0".to_owned()), machine);
        file.date = "2026-11-22T20:00:00Z".to_owned();
        file.add(row(&[0.02, 0.04, 0.025]).into(), "gencomm", "always");
        file.add(row(&[0.2]).into(), "gencomm", "os");
        file.add(row(&[0.25]).into(), "redis | 7", "none");
        file.date = "2026-11-22T20:00:00Z".to_owned();
        file
    }

    #[test]
    fn every_target_has_a_line_with_durability_range_and_the_best_peer() {
        let file = file();
        let text = section(&origins(&[file.clone(), file.clone()]), &file, &[], None);
        let origin = "Measured 2026-11-22, gencomm 0.1.0, abacus (2 cores), 8 GiB, Linux 6.1.";
        assert_eq!(text.matches("Measured").count(), 1);
        assert!(text.starts_with(origin), "{text}");
        let always = "| `fanout`, 1 sender, 1,000 readers | always | server CPU, s per million | 0.025 (0.020 to 0.040) | 3 | at most 0.100 | yes | redis \\| 7: 0.250 | 10.0 |";
        assert!(text.contains(always), "{text}");
        let os = "| os | server CPU, s per million | 0.200 (0.200 to 0.200) | 1 | at most 0.100 | **no** |";
        assert!(text.contains(os), "{text}");
        // A head, a rule, and one line more than there are targets: one was measured with two durabilities.
        let lines = text.lines().filter(|line| line.starts_with('|')).count();
        assert_eq!(lines, TARGETS.len() + 3);
    }

    #[test]
    fn charts_are_linked_only_from_a_page_that_they_lie_below() {
        let link = |page: &str, out: &str| link(Path::new(page), Path::new(out));
        assert_eq!(link("docs/a.md", "docs/charts").as_deref(), Some("charts/"));
        assert_eq!(link("docs/a.md", "docs").as_deref(), Some(""));
        assert_eq!(link("docs/a.md", "elsewhere"), None);
        let chart = Chart {
            title: "by readers".to_owned(),
            svg: String::new(),
        };
        let text = section(&[], &file(), &[chart], Some("charts/".to_owned()));
        assert!(
            text.contains("![by readers](charts/by-readers.svg)"),
            "{text}"
        );
    }
}
