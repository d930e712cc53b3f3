// A foreign OpenID Connect issuer on loopback, made of node-oidc-provider. It says "ready ISSUER" when it listens.
//
// Its issuer has a path and its keys are not where Cognito keeps them, so only discovery finds them. Two endpoints
// beside the protocol let a test turn its keys over without a restart:
//   POST /keys/rotate     a new key signs, the older ones stay published
//   POST /keys/withdraw   all but the newest key leave the published set
import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { Provider } from "oidc-provider";

const { PORT, CALLBACK } = process.env;
const prefix = "/tenants/acme";
const issuer = `http://127.0.0.1:${PORT}${prefix}`;

// Each API signs with an algorithm of its own: urn:orders (RS256), urn:orders:es256, urn:orders:ps256.
const audiences = new Map([["urn:orders", "RS256"], ["urn:orders:es256", "ES256"], ["urn:orders:ps256", "PS256"]]);
const scopes = "orders/read orders/write";
const machine = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope: scopes };

function makeKey(alg) {
  const { privateKey } = alg === "ES256"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg };
}

// Of several keys that fit, the library signs with the first.
let rsaKeys = [makeKey("RS256")];
const otherKeys = [makeKey("ES256"), makeKey("PS256")];

function makeProvider() {
  const provider = new Provider(issuer, {
    jwks: { keys: [...rsaKeys, ...otherKeys] },
    routes: { jwks: "/certs", token: "/token", authorization: "/authorize" },
    cookies: { keys: ["a key for tests alone"] },
    pkce: { required: () => false },
    clients: [
      { ...machine, client_id: "reader", client_secret: "reader-secret" },
      { ...machine, client_id: "stranger", client_secret: "stranger-secret" },
      // Its access tokens carry `typ: JWT`, as many issuers' still do, in place of RFC 9068's `at+jwt`.
      { ...machine, client_id: "untyped", client_secret: "untyped-secret" },
      {
        client_id: "web",
        client_secret: "web-secret",
        redirect_uris: [CALLBACK],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        scope: `openid ${scopes}`,
      },
    ],
    scopes: ["openid", ...scopes.split(" ")],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:orders",
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, audience) => ({
          audience,
          scope: scopes,
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: audiences.get(audience) } },
        }),
      },
    },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    extraTokenClaims: (_ctx, token) => (token.accountId ? { username: token.accountId, roles: ["admins"] } : undefined),
    formats: {
      customizers: {
        jwt(_ctx, token, jwt) {
          if (token.clientId === "untyped") jwt.header = { typ: "JWT" };
        },
      },
    },
  });
  provider.on("server_error", (_ctx, error) => console.error(error));
  return provider.callback();
}

let serve = makeProvider();

createServer((request, response) => {
  if (request.method === "POST" && request.url.startsWith("/keys/")) {
    rsaKeys = request.url === "/keys/rotate" ? [makeKey("RS256"), ...rsaKeys] : rsaKeys.slice(0, 1);
    serve = makeProvider();
    response.end(JSON.stringify(rsaKeys.map((key) => key.kid)));
    return;
  }
  // The provider learns the path it is mounted on from the difference of these two.
  request.originalUrl = request.url;
  if (request.url.startsWith(`${prefix}/`)) request.url = request.url.slice(prefix.length);
  serve(request, response);
}).listen(Number(PORT), "127.0.0.1", () => console.log(`ready ${issuer}`));
