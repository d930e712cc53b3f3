//! Templates of `[identity.headers]`: read from the configuration, filled from a principal.
//!
//! A template that lacks one of its claims gives nothing at all: half a name is somebody else's.

use std::borrow::Cow;

use http::HeaderValue;
use serde_json::Value;

use super::encode::{Encoder, Separator};
use super::{Fact, ListStyle, Part, Plan, Proof, Template};
use crate::token::Principal;
use crate::token::claims::ClaimName;

impl Template {
    /// Reads a value of `[identity.headers]`: a claim name, `@fact`, or a text with `{claim}` or `{@fact}` in it, where
    /// `{{` and `}}` are braces. The error is a sentence for the configuration's author.
    pub fn parse(text: &str) -> Result<Template, String> {
        if !text.contains(['{', '}']) {
            return Ok(Template(vec![parse_reference(text)?]));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at(at);
            let (brace, behind) = behind.split_at(1);
            literal.push_str(before);
            if let Some(behind) = behind.strip_prefix(brace) {
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            if brace == "}" {
                return Err("`}` closes nothing; a brace itself is written `}}`".to_owned());
            }
            let Some((inside, behind)) = behind.split_once('}') else {
                return Err("`{` is never closed; a brace itself is written `{{`".to_owned());
            };
            push_text(&mut parts, &mut literal)?;
            parts.push(parse_reference(inside)?);
            rest = behind;
        }
        literal.push_str(rest);
        push_text(&mut parts, &mut literal)?;
        Ok(Template(parts))
    }

    /// The header's lines, or nothing if the template is not whole.
    pub(super) fn fill(
        &self,
        plan: &Plan,
        list: ListStyle,
        proof: Proof<'_>,
    ) -> Option<Vec<HeaderValue>> {
        if let ([part], ListStyle::Repeat) = (&*self.0, list)
            && let Some(items) = items(part, proof)
        {
            let lines: Vec<HeaderValue> = items.iter().filter_map(fill_line).collect();
            return (!lines.is_empty()).then_some(lines);
        }
        let mut line = Encoder::default();
        for part in &self.0 {
            match part {
                Part::Text(text) => line.push(text, Separator::NONE),
                Part::Fact(fact) => push_fact(&mut line, *fact, plan, list, proof).then_some(())?,
                Part::Claim(name) => {
                    push_claim(&mut line, name, plan, list, proof.principal?).then_some(())?;
                }
            }
        }
        Some(vec![line.finish()])
    }
}

/// The items of a claim or fact that is a list.
fn items<'a>(part: &Part, proof: Proof<'a>) -> Option<Cow<'a, [Value]>> {
    match part {
        Part::Claim(name) => claimed(proof.principal?, name).map(Cow::Borrowed),
        Part::Fact(Fact::TlsSan) => Some(san(proof)?.into()),
        Part::Fact(_) | Part::Text(_) => None,
    }
}

fn san(proof: Proof<'_>) -> Option<Vec<Value>> {
    let names = proof.certificate?.san.iter();
    Some(names.map(|name| Value::from(name.as_str())).collect())
}

/// Adds what the sidecar knows; tells whether it knows anything.
fn push_fact(
    line: &mut Encoder,
    fact: Fact,
    plan: &Plan,
    list: ListStyle,
    proof: Proof<'_>,
) -> bool {
    let text: &str = match (fact, proof.principal, proof.certificate) {
        (Fact::Pool, Some(principal), _) => &principal.pool.name,
        (Fact::Kind, Some(principal), _) => kind(principal),
        (Fact::Route, ..) => &plan.route,
        (Fact::TlsSubject, _, Some(certificate)) => &certificate.subject,
        (Fact::TlsSan, _, Some(_)) => {
            let Some(names) = san(proof).filter(|names| !names.is_empty()) else {
                return false;
            };
            if list == ListStyle::Json {
                line.push_json(&Value::Array(names), Separator::NONE);
                return true;
            }
            return line.push_list(&names, &plan.list_separator);
        }
        _ => return false,
    };
    line.push(text, Separator::NONE);
    !text.is_empty()
}

/// Moves a literal into `parts`, if it is fit for a header.
fn push_text(parts: &mut Vec<Part>, literal: &mut String) -> Result<(), String> {
    if !literal.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("text in a header is printable ASCII alone".to_owned());
    }
    if !literal.is_empty() {
        parts.push(Part::Text(std::mem::take(literal)));
    }
    Ok(())
}

/// What stands alone or between braces.
fn parse_reference(text: &str) -> Result<Part, String> {
    match text {
        "@pool" => Ok(Part::Fact(Fact::Pool)),
        "@kind" => Ok(Part::Fact(Fact::Kind)),
        "@route" => Ok(Part::Fact(Fact::Route)),
        "@tls.subject" => Ok(Part::Fact(Fact::TlsSubject)),
        "@tls.san" => Ok(Part::Fact(Fact::TlsSan)),
        _ if text.starts_with('@') => Err(format!(
            "unknown fact `{}`; known are @pool, @kind, @route, @tls.subject and @tls.san",
            text.escape_debug()
        )),
        "" => Err("expected a claim's name, found nothing".to_owned()),
        _ if text.trim() != text
            || text.contains(|char: char| char == '{' || char.is_control()) =>
        {
            Err(format!("`{}` is no claim's name", text.escape_debug()))
        }
        _ => Ok(Part::Claim(ClaimName::new(text))),
    }
}

/// One line of a repeated header. A comma is as good as a new line to most servers (RFC 9110 §5.3).
fn fill_line(item: &Value) -> Option<HeaderValue> {
    let mut line = Encoder::default();
    line.push_item(item, Separator::COMMA)
        .then(|| line.finish())
}

/// Adds a claim's value; tells whether there was anything to add.
fn push_claim(
    line: &mut Encoder,
    name: &ClaimName,
    plan: &Plan,
    list: ListStyle,
    principal: &Principal,
) -> bool {
    match (claimed(principal, name), list) {
        (Some(items), ListStyle::Join | ListStyle::Repeat) => {
            line.push_list(items, &plan.list_separator)
        }
        (Some(items), ListStyle::Json) => {
            line.push_json(&Value::from(items), Separator::NONE);
            true
        }
        (None, _) => {
            (principal.told(name)).is_some_and(|value| line.push_item(value, Separator::NONE))
        }
    }
}

/// The items of a claim that is a list. A group claim that is one string is a list of one: it must not be read as several
/// behind (C14).
fn claimed<'p>(principal: &'p Principal, name: &ClaimName) -> Option<&'p [Value]> {
    match principal.told(name)? {
        Value::Array(items) => Some(items),
        group @ Value::String(_) if name.as_str() == principal.pool.groups_claim => {
            Some(std::slice::from_ref(group))
        }
        _ => None,
    }
}

/// `user` or `machine`. A user's token names its user; a client's own token (`client_credentials`) has the client as `sub`.
fn kind(principal: &Principal) -> &'static str {
    let claims = &principal.claims;
    let names_user = ["username", "cognito:username"]
        .iter()
        .any(|name| claims.get(name).is_some());
    match names_user || principal.sub.is_some() && principal.sub != principal.client_id {
        true => "user",
        false => "machine",
    }
}
