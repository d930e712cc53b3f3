//! `[identity]` and its headers: which claims the upstream is told, and under which names.

use std::sync::Arc;

use http::HeaderName;

use super::headers;
use crate::config::fault::Fault;
use crate::config::model::{Authorization, Identity};
use crate::config::raw::Span;
use crate::config::raw::Value;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::identity::{Fact, IdentityHeader, ListStyle, Part, Plan, Template};

/// A header and where it is written.
#[derive(Clone)]
pub(super) struct Written {
    header: IdentityHeader,
    span: Span,
}

/// What holds on every route.
pub(super) struct Globals {
    headers: Vec<Written>,
    list_separator: String,
}

/// Reads `[identity]`, and `[identity.headers]` below it.
pub(super) fn identity(mut table: Table<'_>) -> (Identity, Globals) {
    let identity = Identity {
        authorization: table.or(
            "authorization",
            |item| {
                item.one_of(&[
                    ("strip", Authorization::Strip),
                    ("forward", Authorization::Forward),
                ])
            },
            Authorization::Strip,
        ),
        remove: table.or(
            "remove",
            |item| item.each("a list of header names", headers::removable),
            Vec::new(),
        ),
    };
    let globals = Globals {
        headers: written(table.below("headers", "identity.headers")),
        list_separator: table.or("list_separator", separator, ",".to_owned()),
    };
    table.finish();
    (identity, globals)
}

/// What stands between the items of a joined list. It is percent-encoded inside an item, so it can't be what an encoding
/// is made of, nor anything that a header value doesn't take.
fn separator(item: Item<'_>) -> Option<String> {
    item.parsed("punctuation such as \",\" or \"; \", without %", |text| {
        let fits =
            |byte: u8| matches!(byte, 0x20..=0x7E) && byte != b'%' && !byte.is_ascii_alphanumeric();
        text.bytes().all(fits).then(|| text.to_owned())
    })
}

/// Reads a table of identity headers: `[identity.headers]`, or a route's own.
pub(super) fn written(table: Table<'_>) -> Vec<Written> {
    let at = table.at;
    let mut all: Vec<Written> = Vec::new();
    for item in table.names() {
        let Some(name) = header_name(item) else {
            continue;
        };
        let folded = headers::folded(name.as_str());
        if let Some(known) = all.iter().find(|known| known.folded() == folded) {
            at.tell(same(item.key_span.clone(), known));
            continue;
        }
        if let Some(header) = header(item, name) {
            let span = item.key_span.clone();
            all.push(Written { header, span });
        }
    }
    all
}

impl Written {
    fn folded(&self) -> String {
        headers::folded(self.header.name.as_str())
    }
}

fn same(span: Span, known: &Written) -> Fault {
    Fault::at(
        span,
        "two identity headers have one name",
        "the same name to many a service",
    )
    .with_related(known.span.clone(), "the other one")
    .with_help("letter case, `_` and `-` make no difference to a service behind CGI or WSGI")
}

fn header_name(item: Item<'_>) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(item.key.as_bytes()) else {
        return item.tell(Fault::at(
            item.key_span.clone(),
            "this is no name of a header",
            "expected letters, digits and hyphens",
        ));
    };
    match headers::unfit(&name) {
        Some(why) => item.tell(
            Fault::at(
                item.key_span.clone(),
                format!("`{}` cannot carry identity", item.key),
                "expected another name, such as X-User",
            )
            .with_help(why),
        ),
        None => Some(name),
    }
}

fn header(item: Item<'_>, name: HeaderName) -> Option<IdentityHeader> {
    let Value::Table(_) = &item.node.value else {
        return Some(IdentityHeader {
            name,
            alternatives: alternatives(item)?,
            required: false,
            list: ListStyle::Join,
        });
    };
    let mut table = item.table(&format!("`{}`", item.key), "identity.header")?;
    let expected = "expected `value`: a claim, a template, or a list of them";
    let alternatives = table.required("value", expected, alternatives);
    let required = table.or("required", Item::boolean, false);
    let list = table.or(
        "list",
        |item| {
            item.one_of(&[
                ("join", ListStyle::Join),
                ("json", ListStyle::Json),
                ("repeat", ListStyle::Repeat),
            ])
        },
        ListStyle::Join,
    );
    table.finish();
    Some(IdentityHeader {
        name,
        alternatives: alternatives?,
        required,
        list,
    })
}

/// One template, or several of which the first that is whole is taken.
fn alternatives(item: Item<'_>) -> Option<Vec<Template>> {
    match &item.node.value {
        Value::List(_) => item.some("a list of claims and templates", template),
        _ => template(item).map(|one| vec![one]),
    }
}

fn template(item: Item<'_>) -> Option<Template> {
    let Value::String(text) = &item.node.value else {
        return item
            .mistyped("a claim, a template such as \"client:{client_id}\", or a list of them");
    };
    match Template::parse(text) {
        Ok(template) => Some(template),
        // The sentence may repeat the value: not one from the environment, nor one that a quote left open has swallowed.
        Err(_) if item.node.interpolated || text.contains(char::is_control) => item.refuse(
            format!("`{}` has no such value", item.key),
            "expected a claim, a fact such as @pool, or a template of them",
        ),
        Err(why) => item.refuse(format!("`{}` has no such value", item.key), why),
    }
}

/// Plans, each distinct one once: the principal remembers its headers by plan.
pub(super) struct Plans<'g> {
    globals: &'g Globals,
    made: Vec<Arc<Plan>>,
}

impl<'g> Plans<'g> {
    /// No plan yet.
    pub(super) fn new(globals: &'g Globals) -> Plans<'g> {
        Plans {
            globals,
            made: Vec::new(),
        }
    }

    /// The plan of the route `name`: the global headers, where its own of the same name take their place, then its own.
    pub(super) fn of(&mut self, name: &Arc<str>, own: &[Written], table: &Table<'_>) -> Arc<Plan> {
        let mut headers = Vec::new();
        for global in &self.globals.headers {
            let replaced = own.iter().any(|own| own.header.name == global.header.name);
            let twin = own.iter().find(|own| own.folded() == global.folded());
            match twin {
                _ if replaced => {}
                Some(own) => table.at.tell(same(own.span.clone(), global)),
                None => headers.push(global.header.clone()),
            }
        }
        headers.extend(own.iter().map(|own| own.header.clone()));
        let tells_route = headers
            .iter()
            .flat_map(|header| &header.alternatives)
            .flat_map(|template| &template.0)
            .any(|part| *part == Part::Fact(Fact::Route));
        let plan = Plan {
            headers,
            list_separator: self.globals.list_separator.clone(),
            // Left out where nothing shows it, so that routes with the same headers share a plan.
            route: match tells_route {
                true => name.clone(),
                false => Arc::from(""),
            },
        };
        if let Some(known) = self.made.iter().find(|known| ***known == plan) {
            return known.clone();
        }
        let plan = Arc::new(plan);
        self.made.push(plan.clone());
        plan
    }
}
