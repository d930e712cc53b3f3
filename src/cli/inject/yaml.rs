//! YAML as a tree of nodes that know where they stand in the text. Nothing here interprets a scalar: what is not edited
//! stays as it was written, comments and quotes and the meaning that YAML 1.1 gives to `yes` and `0644` included.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Nesting beyond this is no manifest.
const DEPTH_MAX: usize = 128;

/// A node, at byte offsets of the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Scalar {
        value: String,
        /// Neither quoted nor a block.
        plain: bool,
    },
    Map {
        entries: Vec<(Node, Node)>,
        /// `{…}`, as in JSON.
        flow: bool,
    },
    List {
        items: Vec<Node>,
        flow: bool,
    },
    Alias,
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// A key and its value.
    pub(super) fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.entries()
            .iter()
            .find(|(name, _)| name.text() == Some(key))
            .map(|(name, value)| (name, value))
    }

    /// What is found by following keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(super) fn entries(&self) -> &[(Node, Node)] {
        match &self.content {
            Content::Map { entries, .. } => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List { items, .. } => items,
            _ => &[],
        }
    }

    /// A scalar as it reads, whatever type it has.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { value, plain: true } if ["", "~", "null", "Null", "NULL"].contains(&value.as_str()))
    }
}

/// Why a text is no YAML, and where: line and column count from 1.
#[derive(Debug, PartialEq)]
pub(super) struct ParseFault {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) says: String,
}

/// A collection whose end has not come yet.
struct Open {
    start: usize,
    anchored: bool,
    map: bool,
    children: Vec<Node>,
}

/// The documents of a text. An empty one is a null.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, ParseFault> {
    // The parser counts characters.
    let offsets: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    let offset = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| fault(error.marker(), error.info()))?;
        let (start, end) = (offset(span.start.index()), offset(span.end.index()));
        let content = match event {
            Event::Scalar(value, style, ..) => Content::Scalar {
                value: value.into_owned(),
                plain: style == ScalarStyle::Plain,
            },
            Event::Alias(_) => Content::Alias,
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if open.len() < DEPTH_MAX =>
            {
                open.push(Open {
                    start,
                    anchored: anchor != 0,
                    map: matches!(event, Event::MappingStart(..)),
                    children: Vec::new(),
                });
                continue;
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                return Err(fault(&span.start, "nested too deeply"));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = open.pop() else { continue };
                let node = close(closed, start, end, &text[start..end]);
                keep(node, &mut open, &mut documents);
                continue;
            }
            _ => continue,
        };
        let node = Node {
            start,
            end,
            content,
        };
        keep(node, &mut open, &mut documents);
    }
    Ok(documents)
}

fn keep(node: Node, open: &mut [Open], documents: &mut Vec<Node>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None => documents.push(node),
    }
}

/// A collection in `{…}` or `[…]` ends with its bracket; one in lines ends with nothing.
fn close(closed: Open, start: usize, end: usize, bracket: &str) -> Node {
    let flow = matches!(bracket, "}" | "]");
    // A collection in lines begins with its first child, whatever stands before it.
    let begins = match closed.children.first() {
        Some(first) if closed.map && !flow && closed.anchored => first.start,
        _ => closed.start,
    };
    let content = if closed.map {
        let mut entries = Vec::with_capacity(closed.children.len() / 2);
        let mut children = closed.children.into_iter();
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            entries.push((key, value));
        }
        Content::Map { entries, flow }
    } else {
        Content::List {
            items: closed.children,
            flow,
        }
    };
    Node {
        start: begins,
        end: if flow { end } else { start },
        content,
    }
}

fn fault(at: &saphyr_parser::Marker, says: &str) -> ParseFault {
    ParseFault {
        line: at.line(),
        column: at.col() + 1,
        says: says.to_owned(),
    }
}
