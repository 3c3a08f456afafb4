//! Both sides of the control socket: a stranger's request, and the answer of what pretends to be a server.

use super::{ANSWER_LINE_BYTES_MAX, ANSWER_LINES_MAX, Answer, ask, request_in};
use crate::fuzzing::Input;

/// A request, an answer that is read, or one that is written.
pub fn control(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 3 {
        0 => request(input.0),
        1 => read(&String::from_utf8_lossy(input.0)),
        _ => written(input),
    }
}

fn request(bytes: &[u8]) {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let line = &bytes[..end];
    let Some(verb) = request_in(line) else {
        let is_verb = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'-';
        return assert!(line.is_empty() || !line.iter().all(is_verb), "a good verb");
    };
    let (word, number) = verb.split_once(' ').unwrap_or((verb, "0"));
    assert!(word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'-')) && !word.is_empty());
    assert!(number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty());
    assert!(line.len() - verb.len() <= 1 && !verb.is_empty());
}

/// What is read, written, is the same again, but for what no terminal should see.
fn read(text: &str) {
    let Some(answer) = ask::parse(text) else {
        return;
    };
    let again = ask::parse(&answer.to_text()).expect("our own answer");
    assert_eq!(again.is_ok, answer.is_ok);
    if answer.lines.len() <= ANSWER_LINES_MAX {
        assert_eq!(again.lines.len(), answer.lines.len());
    }
}

/// Lines that a handler gave, times many: nothing in one begins another, and all of it is bounded.
fn written(mut input: Input<'_>) {
    let (is_ok, times) = (
        input.byte().is_multiple_of(2),
        usize::from(input.short()) % 5000,
    );
    // Mostly few and short; seldom, since that costs a thousand times as much, about as many and as long as an answer holds.
    let (count, length) = if times < 4990 {
        (times % 5, 1)
    } else {
        (times - 3996, (times - 4989) * 40)
    };
    let mut lines = vec![String::from_utf8_lossy(input.piece()).repeat(length)];
    lines.extend((0..count).map(|_| String::from_utf8_lossy(input.piece()).into_owned()));
    let answer = Answer { is_ok, lines };
    let text = answer.to_text();
    let read = ask::parse(&text).expect("our own answer");
    assert_eq!(read.is_ok, is_ok);
    let more = usize::from(answer.lines.len() > ANSWER_LINES_MAX);
    assert_eq!(
        read.lines.len(),
        answer.lines.len().min(ANSWER_LINES_MAX) + more
    );
    for (read, given) in read.lines.iter().zip(&answer.lines).take(ANSWER_LINES_MAX) {
        assert!(read.len() <= ANSWER_LINE_BYTES_MAX && !read.contains(char::is_control));
        let kept = given.chars().zip(read.chars());
        assert!(kept.clone().all(|(was, is)| was == is || was.is_control()));
    }
}
