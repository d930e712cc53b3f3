//! Portcullis: a sidecar that gives Amazon Cognito authentication to a service nobody can change.

pub mod admin;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod drain;
pub mod export;
pub mod fetch;
pub mod gate;
pub mod http;
pub mod identity;
pub mod net;
pub mod policy;
pub mod pool;
pub mod ready;
pub mod reason;
pub mod refusal;
pub mod secret;
pub mod snapshot;
pub mod telemetry;
pub mod token;
pub mod upstream;
