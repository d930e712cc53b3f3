//! What is wrong with a configuration: every fault of one run, told with file, line, caret, expectation and nearest key.
//!
//! A secret never shows: not in a message (no value of the file or the environment is repeated in one), not in an excerpt
//! (`mask` blanks what may be a secret, on every line that is shown), not in `Debug`, which leaves the text out.

pub mod mask;

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What is wrong, as one sentence without a full stop.
    pub message: String,
    /// What stands beside the caret: what was expected.
    pub expected: String,
    /// How to mend it, the nearest known key for a typo.
    pub help: Option<String>,
    /// Bytes of the text; `None` for what is missing from it altogether.
    pub span: Option<Range<usize>>,
    /// The other place that matters, and what it is.
    pub related: Option<(Range<usize>, String)>,
    /// Whether the value at the span may be a secret: it is blanked in the excerpt.
    pub secret: bool,
    /// Whether it is that something is not there: not to be told of a text that could not be read whole.
    pub absence: bool,
}

impl Fault {
    /// A fault of what stands at `span`.
    pub fn at(
        span: Range<usize>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> Fault {
        Fault {
            message: message.into(),
            expected: expected.into(),
            help: None,
            span: Some(span),
            related: None,
            secret: false,
            absence: false,
        }
    }

    /// Something that is not there: `span` is the table that should have it, if that is there.
    pub fn missing(
        span: Option<Range<usize>>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> Fault {
        Fault {
            span,
            absence: true,
            ..Fault::at(0..0, message, expected)
        }
    }

    /// The same with how to mend it.
    pub fn with_help(self, help: impl Into<String>) -> Fault {
        Fault {
            help: Some(help.into()),
            ..self
        }
    }

    /// The same with the other place that matters.
    pub fn with_related(self, span: Range<usize>, what: impl Into<String>) -> Fault {
        Fault {
            related: Some((span, what.into())),
            ..self
        }
    }

    /// The same, its value blanked.
    pub fn blanked(self) -> Fault {
        Fault {
            secret: true,
            ..self
        }
    }
}

/// Every fault of one text.
#[derive(Clone, PartialEq)]
pub struct Faults {
    /// How the text is called.
    pub name: String,
    /// The text, for excerpts.
    pub text: String,
    /// In the order of the text; what has no place in it comes last.
    pub faults: Vec<Fault>,
    /// Strings of the text that may be secrets, beside those of the faults themselves.
    pub secrets: Vec<Range<usize>>,
}

impl Faults {
    /// Puts the faults in order, once each.
    pub fn new(
        name: &str,
        text: &str,
        mut faults: Vec<Fault>,
        secrets: Vec<Range<usize>>,
    ) -> Faults {
        faults.sort_by_key(|fault| fault.span.as_ref().map_or(usize::MAX, |span| span.start));
        let mut once: Vec<Fault> = Vec::with_capacity(faults.len());
        for fault in faults {
            let told = once
                .iter()
                .any(|known| known.span == fault.span && known.message == fault.message);
            if !told {
                once.push(fault);
            }
        }
        Faults {
            name: printable(name),
            text: text.to_owned(),
            faults: once,
            secrets,
        }
    }

    /// All faults as plain text.
    pub fn render(&self) -> String {
        self.render_with(&Renderer::plain())
    }

    /// All faults with colours, for a terminal.
    pub fn render_styled(&self) -> String {
        self.render_with(&Renderer::styled())
    }

    fn render_with(&self, renderer: &Renderer) -> String {
        let secrets = self.secrets.iter().cloned().chain(
            self.faults
                .iter()
                .filter(|fault| fault.secret)
                .filter_map(|fault| fault.span.clone()),
        );
        let masked = mask::Masked::new(&self.text, secrets.collect());
        let told: Vec<String> = self
            .faults
            .iter()
            .map(|fault| renderer.render(&[self.group(fault, &masked)]).to_string())
            .collect();
        let count = match self.faults.len() {
            1 => "1 fault".to_owned(),
            more => format!("{more} faults"),
        };
        format!("{}\n\n{}: {count}\n", told.join("\n\n"), self.name)
    }

    fn group<'f>(&'f self, fault: &'f Fault, masked: &'f mask::Masked) -> Group<'f> {
        let title = Level::ERROR.primary_title(printable(&fault.message));
        let group = match &fault.span {
            None => title
                .element(Origin::path(self.name.as_str()))
                .element(Level::NOTE.message(printable(&fault.expected))),
            Some(span) => {
                let primary = AnnotationKind::Primary
                    .span(masked.span(span))
                    .label(printable(&fault.expected));
                let related = fault.related.as_ref().map(|(span, what)| {
                    AnnotationKind::Context
                        .span(masked.span(span))
                        .label(printable(what))
                });
                title.element(
                    Snippet::source(masked.text())
                        .path(self.name.as_str())
                        .annotation(primary)
                        .annotations(related),
                )
            }
        };
        group.elements(
            fault
                .help
                .iter()
                .map(|help| Level::HELP.message(printable(help))),
        )
    }
}

/// Keys are repeated in messages, and a quoted key may hold anything: control characters never reach a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { '\u{FFFD}' } else { char })
        .collect()
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render())
    }
}

impl std::error::Error for Faults {}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("name", &self.name)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
