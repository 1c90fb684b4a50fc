//! What can be changed about accounts and contacts.

use async_graphql::MergedObject;

mod accounts;
mod contacts;
mod points;
mod portfolio;
mod sites;

/// Changes to accounts, their sites and broker parts, to contacts and portfolios.
#[derive(MergedObject, Default, Debug)]
pub struct CrmMutation(
    accounts::AccountMutation,
    sites::SiteMutation,
    contacts::ContactMutation,
    portfolio::PortfolioMutation,
);
