//! The budgets' file and what a count is worth beside it. Pure: texts and numbers in, texts and numbers out.
//!
//! The file has a line for each condition under which the budgets were counted (`with rustc = rustc 1.95.0`) and one for each path
//! (`parse SEND = 123.4`), instructions per operation. `#` begins a comment.

use std::fmt::Write;

/// What a count may differ from its budget, in both directions, where everything else is the same.
pub(crate) const SLACK: f64 = 0.05;
/// What it may be above its budget where another compiler, library or processor makes other code run.
pub(crate) const SLACK_ELSEWHERE: f64 = 0.15;

const HEAD: &str = "\
# Instructions per operation, counted by `.ci/instructions`; see benches/instructions/main.rs.
# Made by `.ci/instructions --write`, under:
";

/// Instructions per operation of one path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Count {
    pub(crate) path: String,
    /// The first count; the one that is compared.
    pub(crate) per_operation: f64,
    /// Least and most of all counts.
    pub(crate) range: (f64, f64),
}

impl Count {
    pub(crate) fn new(path: &str, per_operation: f64) -> Self {
        Self {
            path: path.to_owned(),
            per_operation,
            range: (per_operation, per_operation),
        }
    }

    /// Takes in another count of the same path.
    pub(crate) fn widen(&mut self, other: &Self) {
        self.range.0 = self.range.0.min(other.per_operation);
        self.range.1 = self.range.1.max(other.per_operation);
    }
}

/// How far apart several counts are, a line for each path.
pub(crate) fn spread(counts: &[Count]) -> String {
    let mut text = String::new();
    for Count { path, range, .. } in counts {
        let percent = (range.1 / range.0 - 1.0) * 100.0;
        let (least, most) = range;
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "{path:<44} {least:>10.1} to {most:>10.1}  {percent:.3} %"
        );
    }
    text
}

/// Name and value of something that decides which instructions run, such as the compiler.
pub(crate) type Condition = (String, String);

/// What is in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Budgets {
    conditions: Vec<Condition>,
    /// Path and instructions per operation.
    paths: Vec<(String, f64)>,
}

/// What came of a comparison.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) failures: usize,
}

impl Budgets {
    /// Budgets that are just what was counted.
    pub(crate) fn of(conditions: Vec<Condition>, counts: &[Count]) -> Self {
        let paths = counts
            .iter()
            .map(|count| (count.path.clone(), count.per_operation));
        Self {
            conditions,
            paths: paths.collect(),
        }
    }

    /// Reads the file; the error says which line is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut conditions, mut paths) = (Vec::new(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = at + 1;
            let (name, value) = line
                .split_once(" = ")
                .ok_or_else(|| format!("line {number}: no \" = \" in it"))?;
            let (name, value) = (name.trim(), value.trim());
            match name.strip_prefix("with ") {
                Some(name) => conditions.push((name.to_owned(), value.to_owned())),
                None => match value.parse::<f64>() {
                    Ok(budget) if budget > 0.0 => paths.push((name.to_owned(), budget)),
                    _ => return Err(format!("line {number}: {value} is no budget")),
                },
            }
        }
        Ok(Self { conditions, paths })
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (name, value) in &self.conditions {
            let _ = writeln!(text, "with {name} = {value}");
        }
        text.push('\n');
        for (path, budget) in &self.paths {
            let _ = writeln!(text, "{path:<44} = {budget:.1}");
        }
        text
    }

    /// Every path beside its budget. A path without a budget fails, as does a budget without a path: whoever adds or removes one
    /// writes the file anew.
    pub(crate) fn compare(&self, now: &[Condition], counts: &[Count]) -> Report {
        let (mut text, mut failures) = (String::new(), 0);
        let differences = self.differences(now);
        let slack = match differences.is_empty() {
            true => SLACK,
            false => SLACK_ELSEWHERE,
        };
        for (name, then, now) in &differences {
            let _ = writeln!(
                text,
                "!! {name} is {now}; the budgets were counted with {then}"
            );
        }
        if !differences.is_empty() {
            let percent = SLACK_ELSEWHERE * 100.0;
            let _ = writeln!(
                text,
                "!! THESE COUNTS SAY LITTLE HERE: only what is more than {percent:.0} % above its budget fails"
            );
        }
        for count in counts {
            let budget = self.paths.iter().find(|(path, _)| *path == count.path);
            let (path, is) = (&count.path, count.per_operation);
            let Some((_, budget)) = budget else {
                failures += 1;
                let _ = writeln!(text, "{path:<44} {is:>10.1}  FAILS: has no budget");
                continue;
            };
            let change = is / budget - 1.0;
            let verdict = match change {
                up if up > slack => {
                    failures += 1;
                    "FAILS: above its budget"
                }
                down if down < -slack && differences.is_empty() => {
                    "well below: lower the budget, so that it stays so"
                }
                _ => "",
            };
            let percent = change * 100.0;
            let line = format!(
                "{path:<44} {is:>10.1}  budget {budget:>10.1}  {percent:>+7.2} %  {verdict}"
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for (path, _) in &self.paths {
            if !counts.iter().any(|count| count.path == *path) {
                failures += 1;
                let _ = writeln!(text, "{path:<44} FAILS: has a budget and was not counted");
            }
        }
        Report { text, failures }
    }

    /// Conditions that are others now: name, value then, value now.
    pub(crate) fn differences(&self, now: &[Condition]) -> Vec<(String, String, String)> {
        let value = |conditions: &[Condition], name: &str| {
            let found = conditions.iter().find(|(known, _)| known == name);
            found.map_or_else(|| "unknown".to_owned(), |(_, value)| value.clone())
        };
        let mut names: Vec<&String> = self.conditions.iter().map(|(name, _)| name).collect();
        names.extend(now.iter().map(|(name, _)| name));
        names.dedup();
        let mut differences: Vec<_> = names
            .into_iter()
            .map(|name| {
                (
                    name.clone(),
                    value(&self.conditions, name),
                    value(now, name),
                )
            })
            .filter(|(_, then, now)| then != now)
            .collect();
        differences.sort();
        differences.dedup();
        differences
    }
}
