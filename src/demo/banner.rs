//! What the demo prints: where things are, and commands to paste that show the gate at work.
//!
//! The whole text is a script for `sh` that needs `curl` and `sed` alone: what is no command is a comment. Comments hold
//! no quotes and no backticks, for a shell that does not take pasted comments as such.

use super::Addresses;
use super::users::{ALICE, APP, BOB, Client, READER, User, WRITER};

/// The text for these addresses.
pub fn banner(addresses: &Addresses) -> String {
    let (gate, service) = (addresses.gate_url(), addresses.service_url());
    let (pool, admin) = (addresses.pool_url(), addresses.admin);
    let (reader, writer) = (machine(&READER, &pool), machine(&WRITER, &pool));
    let (alice, bob) = (user(&ALICE, &pool), user(&BOB, &pool));
    let reach = reach(addresses);
    format!(
        r#"# Portcullis demo
#
#   gate      {gate}   everything goes in here; open it in a browser
#   service   {service}   a legacy order book that believes any X-User header
#   pool      {pool}   behaves as an Amazon Cognito user pool does
#   status    http://{admin}
{reach}#
# 1. Without a token: 401 missing_token. The service never hears of it.
curl -si {gate}/orders/1

# 2. A machine with the scope orders/read: 200. See the x-user that the service was given.
READER=$({reader})
curl -si -H "Authorization: Bearer $READER" {gate}/orders/1

# 3. The same machine may not write: 403 insufficient_scope.
curl -si -H "Authorization: Bearer $READER" -H 'Content-Type: application/json' \
  -d '{{"item":"tea","quantity":2}}' {gate}/orders

# 4. Another one, with orders/write, may: 201.
WRITER=$({writer})
curl -si -H "Authorization: Bearer $WRITER" -H 'Content-Type: application/json' \
  -d '{{"item":"tea","quantity":2}}' {gate}/orders

# 5. A forged identity: straight to the service it works, through the gate it is removed, with a token or without.
curl -s -H 'X-User: admin' {service}/whoami
curl -s -H 'X-User: admin' {gate}/whoami
curl -s -H 'X-User: admin' -H "Authorization: Bearer $READER" {gate}/whoami

# 6. alice signs in with her password. She is in the group staff and reads the report: 200.
ALICE=$({alice})
curl -si -H "Authorization: Bearer $ALICE" {gate}/reports

# 7. bob is in no group: 403 missing_group.
BOB=$({bob})
curl -si -H "Authorization: Bearer $BOB" {gate}/reports

# 8. What no route names stays shut, even with a good token: 403 no_route. The service itself would have answered.
curl -si -H "Authorization: Bearer $ALICE" {gate}/admin

# 9. A page for people. A program is told 401; a browser is sent to the pool to sign in, and comes back: 302.
#    Open {gate}/account in one, and sign in as alice or bob with a click.
curl -si {gate}/account
curl -si -H 'Accept: text/html' {gate}/account
"#
    )
}

/// What to say when the gate can be called from other machines.
fn reach(addresses: &Addresses) -> &'static str {
    if addresses.gate.ip().is_loopback() {
        return "";
    }
    "#
#   The gate can be reached from other machines. Pool, service and status stay on loopback: from elsewhere the lines
#   below that fetch tokens do not work, nor does the page. Run them here and carry a token over, if you need one.
"
}

/// A command that prints an access token of a machine.
fn machine(client: &Client, pool: &str) -> String {
    let (id, secret) = (client.id, client.secret.unwrap_or_default());
    format!(
        r#"curl -s -u {id}:{secret} -d grant_type=client_credentials \
  {pool}/oauth2/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/'"#
    )
}

/// A command that prints the access token of a user who signs in.
fn user(user: &User, pool: &str) -> String {
    let (name, password, client) = (user.name, user.password, APP.id);
    format!(
        r#"curl -s -H 'Content-Type: application/x-amz-json-1.1' \
  -H 'X-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth' \
  -d '{{"AuthFlow":"USER_PASSWORD_AUTH","ClientId":"{client}",
       "AuthParameters":{{"USERNAME":"{name}","PASSWORD":"{password}"}}}}' \
  {pool}/ | sed 's/.*"AccessToken":"\([^"]*\)".*/\1/'"#
    )
}

#[cfg(test)]
pub(in crate::demo) mod tests;
