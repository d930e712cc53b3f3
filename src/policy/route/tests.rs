//! What the table answers: tables by rule of the contract, then properties against a linear oracle.

mod find;
mod oracle;
mod pattern;

use std::sync::Arc;

use super::*;
use crate::policy::path;

/// A route with this key, which asks for nothing.
fn route(key: &str) -> Route {
    let pattern = match Pattern::parse(key) {
        Ok(pattern) => pattern,
        Err(fault) => fail(&format!("{key}: {fault:?}")),
    };
    route_of(key, pattern)
}

fn route_of(name: &str, pattern: Pattern) -> Route {
    Route {
        name: name.into(),
        pattern,
        access: Access::Public,
        pools: None,
        token_use: None,
        client_ids: None,
        login: false,
        rule: Rule::default(),
        client_cert: None,
        mode: Mode::Enforce,
        upstream: 0,
        strip_prefix: None,
        add_prefix: None,
        headers: Arc::default(),
        timeout: None,
        body_bytes: None,
        method_override: false,
        allow_paths: Kinds::NONE,
    }
}

fn routes(keys: &[&str]) -> Vec<Route> {
    keys.iter().map(|key| route(key)).collect()
}

fn compile(routes: &[Route], case: Case, admitted: Kinds) -> RouteTable {
    match RouteTable::compile(routes, case, admitted) {
        Ok(table) => table,
        Err(conflicts) => fail(&format!("{conflicts:?}")),
    }
}

#[allow(clippy::panic)]
fn fail(message: &str) -> ! {
    panic!("{message}")
}

/// A table and its routes, asked as a request asks: one line of text in, one out.
struct Gate {
    routes: Vec<Route>,
    table: RouteTable,
}

impl Gate {
    fn new(keys: &[&str]) -> Gate {
        Gate::with(routes(keys), Case::Sensitive, Kinds::NONE)
    }

    fn with(routes: Vec<Route>, case: Case, admitted: Kinds) -> Gate {
        let table = compile(&routes, case, admitted);
        Gate { routes, table }
    }

    /// `METHOD host/path` → the route's key, or what else was found.
    fn ask(&self, request: &str) -> String {
        let (method, target) = request.split_once(' ').unwrap_or(("GET", request));
        let (host, path) = target.split_at(target.find('/').unwrap_or(0));
        let readings = match path::read(path, self.table.admitted()) {
            Ok(readings) => readings,
            Err(refusal) => return format!("refused: {}", refusal.reason),
        };
        match self.table.find(&self.routes, method, host, &readings) {
            Found::Route(index) => self.routes[index].name.to_string(),
            Found::Ambiguous => "ambiguous".to_owned(),
            Found::MethodNotAllowed(allow) => format!("allow: {allow}"),
            Found::Nothing => "nothing".to_owned(),
        }
    }

    fn assert(&self, table: &[(&str, &str)]) {
        for (request, expected) in table {
            assert_eq!(self.ask(request), *expected, "{request}");
        }
    }
}
