//! Tests of `budget.rs`: a benchmark without the test harness cannot hold its own.

mod budget;

use budget::{Budgets, Condition, Count, spread};

fn conditions(rustc: &str) -> Vec<Condition> {
    vec![("rustc".to_owned(), rustc.to_owned())]
}

fn budgets() -> Budgets {
    Budgets::of(
        conditions("1"),
        &[Count::new("a", 100.0), Count::new("b", 10.0)],
    )
}

#[test]
fn what_is_written_is_read_back() {
    assert_eq!(Budgets::parse(&budgets().to_text()), Ok(budgets()));
}

#[test]
fn lines_that_are_wrong_are_named() {
    assert!(Budgets::parse("# a\n\nb").unwrap_err().contains("line 3"));
    assert!(Budgets::parse("b = x").unwrap_err().contains("line 1"));
    assert!(Budgets::parse("b = 0").is_err());
    assert!(Budgets::parse("b = NaN").is_err());
}

#[test]
fn five_percent_above_fails_and_below_is_said() {
    let judge = |a: f64| {
        budgets().compare(
            &conditions("1"),
            &[Count::new("a", a), Count::new("b", 10.0)],
        )
    };
    for (a, failures, said) in [
        (104.9, 0, ""),
        (105.1, 1, "above"),
        (95.1, 0, ""),
        (94.9, 0, "well below"),
    ] {
        let report = judge(a);
        assert_eq!(report.failures, failures, "{a}");
        assert!(report.text.contains(said), "{a}: {}", report.text);
        assert_eq!(report.text.contains("well below"), a < 95.0, "{a}");
        assert!(!report.text.contains("!!"));
    }
}

#[test]
fn elsewhere_only_much_above_fails_and_is_said_loudly() {
    let judge = |a: f64| {
        budgets().compare(
            &conditions("2"),
            &[Count::new("a", a), Count::new("b", 10.0)],
        )
    };
    assert_eq!(judge(114.0).failures, 0);
    assert_eq!(judge(116.0).failures, 1);
    assert_eq!(judge(10.0).failures, 0);
    let text = judge(100.0).text;
    assert!(text.contains("!! rustc is 2; the budgets were counted with 1"));
    // Something that is known on one side alone is a difference too.
    assert_eq!(budgets().differences(&[]).len(), 1);
}

#[test]
fn paths_and_budgets_without_each_other_fail() {
    let report = budgets().compare(
        &conditions("1"),
        &[Count::new("a", 100.0), Count::new("c", 1.0)],
    );
    assert_eq!(report.failures, 2);
    assert!(report.text.contains("has no budget") && report.text.contains("was not counted"));
}

#[test]
fn the_spread_is_that_of_all_counts() {
    let mut count = Count::new("a", 100.0);
    count.widen(&Count::new("a", 99.0));
    count.widen(&Count::new("a", 100.5));
    assert_eq!(count.range, (99.0, 100.5));
    assert!(spread(&[count]).contains("1.515 %"));
}
