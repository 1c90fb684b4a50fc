//! Sésame's tables as SeaORM entities, one file a table, grouped by context, without logic.
//!
//! A `Model` is never a GraphQL type: the contexts of the `sesame` crate wrap what they show.

#![forbid(unsafe_code)]

pub mod vocabulary;

/// People, organisation, sessions.
pub mod identity {
    pub mod api_key;
    pub mod delegation;
    pub mod deputy;
    pub mod external_identity;
    pub mod former_place;
    pub mod person;
    pub mod person_role;
    pub mod refresh_token;
    pub mod region;
    pub mod role;
    pub mod session;
    pub mod sign_in_attempt;
}

/// Accounts, brokers, their sites, contacts and how all of them are reached.
pub mod crm {
    pub mod account;
    pub mod broker;
    pub mod contact;
    pub mod contact_link;
    pub mod contact_point;
    pub mod site;
}

/// What can be ordered.
pub mod catalog {
    pub mod article;
}

/// Budget years, envelopes and their ledger.
pub mod budgets {
    pub mod budget_year;
    pub mod envelope;
    pub mod goodwill;
    pub mod ledger_entry;
}

/// Marketing-action orders.
pub mod orders {
    pub mod attachment;
    pub mod order;
    pub mod order_line;
    pub mod order_result;
    pub mod upload;
}

/// The sales process: deals, their documents and the rules that they follow.
pub mod sales {
    pub mod opportunity;
    pub mod oppy_document;
    pub mod playbook;
}

/// The sales forecast: the history of the deals' states, and the quotas.
pub mod forecast {
    pub mod deal_state;
    pub mod quota;
    pub mod quota_figure;
}

/// Who is told of events, and each time.
pub mod webhooks {
    pub mod delivery;
    pub mod webhook;
}

/// What serves every context: policy, queues, events, stored answers.
pub mod platform {
    pub mod event;
    pub mod idempotency;
    pub mod number_series;
    pub mod persisted_operation;
    pub mod policy_history;
    pub mod policy_line;
    pub mod policy_version;
    pub mod work_item;
}
