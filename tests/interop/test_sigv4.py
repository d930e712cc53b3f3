"""Signed calls (SigV4): a user of the pool, credentials of an identity pool, and services that check the signature.

ministack (`AUTH=true`) resolves the temporary key, compares the session token, and makes the signature again from the
request as it came; botocore's own signers make it once more here.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler

import boto3
import processes
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from cognito import PASSWORD, REGION
from gate import send
from pytest import fixture, mark
from recorder import Recorder, Server

ACCOUNT = "000000000000"
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": "cognito-identity.amazonaws.com"},
                "Action": "sts:AssumeRoleWithWebIdentity",
            }
        ],
    }
)


KNOWN = ("ASIAEXAMPLEEXAMPLE12", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a-session-token")


class KnownKeys(BaseHTTPRequestHandler):
    """An identity pool that gives everybody the same keys."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        names = ("AccessKeyId", "SecretKey", "SessionToken")
        keys = {**dict(zip(names, KNOWN)), "Expiration": 4102444800}
        body = json.dumps({"IdentityId": "us-east-1:known", "Credentials": keys}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def client(ministack, service):
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=ministack.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}, read_timeout=60, s3={"addressing_style": "path"}),
    )


@fixture(scope="module")
def identity_pool(ministack, pool):
    """An identity pool whose users may do anything in S3."""
    iam, identity = client(ministack, "iam"), client(ministack, "cognito-identity")
    iam.create_role(RoleName="signed", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="signed", PolicyName="s3", PolicyDocument=POLICY)
    provider = f"cognito-idp.{REGION}.amazonaws.com/{pool.id}"
    made = identity.create_identity_pool(
        IdentityPoolName="interop",
        AllowUnauthenticatedIdentities=False,
        CognitoIdentityProviders=[{"ProviderName": provider, "ClientId": pool.web.id}],
    )["IdentityPoolId"]
    identity.set_identity_pool_roles(
        IdentityPoolId=made, Roles={"authenticated": f"arn:aws:iam::{ACCOUNT}:role/signed"}
    )
    client(ministack, "s3").create_bucket(Bucket="signed")
    return made


@fixture(scope="module")
def relays(open_gate, ministack, pool, identity_pool, tmp_path_factory):
    """The ports of three relays: `s3` to ministack, `echo_s3` and `echo_api` to a recorder, with keys that are known."""
    echo, known = Recorder(), Server(("127.0.0.1", 0), KnownKeys)
    threading.Thread(target=known.serve_forever, daemon=True).start()
    ports = {name: processes.free_port() for name in ("s3", "echo_s3", "echo_api")}

    def relay(name, upstream, service, credential):
        return f"""
[outbound.{name}]
listen = "127.0.0.1:{ports[name]}"
upstream = "{upstream}"
credential = "{credential}"
sign = {{ service = "{service}", region = "{REGION}" }}
"""

    text = f"""
[credentials.alice]
grant = "user_srp"
user_pool_id = "{pool.id}"
endpoint = "{ministack.url}/"
client_id = "{pool.web.id}"
username = {{ env = "WHO" }}
password = {{ env = "WORD" }}

[credentials.aws]
grant = "identity_pool"
identity_pool_id = "{identity_pool}"
endpoint = "{ministack.url}/"
credential = "alice"

[credentials.known]
grant = "identity_pool"
identity_pool_id = "{identity_pool}"
endpoint = "http://127.0.0.1:{known.server_port}/"
credential = "alice"
"""
    text += relay("s3", ministack.url, "s3", "aws")
    text += relay("echo_s3", echo.url, "s3", "known") + relay("echo_api", echo.url, "execute-api", "known")
    routes = '\n[routes]\n"/health" = { access = "public" }\n'
    gate = open_gate(pool.table() + text + routes, env={"WHO": "alice", "WORD": PASSWORD})
    yield ports, echo, gate
    for secret in (PASSWORD, *KNOWN[1:]):
        assert secret not in gate.process.log()
    echo.stop()
    known.shutdown()
    known.server_close()


def test_s3_takes_what_is_signed_here(relays, ministack):
    ports, _, _ = relays
    unsigned = send(int(ministack.url.rsplit(":", 1)[1]), "GET", "/signed/a")
    assert unsigned.status == 403
    for key in ("a", "folder/a%20b.txt", "caf%C3%A9/50%25", "p%2Bq/%28x%29"):
        answer = send(ports["s3"], "PUT", f"/signed/{key}", body=b"hello " + key.encode())
        assert answer.status == 200, answer.body
        answer = send(ports["s3"], "GET", f"/signed/{key}")
        assert (answer.status, answer.body) == (200, b"hello " + key.encode())
    listed = send(ports["s3"], "GET", "/signed?list-type=2&prefix=folder%2F&max-keys=10")
    assert listed.status == 200 and b"<Key>folder/a b.txt</Key>" in listed.body, listed.body


def test_an_aws_sdk_with_keys_that_mean_nothing_gets_through(relays):
    ports, _, _ = relays
    s3 = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{ports['s3']}",
        aws_access_key_id="nothing",
        aws_secret_access_key="nothing",
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    s3.put_object(Bucket="signed", Key="sdk/é b", Body=b"x" * 200_000, Metadata={"colour": "deep  blue"})
    got = s3.get_object(Bucket="signed", Key="sdk/é b")
    assert got["Body"].read() == b"x" * 200_000


TARGETS = [
    "/",
    "/a/b",
    "/a%20b/caf%C3%A9",
    "/%E1%88%B4/x~y-z_0.9",
    "/p/q/%25",
    "/items?b=2&a=1",
    "/items?a=2&a=1&a=&b",
    "/items?q=caf%C3%A9&r=%20%2B%2F",
    "/items?empty=&x=",
]


@mark.parametrize("target", TARGETS)
@mark.parametrize(("name", "service", "signer"), [
    ("echo_api", "execute-api", SigV4Auth),
    ("echo_s3", "s3", S3SigV4Auth),
])
def test_botocores_own_signer_makes_the_same(relays, target, name, service, signer):
    ports, echo, _ = relays
    method, body = ("POST", b"hello") if name == "echo_api" else ("GET", None)
    headers = [("Content-Type", "text/plain"), ("X-Amz-Meta-A", "  deep   blue "), ("X-Amz-Meta-B", "1")]
    assert send(ports[name], method, target, headers, body).status == 200
    seen = echo.requests[-1]
    received = {key.lower(): value for key, value in seen.headers}
    authorization = received["authorization"]
    names = authorization.split("SignedHeaders=")[1].split(",")[0].split(";")
    signing = signer(Credentials(*KNOWN), service, REGION)
    request = AWSRequest(
        method=method,
        url=f"http://{received['host']}{target}",
        data=body,
        headers={key: received[key] for key in names},
    )
    request.context["timestamp"] = received["x-amz-date"]
    text = signing.string_to_sign(request, signing.canonical_request(request))
    assert authorization.endswith(f"Signature={signing.signature(text, request)}")
    assert seen.target == target
