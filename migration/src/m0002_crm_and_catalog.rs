//! Accounts, of which brokers are those with a broker part, their sites; catalogue articles.

crate::dialect::step! { "
CREATE TABLE account (
    id {key},
    code TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    siren TEXT,
    email TEXT,
    phone TEXT,
    portfolio_owner_id BIGINT REFERENCES person (id),
    delegation_id BIGINT NOT NULL REFERENCES delegation (id),
    region_id BIGINT NOT NULL REFERENCES region (id),
    created_at {moment} NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX account_of_owner ON account (portfolio_owner_id, name, id);
CREATE INDEX account_of_delegation ON account (delegation_id, name, id);
CREATE INDEX account_of_region ON account (region_id, name, id);
CREATE INDEX account_by_name ON account (name, id);
CREATE TABLE broker (
    account_id BIGINT PRIMARY KEY REFERENCES account (id),
    orias TEXT NOT NULL UNIQUE,
    programme_from {day},
    programme_to {day}
);
CREATE TABLE site (
    id {key},
    account_id BIGINT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    siret TEXT,
    street TEXT NOT NULL,
    postcode TEXT NOT NULL,
    city TEXT NOT NULL,
    insee_code TEXT
);
CREATE INDEX site_of_account ON site (account_id);
CREATE TABLE article (
    id {key},
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    description TEXT NOT NULL,
    unit_price BIGINT NOT NULL,
    pack_size INTEGER NOT NULL,
    stock BIGINT CHECK (stock >= 0),
    valid_from {day} NOT NULL,
    valid_to {day},
    version BIGINT NOT NULL
);
CREATE INDEX article_by_name ON article (name, id)
" }
