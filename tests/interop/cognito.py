"""ministack in Amazon Cognito's place, and pools made in it with the AWS SDK, as an operator would make them."""

import base64
import hashlib
import hmac
import os
import urllib.request
from pathlib import Path

import boto3
import processes
import requests
from botocore.config import Config
from pycognito.aws_srp import AWSSRP

REGION = "us-east-1"
PASSWORD = "Correct-Horse-9!"
SIGN_IN = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]

# Its defaults listen on every address, open further ports, and let any client do anything.
SETTINGS = {
    "BIND_HOST": "127.0.0.1",
    "MINISTACK_HOST": "127.0.0.1",
    "SERVICES": "cognito-idp,cognito-identity,s3,sts,iam",
    "AUTH": "true",
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "PERSIST_STATE": "0",
}


class Ministack:
    def __init__(self, directory):
        self._directory = Path(directory)
        (self._directory / "tmp").mkdir()
        self.process = processes.start(self._begin)
        self.idp = boto3.client(
            "cognito-idp",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, read_timeout=60),
        )

    def _begin(self):
        port = processes.free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            **SETTINGS,
            "GATEWAY_PORT": str(port),
            "STATE_DIR": str(self._directory / "state"),
            "TMPDIR": str(self._directory / "tmp"),
        }
        binary = Path(os.environ["INTEROP_SCRATCH"]) / "ministack/bin/ministack"
        process = processes.Process("ministack", [binary], self._directory, environment)
        return process.await_ready(self._is_healthy, seconds=60)

    def _is_healthy(self):
        try:
            return urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5).status == 200
        except OSError:
            return False


class AppClient:
    def __init__(self, pool, made):
        self.pool = pool
        self.id = made["ClientId"]
        self.secret = made.get("ClientSecret")

    def machine_token(self, scope, by="basic"):
        """An access token by client_credentials; the client is known by Basic, or by the form (`post`)."""
        form = {"grant_type": "client_credentials", "scope": scope}
        if by == "basic":
            answer = requests.post(self.pool.token_url, data=form, auth=(self.id, self.secret), timeout=60)
        else:
            form |= {"client_id": self.id, "client_secret": self.secret}
            answer = requests.post(self.pool.token_url, data=form, timeout=60)
        answer.raise_for_status()
        return answer.json()["access_token"]

    def sign_in(self, username):
        """A user's tokens by USER_PASSWORD_AUTH, under Cognito's names: AccessToken, IdToken, RefreshToken."""
        return self._initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=PASSWORD, **self._hash(username))

    def sign_in_by_srp(self, username):
        answer = AWSSRP(
            username=username,
            password=PASSWORD,
            pool_id=self.pool.id,
            client_id=self.id,
            client_secret=self.secret,
            client=self.pool.idp,
        ).authenticate_user()
        return answer["AuthenticationResult"]

    def renew(self, refresh_token):
        return self._initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=refresh_token)

    def _initiate(self, flow, **parameters):
        answer = self.pool.idp.initiate_auth(ClientId=self.id, AuthFlow=flow, AuthParameters=parameters)
        return answer["AuthenticationResult"]

    def _hash(self, username):
        if not self.secret:
            return {}
        digest = hmac.new(self.secret.encode(), (username + self.id).encode(), hashlib.sha256).digest()
        return {"SECRET_HASH": base64.b64encode(digest).decode()}


class Pool:
    """Users alice (of the group admins) and bob; the scopes orders/read and orders/write."""

    def __init__(self, ministack):
        self.idp = ministack.idp
        self.id = self.idp.create_user_pool(PoolName="interop")["UserPool"]["Id"]
        self.token_url = f"{ministack.url}/oauth2/token"
        self.jwks_url = f"{ministack.url}/{self.id}/.well-known/jwks.json"
        self.idp.create_resource_server(
            UserPoolId=self.id,
            Identifier="orders",
            Name="orders",
            Scopes=[{"ScopeName": name, "ScopeDescription": name} for name in ("read", "write")],
        )
        self.idp.create_group(UserPoolId=self.id, GroupName="admins")
        self._user("alice", groups=["admins"])
        self._user("bob", groups=[])
        self.web = self._client(ExplicitAuthFlows=SIGN_IN)
        self.confidential = self._client(GenerateSecret=True, ExplicitAuthFlows=SIGN_IN)
        self.machine = self._client(
            GenerateSecret=True,
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthScopes=["orders/read", "orders/write"],
        )
        # In the pool, but in no gate's client_ids.
        self.stranger = self._client(ExplicitAuthFlows=SIGN_IN)

    def _client(self, **settings):
        made = self.idp.create_user_pool_client(UserPoolId=self.id, ClientName="interop", **settings)
        return AppClient(self, made["UserPoolClient"])

    def _user(self, username, groups):
        attributes = [
            {"Name": "email", "Value": f"{username}@example.com"},
            {"Name": "email_verified", "Value": "true"},
        ]
        self.idp.admin_create_user(
            UserPoolId=self.id, Username=username, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
        self.idp.admin_set_user_password(UserPoolId=self.id, Username=username, Password=PASSWORD, Permanent=True)
        for group in groups:
            self.idp.admin_add_user_to_group(UserPoolId=self.id, Username=username, GroupName=group)

    def table(self, **keys):
        """`[pools.main]` for this pool, its keys fetched from the stand-in; `keys` are further lines."""
        known = [self.web.id, self.confidential.id, self.machine.id]
        lines = [
            "[pools.main]",
            f'user_pool_id = "{self.id}"',
            f'jwks_url = "{self.jwks_url}"',
            f"client_ids = {known}",
            *(f'{key} = "{value}"' for key, value in keys.items()),
        ]
        return "\n".join(lines) + "\n\n"
