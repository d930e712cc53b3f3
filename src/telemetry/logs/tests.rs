//! Who may be talkative, and that an event stays on its line.

use tracing::{Level, Metadata};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::{may_be_told, one_line, tell_panic};

/// Collects the targets of the events that may be told.
#[derive(Clone, Default)]
struct Told(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Told {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        may_be_told(metadata)
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let told = format!("{} {}", event.metadata().level(), event.metadata().target());
        self.0.lock().unwrap().push(told);
    }
}

#[test]
fn q13_only_our_own_modules_go_below_a_warning() {
    let told = Told::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(told.clone()), || {
        tracing::event!(target: "portcullis", Level::TRACE, "");
        tracing::event!(target: "portcullis::gate", Level::DEBUG, "");
        tracing::event!(target: "portcullis_of_others", Level::INFO, "");
        tracing::event!(target: "hyper::proto::h1", Level::TRACE, "");
        tracing::event!(target: "h2::codec", Level::DEBUG, "");
        tracing::event!(target: "reqwest::connect", Level::INFO, "");
        tracing::event!(target: "rustls::conn", Level::WARN, "");
        tracing::event!(target: "hyper", Level::ERROR, "");
    });
    assert_eq!(
        *told.0.lock().unwrap(),
        [
            "TRACE portcullis",
            "DEBUG portcullis::gate",
            "WARN rustls::conn",
            "ERROR hyper"
        ]
    );
}

#[test]
fn q12_an_event_is_one_line() {
    let told = "a\r\nb\u{1b}[31m\u{85}\u{2028}\u{202e}\0ü\n";
    assert_eq!(
        one_line(told.as_bytes(), false),
        r"a\u000d\u000ab\u001b[31m\u0085\u2028\u202e\u0000ü"
    );
    assert_eq!(one_line(b"\x1b[31mred\ntwo\n", true), "\u{1b}[31mred\ntwo");
    assert_eq!(one_line(b"\xff", false), "\u{fffd}");
}

#[test]
fn q14_a_panic_is_told_by_its_place_and_never_in_its_own_words() {
    #[derive(Clone, Default)]
    struct Fields(std::sync::Arc<std::sync::Mutex<String>>);

    impl<S: tracing::Subscriber> Layer<S> for Fields {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let mut visit = |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                self.0
                    .lock()
                    .unwrap()
                    .push_str(&format!("{field}: {value:?}\n"));
            };
            event.record(&mut visit);
        }
    }

    let told = Fields::default();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(tell_panic));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(told.clone()), || {
        let sliced = std::panic::catch_unwind(|| "eyJ-hunter2-ü"[..13].is_empty());
        assert!(sliced.is_err());
    });
    std::panic::set_hook(usual);
    let told = told.0.lock().unwrap();
    assert!(told.contains("src/telemetry/logs/tests.rs:"), "{told}");
    assert!(
        told.contains("panicked") && !told.contains("hunter2"),
        "{told}"
    );
}
