/** Tables of identity, for both engines: INTEGER is 64 bits in each. Times are Unix milliseconds; NULL expiry: never. */
export const identityMigrations: readonly string[] = [
  `CREATE TABLE identity_entries (
     kind TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL,
     grant_key TEXT, account TEXT, client TEXT, uid TEXT, user_code TEXT,
     consumed_ms INTEGER, successor TEXT, expires_ms INTEGER, stored_ms INTEGER NOT NULL,
     PRIMARY KEY (kind, id)
   ) STRICT;
   CREATE INDEX identity_entries_grant ON identity_entries (grant_key);
   CREATE INDEX identity_entries_account ON identity_entries (account);
   CREATE INDEX identity_entries_uid ON identity_entries (uid) WHERE uid IS NOT NULL;
   CREATE INDEX identity_entries_user_code ON identity_entries (user_code) WHERE user_code IS NOT NULL;
   CREATE INDEX identity_entries_expiry ON identity_entries (expires_ms);
   CREATE TABLE identity_revoked (
     key TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX identity_revoked_expiry ON identity_revoked (expires_ms);
   CREATE TABLE identity_clients (
     id TEXT PRIMARY KEY, metadata TEXT NOT NULL, source TEXT NOT NULL, created_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE identity_accounts (
     id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, email TEXT NOT NULL,
     password TEXT NOT NULL, roles TEXT NOT NULL, account_groups TEXT NOT NULL,
     is_disabled INTEGER NOT NULL, created_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE identity_recovery_codes (
     account TEXT NOT NULL, code TEXT NOT NULL, used_ms INTEGER, PRIMARY KEY (account, code)
   ) STRICT;
   CREATE TABLE identity_passkeys (
     id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, public_key TEXT NOT NULL,
     counter INTEGER NOT NULL, transports TEXT NOT NULL, created_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX identity_passkeys_account ON identity_passkeys (account);
   CREATE TABLE identity_keys (
     kid TEXT PRIMARY KEY, alg TEXT NOT NULL, public_jwk TEXT NOT NULL, private_jwk TEXT NOT NULL,
     created_ms INTEGER NOT NULL, signs_from_ms INTEGER NOT NULL, signs_until_ms INTEGER NOT NULL,
     removed_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE identity_secrets (
     name TEXT PRIMARY KEY, value TEXT NOT NULL, created_ms INTEGER NOT NULL
   ) STRICT;`,
]
