//! The sample service believes what it is told: that is what it is for.

use http::{Request, Response};

use super::*;
use crate::demo::pool::tests::exchange;

fn send(service: &Legacy, request: Request<&str>) -> Response<String> {
    exchange(request, |head, body| service.answer(head, body))
}

fn get(path: &str) -> Response<String> {
    let request = Request::get(path)
        .header("X-User", "alice")
        .header("X-Groups", "a")
        .header("X-Groups", "b")
        .body("");
    let service = Legacy::new("<h1>page</h1>".to_owned());
    send(&service, request.expect("a request"))
}

#[test]
fn it_tells_what_it_was_sent_and_believes_it() {
    for path in ["/orders", "/orders/1", "/reports", "/admin"] {
        let answer = get(path);
        assert_eq!(answer.status(), 200, "{path}");
        let told: Value = serde_json::from_str(answer.body()).expect("JSON");
        assert_eq!(told["caller"], json!("alice"));
        assert_eq!(
            told["headers"],
            json!({ "x-user": "alice", "x-groups": "a, b" })
        );
    }
}

#[test]
fn whoami_is_text_for_people_and_json_on_demand() {
    insta::assert_snapshot!(get("/whoami").body(), @r"
    You are alice. What I was sent:
      x-user: alice
      x-groups: a
      x-groups: b
    ");
    let request = Request::get("/whoami").header(ACCEPT, JSON).body("");
    let answer = send(&Legacy::new(String::new()), request.expect("a request"));
    let told: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(told["caller"], json!("anonymous"));
}

#[test]
fn the_page_and_health_are_as_a_browser_and_a_probe_expect() {
    let page = get("/");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.body(), "<h1>page</h1>");
    assert_eq!(get("/health").body(), "ok\n");
}

#[test]
fn orders_are_booked_and_the_book_does_not_grow_for_ever() {
    let service = Legacy::new(String::new());
    let order = |body| {
        let request = Request::post("/orders").body(body).expect("a request");
        send(&service, request)
    };
    let answer = order(r#"{"item": "tea", "quantity": 2}"#);
    assert_eq!(answer.status(), 201);
    let told: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(
        told["order"],
        json!({ "id": 4, "item": "tea", "quantity": 2 })
    );
    for _ in 0..ORDERS {
        order(r#"{"item": "tea", "quantity": 18446744073709551615}"#);
    }
    assert_eq!(service.book().len(), ORDERS);
    for bad in ["", "tea", "[]", r#"{"item": "tea", "quantity": -1}"#] {
        assert_eq!(order(bad).status(), 400, "{bad}");
    }
    let request = Request::get("/reports").body("").expect("a request");
    assert_eq!(send(&service, request).status(), 200);
}

#[test]
fn what_it_does_not_have_it_refuses() {
    for path in ["/orders/99", "/orders/x", "/orders/1/2", "/favicon.ico"] {
        assert_eq!(get(path).status(), 404, "{path}");
    }
    for path in ["/", "/orders", "/orders/1", "/reports"] {
        let request = Request::delete(path).body("").expect("a request");
        let answer = send(&Legacy::new(String::new()), request);
        assert_eq!(answer.status(), 405, "{path}");
    }
}

#[test]
fn the_account_is_a_page_that_says_who_one_is_and_lets_one_sign_out() {
    let request = Request::get("/account")
        .header("X-User", "<b>alice</b>")
        .header("X-Email", "alice@example.com")
        .header("Cookie", "\"<script>&")
        .body("")
        .expect("a request");
    let page = send(&Legacy::new(String::new()), request);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let html = page.body();
    assert!(html.contains(r#"<span id="caller">&lt;b&gt;alice&lt;/b&gt;</span>"#));
    assert!(
        html.contains(r#"<tr class="identity"><td>x-email</td><td>alice@example.com</td></tr>"#)
    );
    assert!(html.contains(r#"<td>cookie</td><td>&quot;&lt;script&gt;&amp;</td>"#));
    assert!(html.contains(r#"<form method="post" action="/_portcullis/logout">"#));
    assert!(!html.contains("<script") && !html.contains("%HEADERS%"));
    let request = Request::get("/account").body("").expect("a request");
    let page = send(&Legacy::new(String::new()), request);
    assert!(page.body().contains(">anonymous</span>"));
}
