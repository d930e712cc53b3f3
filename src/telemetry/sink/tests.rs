//! Nobody waits for the writer, what is lost is counted, and the end of the process doesn't hang.

use std::io::{self, Write};

use super::{Entry, Sink, WAITING};

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn event(text: &str) -> Entry {
    Entry::Event(text.as_bytes().to_vec())
}

#[test]
fn lines_are_written_in_their_order() {
    let sink = Sink::new();
    sink.push(event("one"));
    sink.push(event("two"));
    let mut out = Vec::new();
    sink.write(sink.lock(), &mut out);
    assert_eq!(out, b"one\ntwo\n");
    assert_eq!(sink.lost(), 0);
    sink.flush();
}

#[test]
fn q11_lines_that_nobody_takes_are_dropped_and_counted() {
    let sink = Sink::new();
    for _ in 0..WAITING + 5 {
        sink.push(event("a line"));
    }
    assert_eq!(sink.lost(), 5);
    // What waited can still be written, and then there is room again.
    let mut out = Vec::new();
    sink.write(sink.lock(), &mut out);
    assert_eq!(out.len(), WAITING * "a line\n".len());
    sink.push(event("more"));
    assert_eq!(sink.lost(), 5);
}

#[test]
fn q11_a_full_disk_loses_lines_and_nothing_else() {
    let sink = Sink::new();
    sink.push(event("a line"));
    sink.write(sink.lock(), &mut Full);
    assert_eq!(sink.lost(), 1);
    sink.flush();
}
