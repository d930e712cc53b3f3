//! Portcullis: a sidecar that gives Amazon Cognito authentication to a service nobody can change.
//!
//! Everything hangs on two straight lines, which read from top to bottom in [`gate::serve`] and [`courier::serve`]:
//!
//! ```text
//! net::listen → net::conn → gate::serve
//!   snapshot  = live.load()              one look; the whole request uses it
//!   admission = policy::admit(…)         sync and pure: path → route → token → rule
//!     NeedKeys → the pool refreshes, admit again     cold path, once
//!     Refuse   → http::problem::answer               the only builder of refusals
//!     Permit   → http::hop, identity::strip → http::forwarded → identity::apply
//!   upstream::send(&permit, request).await           the only await on the hot path
//!   answer ← http::hop::strip; its body carries the record of the exchange
//!
//! net::listen → net::conn → courier::serve
//!   snapshot    = live.load()
//!   destination = choose(…)                          a configured one, or 403; nothing is connected to before
//!   lease       = destination.lease()                a token in hand at once, else shared by all who wait
//!   outgoing    = destination.authorize(lease, …)    it can go to this destination alone
//!   outgoing.send().await → 401? a new token, once more if the body can be had again
//! ```
//!
//! Modules stand in layers, and a file imports only from its own layer or a lower one; a test reads `src` and holds this.
//! They are listed here from the lowest layer up.

// The words everything is said in.
pub mod clock;
pub mod reason;
pub mod refusal;
pub mod reload;
pub mod secret;

// The pure core: no network, no clock, no logging. `explain` and the gate run the very same code.
pub mod http;
pub mod identity;
pub mod policy;
pub mod session;
pub mod token;

// Configuration, and what is told of the work.
pub mod config;
pub mod telemetry;

// Things with a lifetime.
pub mod credential;
pub mod drain;
pub mod export;
pub mod fetch;
pub mod front;
pub mod net;
pub mod outbound;
pub mod pool;
pub mod ready;
pub mod upstream;

// What is live.
pub mod snapshot;

// The fronts; none imports another.
pub mod admin;
pub mod courier;
pub mod gate;

// The demo: a pool and a legacy service, for loopback alone.
pub mod demo;

// From the command line to a running process.
pub mod app;
pub mod cli;
