#!/usr/bin/env bash
# Makes with the AWS CLI what cognito.yaml describes, and prints what the configuration of Portcullis needs to know.
#
#   cognito.sh NAME DOMAIN_PREFIX [CALLBACK_URL [LOGOUT_URL]]
#
# Region and credentials are those of the AWS CLI.
set -euo pipefail
(($# >= 2)) || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
name=$1 domain=$2
callback=${3:-http://localhost:8080/_portcullis/callback} logout=${4:-http://localhost:8080/}
cognito() { aws cognito-idp --output text "$@"; }

pool=
trap '[[ $? == 0 || -z $pool ]] || cat >&2 <<TOLD
The pool $pool was made and lacks the rest. To be rid of it, before this is run again:
  aws cognito-idp update-user-pool --user-pool-id $pool --deletion-protection INACTIVE
  aws cognito-idp delete-user-pool --user-pool-id $pool
TOLD' EXIT

pool=$(cognito create-user-pool --pool-name "$name" \
  --deletion-protection ACTIVE \
  --admin-create-user-config AllowAdminCreateUserOnly=true \
  --auto-verified-attributes email \
  --username-configuration CaseSensitive=false \
  --policies 'PasswordPolicy={MinimumLength=14}' \
  --query UserPool.Id)

cognito create-user-pool-domain --user-pool-id "$pool" --domain "$domain" >/dev/null

cognito create-resource-server --user-pool-id "$pool" --identifier "$name" --name "$name" \
  --scopes 'ScopeName=read,ScopeDescription=Look at orders' 'ScopeName=write,ScopeDescription=Change orders' >/dev/null

machines=$(cognito create-user-pool-client --user-pool-id "$pool" --client-name "$name-machines" \
  --generate-secret \
  --allowed-o-auth-flows-user-pool-client \
  --allowed-o-auth-flows client_credentials \
  --allowed-o-auth-scopes "$name/read" \
  --access-token-validity 60 --token-validity-units AccessToken=minutes \
  --query UserPoolClient.ClientId)

web=$(cognito create-user-pool-client --user-pool-id "$pool" --client-name "$name-web" \
  --generate-secret \
  --supported-identity-providers COGNITO \
  --allowed-o-auth-flows-user-pool-client \
  --allowed-o-auth-flows code \
  --allowed-o-auth-scopes openid email "$name/read" "$name/write" \
  --callback-urls "[\"$callback\"]" --logout-urls "[\"$logout\"]" \
  --explicit-auth-flows ALLOW_USER_SRP_AUTH ALLOW_REFRESH_TOKEN_AUTH \
  --prevent-user-existence-errors ENABLED \
  --enable-token-revocation \
  --query UserPoolClient.ClientId)

cognito create-group --user-pool-id "$pool" --group-name staff >/dev/null

cat <<TOML
[pools.main]
user_pool_id = "$pool"
client_ids = ["$machines", "$web"]   # machines, people
TOML
cat >&2 <<TOLD
Secrets are fetched with
  aws cognito-idp describe-user-pool-client --user-pool-id $pool --client-id $machines --query UserPoolClient.ClientSecret --output text
Machines fetch their tokens at
  https://$domain.auth.${pool%%_*}.amazoncognito.com/oauth2/token
TOLD
