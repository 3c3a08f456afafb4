//! Which page of a room's past to ask for next, without I/O. In: what is wanted, and what each page was. Out: questions.

use crate::edge::wire::gc2::range::{HISTORY_LIMIT_MAX, HistoryRange};
use crate::edge::wire::timestamp::Timestamp;

/// What part of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The newest so many.
    Last(u64),
    /// Everything from a moment on.
    Since(Timestamp),
}

/// Decides which page comes next.
#[derive(Debug)]
pub struct Pager {
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing to ask.
    Done,
    /// One page holds all of it.
    Newest(u16),
    /// Walking back: so many are still in front of what was counted; `end` is the newest message of all.
    Back { missing: u64, end: u64, before: u64 },
    /// The first step of that.
    BackBegin { wanted: u64 },
    /// Reading forwards from a moment.
    Since(Timestamp),
    /// Reading forwards behind an id, up to `end`.
    Forward { after: u64, end: u64 },
}

/// What one page was: ids of its first and last message and how many it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Page {
    /// Id of the first, 0 if there is none.
    pub first: u64,
    /// Id of the last, 0 if there is none.
    pub last: u64,
    /// How many.
    pub count: u64,
}

/// A question to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which part.
    pub range: HistoryRange,
    /// How many.
    pub limit: u16,
    /// Whether the answer is for the reader; otherwise it is only counted.
    pub show: bool,
    /// Nothing behind this id is for the reader.
    pub end: u64,
}

impl Pager {
    /// Begins.
    pub fn new(wanted: Wanted) -> Self {
        let step = match wanted {
            Wanted::Last(0) => Step::Done,
            Wanted::Last(count) => match u16::try_from(count) {
                Ok(count) if count <= HISTORY_LIMIT_MAX => Step::Newest(count),
                _ => Step::BackBegin { wanted: count },
            },
            Wanted::Since(time) => Step::Since(time),
        };
        Self { step }
    }

    /// The next question, `None` at the end.
    pub fn ask(&self) -> Option<Ask> {
        let ask = |range, limit, show| Ask {
            range,
            limit,
            show,
            end: u64::MAX,
        };
        Some(match self.step {
            Step::Done => return None,
            Step::Newest(count) => ask(HistoryRange::Last(count), count, true),
            Step::BackBegin { .. } => ask(HistoryRange::Newest, HISTORY_LIMIT_MAX, false),
            Step::Back {
                missing, before, ..
            } => ask(HistoryRange::Before(before), page_size(missing), false),
            Step::Since(time) => ask(HistoryRange::Since(time), HISTORY_LIMIT_MAX, true),
            Step::Forward { after, end } => Ask {
                end,
                ..ask(HistoryRange::After(after), HISTORY_LIMIT_MAX, true)
            },
        })
    }

    /// Takes the answer to the last question.
    pub fn answered(&mut self, page: Page) {
        let limit = self.ask().map_or(0, |ask| u64::from(ask.limit));
        let full = page.count >= limit && page.count > 0;
        let forward = |first: u64, end: u64| Step::Forward {
            after: first.saturating_sub(1),
            end,
        };
        self.step = match self.step {
            Step::Done | Step::Newest(_) => Step::Done,
            Step::BackBegin { .. } if page.count == 0 => Step::Done,
            Step::BackBegin { wanted } if full && wanted > page.count => Step::Back {
                missing: wanted - page.count,
                end: page.last,
                before: page.first,
            },
            Step::BackBegin { .. } => forward(page.first, page.last),
            Step::Back {
                missing,
                end,
                before: _,
            } if full && missing > page.count => Step::Back {
                missing: missing - page.count,
                end,
                before: page.first,
            },
            Step::Back { end, before, .. } => {
                forward(if page.count > 0 { page.first } else { before }, end)
            }
            // The messages of this moment may go on arriving; a page that is not full was the end.
            Step::Since(_) if full => Step::Forward {
                after: page.last,
                end: u64::MAX,
            },
            Step::Forward { end, .. } if full && page.last < end => Step::Forward {
                after: page.last,
                end,
            },
            Step::Since(_) | Step::Forward { .. } => Step::Done,
        };
    }
}

fn page_size(missing: u64) -> u16 {
    u16::try_from(missing)
        .unwrap_or(HISTORY_LIMIT_MAX)
        .min(HISTORY_LIMIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Answers as a server whose room holds `ids`; returns what the reader got and how many questions it took.
    fn read_all(ids: &[u64], wanted: Wanted) -> (Vec<u64>, usize) {
        let mut pager = Pager::new(wanted);
        let (mut shown, mut questions) = (Vec::new(), 0);
        while let Some(ask) = pager.ask() {
            questions += 1;
            assert!(
                questions < 100 && (1..=HISTORY_LIMIT_MAX).contains(&ask.limit),
                "{ask:?}"
            );
            let limit = usize::from(ask.limit);
            let newest = |part: &[u64]| part[part.len().saturating_sub(limit)..].to_vec();
            let page: Vec<u64> = match ask.range {
                HistoryRange::Newest | HistoryRange::Last(_) => newest(ids),
                HistoryRange::Before(id) => newest(&ids[..ids.partition_point(|x| *x < id)]),
                HistoryRange::After(id) => ids
                    .iter()
                    .copied()
                    .filter(|x| *x > id)
                    .take(limit)
                    .collect(),
                HistoryRange::Since(_) => ids.iter().copied().take(limit).collect(),
            };
            if ask.show {
                shown.extend(page.iter().filter(|id| **id <= ask.end));
            }
            pager.answered(Page {
                first: page.first().copied().unwrap_or(0),
                last: page.last().copied().unwrap_or(0),
                count: page.len() as u64,
            });
        }
        (shown, questions)
    }

    #[test]
    fn few_messages_take_one_question() {
        let ids: Vec<u64> = (1..=50).map(|n| n * 3).collect();
        assert_eq!(read_all(&ids, Wanted::Last(10)), (ids[40..].to_vec(), 1));
        assert_eq!(read_all(&ids, Wanted::Last(1000)).1, 1);
        assert_eq!(read_all(&ids, Wanted::Last(0)), (vec![], 0));
        assert_eq!(read_all(&[], Wanted::Last(5000)), (vec![], 1));
        assert_eq!(
            read_all(&ids, Wanted::Since(Timestamp::default())),
            (ids.clone(), 1)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_number_of_the_newest_comes_once_and_in_order(
            steps in proptest::collection::vec(1u64..4, 0..3500), wanted in 0u64..4000,
        ) {
            let ids: Vec<u64> = steps.iter().scan(0, |id, step| { *id += step; Some(*id) }).collect();
            let expected = &ids[ids.len().saturating_sub(wanted as usize)..];
            prop_assert_eq!(&read_all(&ids, Wanted::Last(wanted)).0[..], expected);
            prop_assert_eq!(&read_all(&ids, Wanted::Since(Timestamp::default())).0, &ids);
        }
    }
}
