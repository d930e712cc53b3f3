//! A browser, and a stand-in for the pool's pages and its token endpoint: enough to sign in, be renewed and sign out.
//!
//! The browser keeps cookies as RFC 6265 says and sends what browsers send with them; the pool checks what a pool checks (the
//! PKCE verifier, the redirect URI, a code used once) and can be told to go wrong.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use super::mint::{self, CLIENT, SUB, a1, access, b64, id, jwks, now};
use super::recorder::{Answer, Recorded, Recorder};
use super::rig::{Rig, Setup};
use super::{Gate, Request, Response, get};

/// What browsers call the gate in these tests.
pub const ORIGIN: &str = "https://app.example.com";
/// The session's cookie.
pub const COOKIE: &str = "__Host-portcullis";
/// 32 bytes.
pub const KEY_1: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// 32 others.
pub const KEY_2: &str = "/v38+/r5+Pf29fTz8vHw7+7t7Ovq6ejn5uXk4+Lh4N8=";

/// What the pool was told to do.
pub struct Wishes {
    /// How long its tokens live, in seconds.
    pub life: i64,
    /// Whether a refresh token is good once.
    pub rotates: bool,
    /// Whether there is a refresh token at all.
    pub refreshes: bool,
    /// Whose tokens it issues.
    pub sub: String,
    /// In which groups they are.
    pub groups: Vec<String>,
    /// Further claims of the access token.
    pub access: Vec<(&'static str, serde_json::Value)>,
    /// Claims of the ID token in place of what they should be; null takes one away.
    pub id: Vec<(&'static str, serde_json::Value)>,
    /// What the token endpoint answers whatever is asked.
    pub instead: Option<Answer>,
    codes: HashMap<String, HashMap<String, String>>,
    good: Vec<String>,
    issued: usize,
}

/// The pool.
pub struct Idp {
    recorder: Option<Recorder>,
    url: String,
    wishes: Arc<Mutex<Wishes>>,
}

impl Idp {
    /// One that does everything right, with tokens that live for an hour.
    pub fn start() -> Idp {
        let wishes = Arc::new(Mutex::new(Wishes {
            life: 3600,
            rotates: false,
            refreshes: true,
            sub: SUB.to_owned(),
            groups: Vec::new(),
            access: Vec::new(),
            id: Vec::new(),
            instead: None,
            codes: HashMap::new(),
            good: Vec::new(),
            issued: 0,
        }));
        let told = wishes.clone();
        let recorder = Recorder::answering(move |asked| {
            let mut wishes = told.lock().unwrap_or_else(PoisonError::into_inner);
            answer(&mut wishes, asked)
        });
        Idp {
            url: recorder.url(),
            recorder: Some(recorder),
            wishes,
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it is to do from now on.
    pub fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Someone signs in at its page: the target of the callback that their browser is sent to.
    pub fn grant(&self, authorize: &str) -> String {
        let asked = query(authorize);
        let mut wishes = self.wishes();
        wishes.issued += 1;
        let code = format!("code-{}", wishes.issued);
        let state = asked.get("state").cloned().unwrap_or_default();
        let back = asked["redirect_uri"].clone();
        wishes.codes.insert(code.clone(), asked);
        let path = &back[back.find("/_portcullis").expect("our own callback")..];
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &state)
            .finish();
        format!("{path}?{query}")
    }
}

/// The parameters of a URL.
pub fn query(url: &str) -> HashMap<String, String> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn answer(wishes: &mut Wishes, asked: &Recorded) -> Answer {
    let form: HashMap<String, String> = form_urlencoded::parse(&asked.body).into_owned().collect();
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    // A client with a secret says both in its header; which secret it is is not looked at.
    let has_secret = asked.header("authorization").is_some();
    match (asked.target(), &wishes.instead) {
        ("/jwks.json", _) => Answer::json(&jwks(&[a1()])),
        ("/oauth2/revoke", _) => {
            wishes.good.retain(|good| *good != field("token"));
            Answer::status(200, &[], "")
        }
        ("/oauth2/token", Some(instead)) => instead.clone(),
        ("/oauth2/token", None) => {
            let nonce = match &*field("grant_type") {
                "authorization_code" => {
                    let code = wishes.codes.remove(&field("code"));
                    let challenge =
                        b64(digest(&SHA256, field("code_verifier").as_bytes()).as_ref());
                    match code {
                        Some(code)
                            if code["code_challenge"] == challenge
                                && code["code_challenge_method"] == "S256"
                                && (code["client_id"] == field("client_id") || has_secret)
                                && code["redirect_uri"] == field("redirect_uri") =>
                        {
                            code.get("nonce").cloned()
                        }
                        _ => return refuse("invalid_grant"),
                    }
                }
                "refresh_token" if wishes.good.contains(&field("refresh_token")) => {
                    if wishes.rotates {
                        wishes.good.retain(|good| *good != field("refresh_token"));
                    }
                    None
                }
                "refresh_token" => return refuse("invalid_grant"),
                _ => return refuse("unsupported_grant_type"),
            };
            let renews = field("grant_type") == "refresh_token";
            Answer::json(&tokens(wishes, nonce, renews))
        }
        _ => Answer::status(404, &[], ""),
    }
}

fn refuse(error: &str) -> Answer {
    let body = serde_json::json!({ "error": error }).to_string();
    Answer::status(400, &[("content-type", "application/json")], &body)
}

fn tokens(wishes: &mut Wishes, nonce: Option<String>, renews: bool) -> serde_json::Value {
    wishes.issued += 1;
    let jti = format!("jti-{}", wishes.issued);
    let sub = wishes.sub.clone();
    let lasting = |token: mint::Token| {
        token
            .claim("iat", now() - 1)
            .claim("exp", now() - 1 + wishes.life)
            .claim("jti", jti.clone())
            .claim("sub", sub.clone())
    };
    let mut access = lasting(access()).scope("orders/read openid email");
    if !wishes.groups.is_empty() {
        access = access.claim("cognito:groups", wishes.groups.clone());
    }
    for (name, value) in &wishes.access {
        access = access.claim(name, value.clone());
    }
    let mut identity = lasting(id());
    if let Some(nonce) = nonce {
        identity = identity.claim("nonce", nonce);
    }
    for (name, value) in &wishes.id {
        identity = match value {
            serde_json::Value::Null => identity.without(name),
            value => identity.claim(name, value.clone()),
        };
    }
    let mut answer = serde_json::json!({
        "access_token": access.sign(), "id_token": identity.sign(), "token_type": "Bearer",
        "expires_in": wishes.life,
    });
    if wishes.refreshes && (!renews || wishes.rotates) {
        let refresh = format!("refresh-{}", wishes.issued);
        answer["refresh_token"] = refresh.clone().into();
        wishes.good.push(refresh);
    }
    answer
}

/// The gate, with a pool that people sign in at.
pub struct Site {
    /// The pool.
    pub idp: Idp,
    /// Everything else.
    pub rig: Rig,
}

/// Routes that let people sign in.
const ROUTES: &str = r#"
"/app/{*rest}" = { login = true }
"/staff" = { login = true, any_group = ["staff"] }
"/strong" = { login = true, acr = ["strong"] }
"/maybe" = { login = true, access = "optional" }
"/api" = {}
"#;

/// `[login]` for this pool, with this session key.
pub fn table(idp: &str, key: &str) -> String {
    format!(
        "[login]\npool = \"a\"\ndomain = \"{idp}\"\nclient_id = \"{CLIENT}\"\nafter_logout = \"{ORIGIN}/bye\"\n\
         session_key = {key}\n"
    )
}

impl Site {
    /// Behind a proxy that speaks HTTPS.
    pub fn start() -> Site {
        Site::with(|setup| setup)
    }

    /// The same, with a configuration that differs.
    pub fn with(change: impl FnOnce(Setup) -> Setup) -> Site {
        let idp = Idp::start();
        let key = format!("{{ file = \"{}\" }}", key_file(KEY_1));
        let setup = Setup::standard()
            .server(&format!(
                "external_url = \"{ORIGIN}\"\ntrusted_proxies = [\"127.0.0.1\"]\n"
            ))
            .routes(ROUTES)
            .also(&table(idp.url(), &key));
        Site::run(idp, &change(setup))
    }

    /// With this configuration of `[server]` and this session key.
    pub fn of(server: &str, key: &str) -> Site {
        let idp = Idp::start();
        let setup = Setup::standard()
            .server(server)
            .routes(ROUTES)
            .also(&table(idp.url(), key));
        Site::run(idp, &setup)
    }

    /// On loopback, over plain HTTP.
    pub fn on_loopback() -> Site {
        let idp = Idp::start();
        let key = format!("{{ file = \"{}\" }}", key_file(KEY_1));
        let setup = Setup::standard()
            .routes(ROUTES)
            .also(&table(idp.url(), &key));
        Site::run(idp, &setup)
    }

    fn run(mut idp: Idp, setup: &Setup) -> Site {
        let recorder = idp.recorder.take().expect("it was just started");
        let rig = setup.start_unready(recorder);
        rig.gate.wait_until_ready();
        Site { idp, rig }
    }

    /// A browser that has never been here.
    pub fn browser(&self) -> Browser {
        Browser::at(&self.rig.gate)
    }

    /// The forms that were posted to the token endpoint with this grant.
    pub fn granted(&self, grant: &str) -> usize {
        let wanted = format!("grant_type={grant}");
        let is_one = |asked: &Recorded| {
            asked.target() == "/oauth2/token"
                && String::from_utf8_lossy(&asked.body).contains(&wanted)
        };
        self.rig
            .keys_a
            .requests()
            .into_iter()
            .filter(is_one)
            .count()
    }

    /// How many requests came to this path of the pool.
    pub fn asked(&self, path: &str) -> usize {
        let requests = self.rig.keys_a.requests();
        requests
            .iter()
            .filter(|asked| asked.target() == path)
            .count()
    }
}

/// A file with a key in it, below the folder for tests.
pub fn key_file(key: &str) -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!(
        "key-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, key).expect("a file can be written");
    path.display().to_string()
}

/// A browser.
#[derive(Clone)]
pub struct Browser {
    /// Where the gate is.
    pub address: SocketAddr,
    /// Its cookies.
    pub cookies: Vec<(String, String)>,
    /// Whether it comes over HTTPS.
    pub https: bool,
}

impl Browser {
    /// One that has never been here.
    pub fn at(gate: &Gate) -> Browser {
        Browser {
            address: gate.address,
            cookies: Vec::new(),
            https: true,
        }
    }

    /// The same over plain HTTP.
    pub fn over_http(mut self) -> Browser {
        self.https = false;
        self
    }

    /// A request as this browser would send it.
    pub fn dress(&self, request: Request) -> Request {
        let mut request = request;
        if self.https {
            request = request.header("X-Forwarded-Proto", "https");
        }
        match self.cookie() {
            cookie if cookie.is_empty() => request,
            cookie => request.header("Cookie", &cookie),
        }
    }

    /// Its `Cookie` header.
    pub fn cookie(&self) -> String {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// Sends a request, and keeps what cookies its answer brings.
    pub fn send(&mut self, request: Request) -> Response {
        let answer = self.dress(request).send(self.address);
        self.keep(&answer);
        answer
    }

    /// Keeps the cookies of an answer (RFC 6265 §5.3).
    pub fn keep(&mut self, answer: &Response) {
        for line in answer.all("set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            self.cookies.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0;") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Somebody follows a link, or types an address.
    pub fn navigate(&mut self, target: &str) -> Response {
        self.send(navigation(target, "none"))
    }

    /// A page's script fetches.
    pub fn fetch(&mut self, target: &str) -> Response {
        self.send(fetch(get(target)))
    }

    /// Goes to a page and signs in on the way; what the callback answers.
    pub fn sign_in(&mut self, site: &Site, target: &str) -> Response {
        let sent = self.navigate(target);
        assert_eq!(sent.status, 302, "{sent:#?}");
        let callback = site.idp.grant(&sent.header("location"));
        self.send(navigation(&callback, "cross-site"))
    }

    /// Whether it has a session.
    pub fn is_signed_in(&self) -> bool {
        let names = [COOKIE, "portcullis"];
        self.cookies
            .iter()
            .any(|(name, _)| names.contains(&name.as_str()))
    }

    /// The cookie with this name.
    pub fn value(&mut self, name: &str) -> &mut String {
        let known = self.cookies.iter_mut().find(|(known, _)| known == name);
        known
            .map(|(_, value)| value)
            .expect("a cookie of this name")
    }

    /// The sign-ins under way, by their cookies' names.
    pub fn states(&self) -> Vec<String> {
        let names = self.cookies.iter().map(|(name, _)| name.clone());
        names.filter(|name| name.contains("-state-")).collect()
    }
}

/// A navigation, as browsers send it.
pub fn navigation(target: &str, site: &str) -> Request {
    get(target)
        .header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Sec-Fetch-Dest", "document")
        .header("Sec-Fetch-Site", site)
}

/// A request that a script of our own page makes.
pub fn fetch(request: Request) -> Request {
    request
        .header("Accept", "*/*")
        .header("Sec-Fetch-Mode", "cors")
        .header("Sec-Fetch-Dest", "empty")
        .header("Sec-Fetch-Site", "same-origin")
}
