//! A deal as it begins. Pure.

use ::entity::{
    sales::opportunity,
    vocabulary::{
        AccountId, ClientAgreement, Contract, DealSheet, Deciders, DecisionContacts, DelegationId, ForecastCategory,
        GoFile, Negotiation, OpportunityId, OppyStage, People, PersonId, Proposal, RegionId, Waits,
    },
};
use chrono::{DateTime, NaiveDate, Utc};

/// What a deal begins with.
#[derive(Clone, Debug)]
pub struct Origin {
    /// A title in a few words.
    pub subject: String,
    /// The client.
    pub account: AccountId,
    /// The client's sector of activity.
    pub sector: Option<String>,
    /// Who takes part in the client's decision.
    pub contacts: DecisionContacts,
    /// Delegate whose deal it is.
    pub owner: PersonId,
    /// Delegation of the owner.
    pub delegation: DelegationId,
    /// Region of that delegation.
    pub region: RegionId,
    /// Who creates it.
    pub author: PersonId,
    /// Whom the author stands in for.
    pub authored_for: Option<PersonId>,
    /// Day on which the client is expected to sign.
    pub signing_on: NaiveDate,
    /// When it is created.
    pub at: DateTime<Utc>,
}

/// The deal in its identification, without key, number, amounts and flags.
#[must_use]
pub fn identified(origin: Origin) -> opportunity::Model {
    let Origin { subject, account, sector, contacts, owner, delegation, region, author, authored_for, signing_on, at } =
        origin;
    opportunity::Model {
        id: OpportunityId(0),
        number: String::new(),
        subject,
        account_id: account,
        sector,
        contacts,
        owner_id: owner,
        author_id: author,
        authored_for_id: authored_for,
        involved: [owner, author].into_iter().chain(authored_for).collect::<People>(),
        delegation_id: delegation,
        region_id: region,
        engagement_manager_id: None,
        one_off: None,
        recurring: None,
        services: None,
        amount: None,
        signing_on,
        size_class: None,
        stage: OppyStage::Identification,
        stage_since: at,
        category: ForecastCategory::Pipeline,
        uncertainty: None,
        committed_by_id: None,
        complex: false,
        special_bid: false,
        presales_investment: false,
        out_of_standard: false,
        committee_requested: false,
        sheet: DealSheet::default(),
        go: GoFile::default(),
        meeting_kind: None,
        meeting_on: None,
        proposal: Proposal::default(),
        negotiation: Negotiation::default(),
        agreement: ClientAgreement::default(),
        contract: Contract::default(),
        stop: None,
        wake_up_on: None,
        deciders: Deciders::default(),
        waiting: Waits::default(),
        passed: 0,
        created_at: at,
        active_at: at,
        version: 1,
    }
}
