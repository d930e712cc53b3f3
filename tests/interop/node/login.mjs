// An issuer on loopback that people sign in at with a browser, made of node-oidc-provider: its own sign-in and consent pages,
// its own session, refresh tokens that are good once, and sign-out by the OpenID Connect way. It says "ready" when it listens.
//
// Its endpoints are where Cognito has them, which is what [login] goes by; nothing else about it is Cognito's. A refresh token
// that is used twice ends the sign-in altogether, as RFC 9700 §4.14 wants it: whoever renews carelessly is found out.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const { PORT, APP, LIFETIME } = process.env;
const issuer = `http://localhost:${PORT}`;
const scopes = ["openid", "email", "orders/read"];
const lifetime = Number(LIFETIME);

const provider = new Provider(issuer, {
  routes: {
    authorization: "/oauth2/authorize",
    token: "/oauth2/token",
    revocation: "/oauth2/revoke",
    end_session: "/logout",
    jwks: "/certs",
  },
  cookies: { keys: ["a key for tests alone"] },
  pkce: { required: () => true },
  clients: [
    {
      client_id: "portal",
      client_secret: "portal-secret",
      redirect_uris: [`${APP}/_portcullis/callback`],
      post_logout_redirect_uris: [`${APP}/.web/`],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      scope: scopes.join(" "),
    },
  ],
  scopes,
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:orders",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        audience: "urn:orders",
        scope: "orders/read",
        accessTokenFormat: "jwt",
        accessTokenTTL: lifetime,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: lifetime, IdToken: lifetime, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true }),
  }),
  extraTokenClaims: (_ctx, token) => (token.accountId ? { username: token.accountId } : undefined),
});
provider.on("grant.error", (_ctx, error) => console.error(error.message, error.error_detail));
provider.on("server_error", (_ctx, error) => console.error(error));

createServer(provider.callback()).listen(Number(PORT), "127.0.0.1", () => console.log("ready"));
