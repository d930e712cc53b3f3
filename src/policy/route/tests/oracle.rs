//! The table against an oracle that looks at every pattern, and compares those that match two by two.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

fn segment() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "A", "{p}", "{q}"]).prop_map(str::to_owned)
}

fn key() -> impl Strategy<Value = String> {
    let methods = prop::sample::select(vec!["", "", "GET ", "HEAD ", "POST ", "GET,POST ", "PUT "]);
    let hosts = prop::sample::select(vec!["", "", "", "h.x", "*.x", "*.h.x"]);
    let rest = prop::sample::select(vec!["", "", "/{*r}", "/"]);
    let path = prop::collection::vec(segment(), 0..4);
    (methods, hosts, path, rest).prop_map(|(methods, host, path, rest)| {
        // Names must be unique within a pattern.
        let path: String = path
            .iter()
            .enumerate()
            .map(|(at, segment)| format!("/{}", segment.replace('}', &format!("{at}}}"))))
            .collect();
        match format!("{path}{rest}").as_str() {
            "" => format!("{methods}{host}/"),
            path => format!("{methods}{host}{path}"),
        }
    })
}

fn request() -> impl Strategy<Value = (String, String, String)> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "get"]);
    let host = prop::sample::select(vec!["h.x", "x", "g.x", "g.h.x", "y", ""]);
    let segment = prop::sample::select(vec!["a", "b", "A", "B", "c"]);
    let path = prop::collection::vec(segment, 0..4);
    (method, host, path, any::<bool>()).prop_map(|(method, host, path, slash)| {
        let mut text = format!("/{}", path.join("/"));
        if slash && !path.is_empty() {
            text.push('/');
        }
        (method.to_owned(), host.to_owned(), text)
    })
}

fn fits(pattern: &Pattern, host: &str, path: &[&str]) -> bool {
    if pattern
        .host
        .as_ref()
        .is_some_and(|wanted| !wanted.matches(host))
    {
        return false;
    }
    let segments = &pattern.segments;
    let open = matches!(segments.last(), Some(Segment::Rest(_)));
    let fixed = segments.len() - usize::from(open);
    let length = if open {
        path.len() >= fixed
    } else {
        path.len() == fixed
    };
    length
        && segments
            .iter()
            .zip(path)
            .all(|(segment, text)| match segment {
                Segment::Literal(literal) => literal == text,
                _ => true,
            })
}

/// `Less` is more specific.
fn compare(one: &Pattern, other: &Pattern) -> Ordering {
    let host = |pattern: &Pattern| match &pattern.host {
        Some(Host::Exact(_)) => (0, 0),
        Some(Host::Below(domain)) => (1, usize::MAX - domain.len()),
        None => (2, 0),
    };
    // The end of a pattern goes before a rest that takes nothing.
    let rank = |pattern: &Pattern, at: usize| match pattern.segments.get(at) {
        Some(Segment::Literal(_)) | None => 0,
        Some(Segment::Parameter(_)) => 1,
        Some(Segment::Rest(_)) => 2,
    };
    let length = one.segments.len().max(other.segments.len());
    host(one).cmp(&host(other)).then_with(|| {
        (0..length)
            .map(|at| rank(one, at).cmp(&rank(other, at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    })
}

/// What is chosen among all patterns, where several are possible only when case was folded.
fn choose(patterns: &[Pattern], method: &str, host: &str, path: &[&str]) -> Found {
    let fitting: Vec<usize> = (0..patterns.len())
        .filter(|at| fits(&patterns[*at], host, path))
        .collect();
    let best: Vec<usize> = fitting
        .iter()
        .copied()
        .filter(|at| {
            fitting
                .iter()
                .all(|other| compare(&patterns[*at], &patterns[*other]).is_le())
        })
        .collect();
    if best.is_empty() {
        return Found::Nothing;
    }
    let naming = |named: fn(&[String], &str) -> bool| -> Vec<usize> {
        best.iter()
            .copied()
            .filter(|at| named(&patterns[*at].methods, method))
            .collect()
    };
    let has = |methods: &[String], method: &str| methods.iter().any(|known| known == method);
    let levels = [
        naming(|methods, method| {
            methods.iter().any(|known| known == method)
                && (method != "HEAD" || !methods.iter().any(|known| known == "GET"))
        }),
        naming(|methods, method| methods.iter().any(|known| known == method)),
        naming(|methods, _| methods.is_empty()),
    ];
    for takers in levels {
        match takers.as_slice() {
            [] => {}
            [one] => return Found::Route(*one),
            _ => return Found::Ambiguous,
        }
    }
    let mut allow: Vec<&str> = best
        .iter()
        .flat_map(|at| &patterns[*at].methods)
        .map(String::as_str)
        .collect();
    allow.sort_unstable();
    allow.dedup();
    assert!(!best.iter().any(|at| has(&patterns[*at].methods, method)));
    Found::MethodNotAllowed(allow.join(", "))
}

fn folded(pattern: &Pattern) -> Pattern {
    let mut pattern = pattern.clone();
    for segment in &mut pattern.segments {
        if let Segment::Literal(text) = segment {
            text.make_ascii_lowercase();
        }
    }
    pattern
}

/// Keeps the routes that are told apart from all before them.
fn distinct(keys: Vec<String>, case: Case) -> Vec<Route> {
    let mut kept: Vec<Route> = Vec::new();
    for key in keys {
        kept.push(route(&key));
        if RouteTable::compile(&kept, case, Kinds::NONE).is_err() {
            kept.pop();
        }
    }
    kept
}

fn expected(routes: &[Route], case: Case, request: &(String, String, String)) -> Found {
    let (method, host, path) = request;
    let lower = path.to_ascii_lowercase();
    let as_written: Vec<Pattern> = routes.iter().map(|route| route.pattern.clone()).collect();
    let as_folded: Vec<Pattern> = as_written.iter().map(folded).collect();
    let written = |patterns: &[Pattern], path: &str| {
        let path: Vec<&str> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        choose(patterns, method, host, &path)
    };
    match case {
        Case::Sensitive => written(&as_written, path),
        Case::Insensitive => written(&as_folded, &lower),
        Case::Guard => {
            let found = written(&as_written, path);
            if found == written(&as_folded, &lower) {
                found
            } else {
                Found::Ambiguous
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn find_agrees_with_an_oracle_that_compares_all_patterns(
        keys in prop::collection::vec(key(), 0..12),
        requests in prop::collection::vec(request(), 8),
        case in prop::sample::select(vec![Case::Guard, Case::Insensitive, Case::Sensitive]),
    ) {
        let routes = distinct(keys, case);
        let table = compile(&routes, case, Kinds::NONE);
        for request in requests {
            let (method, host, path) = &request;
            let readings = path::read(path, Kinds::NONE);
            prop_assert!(readings.is_ok());
            let Ok(readings) = readings else { continue };
            let found = table.find(&routes, method, host, &readings);
            let wanted = expected(&routes, case, &request);
            let names: Vec<&str> = routes.iter().map(|route| &*route.name).collect();
            prop_assert_eq!(found, wanted, "{:?} of {:?}", request, names);
        }
    }

    #[test]
    fn conflicts_are_patterns_equal_but_for_names_and_methods(one in key(), other in key()) {
        let pair = [route(&one), route(&other)];
        let [one, other] = [&pair[0].pattern, &pair[1].pattern];
        let names_apart = |pattern: &Pattern| -> Vec<Segment> {
            pattern.segments.iter().map(|segment| match segment {
                Segment::Literal(text) => Segment::Literal(text.clone()),
                Segment::Parameter(_) => Segment::Parameter(String::new()),
                Segment::Rest(_) => Segment::Rest(String::new()),
            }).collect()
        };
        let common = |method: &str| {
            one.methods.iter().any(|known| known == method) && other.methods.iter().any(|known| known == method)
        };
        let methods = (one.methods.is_empty() && other.methods.is_empty())
            || ["GET", "POST", "PUT"].into_iter().any(common)
            || (one.methods == ["HEAD"] && other.methods == ["HEAD"]);
        let wanted = one.host == other.host && names_apart(one) == names_apart(other) && methods;
        let compiled = RouteTable::compile(&pair, Case::Guard, Kinds::NONE);
        prop_assert_eq!(compiled.is_err(), wanted);
    }

    #[test]
    fn parameters_of_a_match_spell_its_path(key in key(), request in request()) {
        let routes = [route(&key)];
        let table = compile(&routes, Case::Sensitive, Kinds::NONE);
        let pattern = &routes[0].pattern;
        let (_, host, path) = &request;
        let method = pattern.methods.first().map_or("GET", String::as_str);
        let Ok(readings) = path::read(path, Kinds::NONE) else { return Ok(()) };
        if table.find(&routes, method, host, &readings) == Found::Route(0) {
            let spelt: Vec<&str> = pattern.segments.iter().map(|segment| match segment {
                Segment::Literal(text) => text,
                Segment::Parameter(name) | Segment::Rest(name) => {
                    pattern.parameter(&readings.first, name).unwrap_or("none")
                }
            }).collect();
            let spelt = spelt.join("/");
            prop_assert_eq!(spelt.trim_end_matches('/'), path.trim_matches('/'));
        }
    }

    #[test]
    fn no_text_makes_a_pattern_or_a_host_panic(text in "\\PC*", ascii in "[ -~]{0,24}") {
        for text in [text, ascii] {
            for text in [text.clone(), format!("GET h/{text}"), format!("GET {text}/x")] {
                let _ = normalise_host(&text);
                if let Err(fault) = Pattern::parse(&text) {
                    prop_assert!(text.get(fault.span.clone()).is_some(), "{:?} {:?}", text, fault);
                }
            }
        }
    }
}
