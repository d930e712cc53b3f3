//! Users who sign in at the demo pool, and what a pool asks of them that a program can't answer.

use serde_json::json;

use super::*;
use crate::config::model::credentials::{IdentityPool, Proof, Refresh, User, UserToken, Via};
use crate::demo::users::{ALICE, CONSOLE};
use crate::fetch::stub::{Reply, Stub};

const BOTH: [Proof; 2] = [Proof::Password, Proof::Srp];

fn user(base: &str, proof: Proof) -> User {
    User {
        pool: user_pool(base),
        client: client("demo-app", &[]),
        username: source("alice"),
        password: source(ALICE.password),
        proof,
        token: UserToken::Access,
    }
}

#[tokio::test]
async fn a_user_signs_in_with_and_without_sending_the_password() {
    let pool = demo_pool();
    for proof in BOTH {
        let lease = credential(Grant::User(user(&pool.base, proof)))
            .lease(&[])
            .await
            .unwrap();
        assert_eq!(claim(&lease, "username"), "alice");
        assert_eq!(claim(&lease, "token_use"), "access");
        let id = User {
            token: UserToken::Id,
            ..user(&pool.base, proof)
        };
        let lease = credential(Grant::User(id)).lease(&[]).await.unwrap();
        assert_eq!(claim(&lease, "token_use"), "id");
    }
}

#[tokio::test]
async fn a_client_with_a_secret_signs_for_the_name_that_each_message_has() {
    let pool = demo_pool();
    for proof in BOTH {
        // Signed in by the e-mail address: from the challenge on, the pool calls the user by another name.
        let user = User {
            client: client(CONSOLE.id, &["an-old-secret", CONSOLE.secret.unwrap()]),
            username: source(ALICE.email),
            ..user(&pool.base, proof)
        };
        let lease = credential(Grant::User(user)).lease(&[]).await.unwrap();
        assert_eq!(claim(&lease, "username"), "alice");
    }
}

#[tokio::test]
async fn a_session_is_renewed_by_its_refresh_token_and_begun_anew_when_that_is_no_longer_good() {
    for rotates in [false, true] {
        let made = DemoPool::new(Clock::fixed(NOW));
        let pool = serve(if rotates { made.with_rotation() } else { made });
        // A secret as well, so that renewing has to show it.
        let user = User {
            client: client(CONSOLE.id, &[CONSOLE.secret.unwrap()]),
            ..user(&pool.base, Proof::Srp)
        };
        let issuer = crate::credential::user::User::new(
            &"billing".into(),
            &User {
                password: source(ALICE.password),
                ..user.clone()
            },
            Arc::clone(&FETCHER),
            Clock::fixed(NOW),
        );
        for _ in 0..3 {
            assert!(
                issuer.issue(UserToken::Access).await.is_ok(),
                "rotates: {rotates}"
            );
        }
        pool.pool.sessions().revoke_all();
        assert!(
            issuer.issue(UserToken::Id).await.is_ok(),
            "rotates: {rotates}"
        );
    }
}

#[tokio::test]
async fn a_refresh_token_from_elsewhere_is_good_at_the_pools_own_api() {
    let pool = serve(DemoPool::new(Clock::fixed(NOW)).with_rotation());
    let token = first_refresh_token(&pool).await;
    let folder = folder("elsewhere");
    let grant = Grant::Refresh(Refresh {
        via: Via::Pool(user_pool(&pool.base)),
        client: client("demo-app", &[]),
        refresh_token: source(&token),
        state_file: Some(folder.join("state")),
        token: UserToken::Id,
    });
    let lease = credential(grant.clone()).lease(&[]).await.unwrap();
    assert_eq!(claim(&lease, "token_use"), "id");
    // A restart: the configured token is spent, the kept one is good.
    assert!(credential(grant).lease(&[]).await.is_ok());
    std::fs::remove_dir_all(folder).unwrap();
}

async fn first_refresh_token(pool: &Pool) -> String {
    let body = json!({
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": "demo-app",
        "AuthParameters": { "USERNAME": "alice", "PASSWORD": ALICE.password },
    });
    let target = "AWSCognitoIdentityProviderService.InitiateAuth";
    let post = crate::fetch::Post::operation(target, &body);
    let answer = FETCHER
        .post(&format!("{}/", pool.base), post)
        .await
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    answer["AuthenticationResult"]["RefreshToken"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_secret_are_told_apart() {
    let pool = demo_pool();
    let mut table = String::new();
    for proof in BOTH {
        for user in [
            User {
                password: source("wrong"),
                ..user(&pool.base, proof)
            },
            User {
                client: client(CONSOLE.id, &["wrong"]),
                ..user(&pool.base, proof)
            },
            User {
                client: client(CONSOLE.id, &[]),
                ..user(&pool.base, proof)
            },
            User {
                client: client("nobody", &[]),
                ..user(&pool.base, proof)
            },
            User {
                client: client("demo-reader", &["reader-secret-for-demo-only"]),
                ..user(&pool.base, proof)
            },
        ] {
            let fault = credential(Grant::User(user)).lease(&[]).await.unwrap_err();
            table.push_str(
                &told(&fault).replace("credential billing: http://127.0.0.1:PORT/ answered ", ""),
            );
            table.push('\n');
        }
    }
    insta::assert_snapshot!(table, @r#"
    InitiateAuth NotAuthorizedException: user name, password or refresh token is wrong, or the user is disabled or locked out
    InitiateAuth NotAuthorizedException: client_secret is wrong or missing
    InitiateAuth NotAuthorizedException: client_secret is wrong or missing
    InitiateAuth ResourceNotFoundException: there is no such app client or pool in this region
    InitiateAuth InvalidParameterException: the app client may not have this flow enabled (ALLOW_USER_PASSWORD_AUTH, ALLOW_USER_SRP_AUTH), or an identifier is wrong
    RespondToAuthChallenge NotAuthorizedException: user name, password or refresh token is wrong, or the user is disabled or locked out
    InitiateAuth NotAuthorizedException: client_secret is wrong or missing
    InitiateAuth NotAuthorizedException: client_secret is wrong or missing
    InitiateAuth ResourceNotFoundException: there is no such app client or pool in this region
    InitiateAuth InvalidParameterException: the app client may not have this flow enabled (ALLOW_USER_PASSWORD_AUTH, ALLOW_USER_SRP_AUTH), or an identifier is wrong
    "#);
}

#[tokio::test]
async fn a_challenge_for_a_person_says_what_to_do() {
    let mut table = String::new();
    for name in [
        "NEW_PASSWORD_REQUIRED",
        "SOFTWARE_TOKEN_MFA",
        "DEVICE_SRP_AUTH",
        "CUSTOM_CHALLENGE",
        "hunter2",
    ] {
        let stub = Stub::start().await;
        let body =
            json!({ "ChallengeName": name, "Session": "hunter2", "ChallengeParameters": {} });
        stub.reply("/", Reply::ok(body.to_string()));
        let grant = Grant::User(user(stub.url("").trim_end_matches('/'), Proof::Password));
        let fault = credential(grant).lease(&[]).await.unwrap_err();
        table.push_str(&told(&fault).replace("credential billing: http://127.0.0.1:PORT/ ", ""));
        table.push('\n');
    }
    assert!(!table.contains("hunter2"));
    insta::assert_snapshot!(table, @r#"
    asks for NEW_PASSWORD_REQUIRED: the user's password is a temporary one; set a lasting one (aws cognito-idp admin-set-user-password --permanent)
    asks for SOFTWARE_TOKEN_MFA: the user has multi-factor authentication, which a program cannot answer; use a user without it, or client_credentials
    asks for DEVICE_SRP_AUTH: the pool remembers devices, and this is none of them; turn device tracking off for this app client
    asks for CUSTOM_CHALLENGE: this grant cannot answer it; use a user that signs in with a password alone, or client_credentials
    asks for another challenge: this grant cannot answer it; use a user that signs in with a password alone, or client_credentials
    "#);
}

#[tokio::test]
async fn an_identity_pool_turns_an_id_token_into_aws_credentials() {
    let pool = demo_pool();
    let stub = Stub::start().await;
    // One answer for both operations: each reads its own part.
    let body = json!({
        "IdentityId": "eu-west-1:identity",
        "Credentials": {
            "AccessKeyId": "AKIDEXAMPLE", "SecretKey": "hunter2-key",
            "SessionToken": "hunter2-session", "Expiration": NOW + 3600.0,
        },
    });
    stub.reply("/", Reply::ok(body.to_string()));
    // The user stands after the pool that needs it.
    let identity_pool = Grant::IdentityPool(IdentityPool {
        id: "eu-west-1:pool".to_owned(),
        credential: 1,
        endpoint: stub.url("/"),
    });
    let all = credentials(&[
        settings("aws", identity_pool),
        settings("robot", Grant::User(user(&pool.base, Proof::Srp))),
    ]);
    let lease = all.named("aws").unwrap().lease(&[]).await.unwrap();
    let keys = lease.aws_keys().unwrap();
    assert_eq!(keys.access_key_id, "AKIDEXAMPLE");
    assert_eq!(keys.session_token.expose(), "hunter2-session");
    assert_eq!(lease.expires(), NOW + 3600.0);
    assert!(lease.token().is_none() && !format!("{keys:?}").contains("hunter2"));
    let bodies = stub.bodies();
    let sent: Vec<serde_json::Value> = bodies
        .iter()
        .map(|body| serde_json::from_str(body).unwrap())
        .collect();
    assert_eq!(sent[0]["IdentityPoolId"], "eu-west-1:pool");
    assert_eq!(sent[1]["IdentityId"], "eu-west-1:identity");
    let login = format!("cognito-idp.eu-west-1.amazonaws.com/{POOL_ID}");
    let shown = claims(sent[1]["Logins"][&login].as_str().unwrap()).unwrap();
    assert_eq!(shown.get("token_use").unwrap(), "id");
}
