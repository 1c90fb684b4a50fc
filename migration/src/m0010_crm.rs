//! Accounts with their line of business and VAT number, contacts in several accounts, several addresses and
//! numbers of both, sites with a purpose. What accounts had as their one e-mail address and telephone number
//! becomes their first ones.

crate::dialect::step! { "
ALTER TABLE account ADD COLUMN vat_number TEXT;
ALTER TABLE account ADD COLUMN sector TEXT;
ALTER TABLE account ADD COLUMN given_name TEXT;
ALTER TABLE account ADD COLUMN family_name TEXT;
ALTER TABLE account ADD COLUMN active BOOLEAN NOT NULL DEFAULT TRUE;
CREATE INDEX account_by_creation ON account (created_at, id);
CREATE INDEX account_of_sector ON account (sector, name, id);
CREATE INDEX account_by_siren ON account (siren);
CREATE UNIQUE INDEX account_siren ON account (siren) WHERE siren IS NOT NULL AND active AND kind = 'COMPANY';
UPDATE account SET sector = 'INSURANCE_BROKERAGE' WHERE id IN (SELECT account_id FROM broker);
ALTER TABLE site ADD COLUMN kind TEXT NOT NULL DEFAULT 'BRANCH';
ALTER TABLE site ADD COLUMN country TEXT NOT NULL DEFAULT 'FR';
ALTER TABLE site ADD COLUMN active BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE site ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
UPDATE site SET kind = 'HEAD_OFFICE' WHERE id IN (SELECT MIN(id) FROM site GROUP BY account_id);
CREATE INDEX site_by_siret ON site (siret);
CREATE UNIQUE INDEX site_siret ON site (siret) WHERE siret IS NOT NULL AND active;
CREATE TABLE contact (
    id {key},
    salutation TEXT,
    given_name TEXT,
    family_name TEXT NOT NULL,
    language TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    created_at {moment} NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX contact_by_name ON contact (family_name, id);
CREATE INDEX contact_by_creation ON contact (created_at, id);
CREATE TABLE contact_link (
    id {key},
    contact_id BIGINT NOT NULL REFERENCES contact (id),
    account_id BIGINT NOT NULL REFERENCES account (id),
    function TEXT,
    department TEXT,
    since {day},
    until {day},
    is_primary BOOLEAN NOT NULL
);
CREATE INDEX contact_link_of_account ON contact_link (account_id, contact_id);
CREATE INDEX contact_link_of_contact ON contact_link (contact_id, account_id);
CREATE UNIQUE INDEX contact_link_present ON contact_link (contact_id, account_id) WHERE until IS NULL;
CREATE UNIQUE INDEX contact_link_primary ON contact_link (account_id) WHERE is_primary AND until IS NULL;
CREATE TABLE contact_point (
    id {key},
    account_id BIGINT REFERENCES account (id),
    contact_id BIGINT REFERENCES contact (id),
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    label TEXT,
    is_primary BOOLEAN NOT NULL,
    CHECK ((account_id IS NULL) <> (contact_id IS NULL))
);
CREATE INDEX contact_point_of_account ON contact_point (account_id);
CREATE INDEX contact_point_of_contact ON contact_point (contact_id);
CREATE INDEX contact_point_by_value ON contact_point (value);
INSERT INTO contact_point (account_id, kind, value, is_primary)
    SELECT id, 'EMAIL', LOWER(email), TRUE FROM account WHERE email IS NOT NULL ORDER BY id;
INSERT INTO contact_point (account_id, kind, value, is_primary)
    SELECT id, 'PHONE', CASE
        WHEN REPLACE(phone, ' ', '') LIKE '0_________' THEN '+33' || SUBSTR(REPLACE(phone, ' ', ''), 2)
        ELSE REPLACE(phone, ' ', '') END, TRUE
    FROM account WHERE phone IS NOT NULL ORDER BY id;
ALTER TABLE account DROP COLUMN email;
ALTER TABLE account DROP COLUMN phone
" }
