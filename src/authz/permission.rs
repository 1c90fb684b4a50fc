//! What can be permitted: the objects and steps that the policy may name.
//!
//! Roles are data, permissions are code: each stands for something that the code can do.

/// Declares the permissions: what the policy calls them, and their step of the workflow.
macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $object:literal $(/ $step:literal)?),+ $(,)?) => {
        /// Something that the policy can permit to a role within a scope.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission { $($(#[$doc])* $name),+ }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// What the policy calls it: the field's name, or one name for several fields.
            #[must_use]
            pub const fn object(self) -> &'static str {
                match self { $(Self::$name => $object),+ }
            }

            /// Step of the workflow; `-` where there is none.
            #[must_use]
            pub const fn step(self) -> &'static str {
                match self { $(Self::$name => permissions!(@step $($step)?)),+ }
            }
        }
    };
    (@step) => { "-" };
    (@step $step:literal) => { $step };
}

permissions! {
    /// Sign in with e-mail and password.
    SignIn = "signIn",
    /// Renew a session.
    RefreshSession = "refreshSession",
    /// End one's session.
    SignOut = "signOut",
    /// See who one is and what one may do.
    Viewer = "viewer",
    /// Look an object up by its global id, where one may read it.
    Node = "node",
    /// Send documents of one's own, not only those of the clients' manifests.
    FreeFormOperations = "freeFormOperations",
    /// Change one's own settings.
    UpdateSettings = "updateSettings",
    /// Name a deputy.
    NameDeputy = "nameDeputy",
    /// End a deputy's mandate.
    EndDeputy = "endDeputy",
    /// Read users with their roles and e-mail addresses.
    ReadUsers = "readUsers",
    /// Create a user.
    CreateUser = "createUser",
    /// Change a user.
    UpdateUser = "updateUser",
    /// Deactivate a user.
    DeactivateUser = "deactivateUser",
    /// Let a deactivated user in again.
    ReactivateUser = "reactivateUser",
    /// Take from a user what they sign in with elsewhere.
    UnlinkUser = "unlinkUser",
    /// Read API keys.
    ReadApiKeys = "readApiKeys",
    /// Make an API key.
    CreateApiKey = "createApiKey",
    /// Change an API key.
    UpdateApiKey = "updateApiKey",
    /// End an API key.
    RevokeApiKey = "revokeApiKey",
    /// Create a role.
    CreateRole = "createRole",
    /// Read the policy.
    ReadPolicy = "readPolicy",
    /// Change the policy.
    ChangePolicy = "changePolicy",
    /// Go back to an old version of the policy.
    RollBackPolicy = "rollBackPolicy",
    /// See what a change of the policy would give and take.
    SimulatePolicy = "simulatePolicy",
    /// Ask who may do something.
    WhoCanDo = "whoCanDo",
    /// Ask why somebody may do something, or may not.
    ExplainAccess = "explainAccess",
    /// Read the audit log.
    AuditLog = "auditLog",
    /// See what another person sees.
    AsUser = "asUser",
    /// See the network: regions, delegations and the people in them.
    ReadNetwork = "readNetwork",
    /// See what waits for one.
    WorkQueue = "workQueue",
    /// Have in one's queue what waits for oneself alone.
    OwnWork = "workQueue" / "own",
    /// Read orders, their timeline and attachments.
    ReadOrders = "readOrders",
    /// Create an order.
    CreateOrder = "createOrder",
    /// Change a draft.
    UpdateOrder = "updateOrder",
    /// Copy an order into a new draft.
    DuplicateOrder = "duplicateOrder",
    /// Submit a draft.
    SubmitOrder = "submitOrder",
    /// Try an order out without writing.
    SimulateOrder = "simulateOrder",
    /// Validate as the regional manager.
    ValidateOrderAsRr = "validateOrder" / "rr",
    /// Validate as the sales-promotion department.
    ValidateOrderAsPdv = "validateOrder" / "pdv",
    /// Release gift cheques.
    ReleaseGiftCheques = "releaseGiftCheques",
    /// Record the day on which the cheques came.
    RecordChequesReceived = "recordChequesReceived",
    /// Send a proof.
    SendProof = "sendProof",
    /// Approve a proof.
    ApproveProof = "approveProof",
    /// Ask for changes to a proof.
    RequestProofChanges = "requestProofChanges",
    /// Complete an order at its actual cost.
    CompleteOrder = "completeOrder",
    /// Record results.
    RecordResults = "recordResults",
    /// Cancel as the author's side.
    CancelOrderAsAuthor = "cancelOrder" / "author",
    /// Cancel as the regional manager.
    CancelOrderAsRr = "cancelOrder" / "rr",
    /// Cancel as the sales-promotion department.
    CancelOrderAsPdv = "cancelOrder" / "pdv",
    /// Send a file.
    CreateUpload = "createUpload",
    /// Attach a file to an order.
    AttachFile = "attachFile",
    /// Remove an attachment.
    RemoveAttachment = "removeAttachment",
    /// Declare a handover receipt invalid.
    DeclareReceiptInvalid = "declareReceiptInvalid",
    /// Read goodwill gestures.
    ReadGoodwill = "readGoodwill",
    /// Ask for a goodwill gesture.
    RequestGoodwill = "requestGoodwill",
    /// Decide a goodwill gesture.
    DecideGoodwill = "decideGoodwill",
    /// Record that a goodwill gesture is paid.
    RecordGoodwillPaid = "recordGoodwillPaid",
    /// Read envelopes and ledger.
    ReadBudgets = "readBudgets",
    /// Move budget between delegates or from the regional manager's envelope.
    MoveBudget = "moveBudget",
    /// Share a year's budget out.
    AllocateBudgets = "allocateBudgets",
    /// Give money from the central pool.
    GrantFromPool = "grantFromPool",
    /// Change a year's rules.
    UpdateBudgetYear = "updateBudgetYear",
    /// Read the catalogue.
    ReadCatalog = "readCatalog",
    /// Read accounts and their sites.
    ReadAccounts = "readAccounts",
    /// Read those accounts that are brokers, and their sites.
    ReadBrokers = "readAccounts" / "brokers",
    /// Create an account.
    CreateAccount = "createAccount",
    /// Change an account.
    UpdateAccount = "updateAccount",
    /// Add a site to an account.
    AddSite = "addSite",
    /// Change a site.
    UpdateSite = "updateSite",
    /// Make an account a broker, and change its broker part.
    UpdateBroker = "updateBroker",
    /// Create a contact.
    CreateContact = "createContact",
    /// Change a contact.
    UpdateContact = "updateContact",
    /// Give a contact a place in an account.
    LinkContact = "linkContact",
    /// End a contact's place in an account.
    UnlinkContact = "unlinkContact",
    /// Give accounts to another delegate.
    MovePortfolio = "movePortfolio",
    /// Read deals.
    ReadOpportunities = "readOpportunities",
    /// Create a deal.
    CreateOpportunity = "createOpportunity",
    /// Change a deal.
    UpdateOpportunity = "updateOpportunity",
    /// Give a deal to another delegate.
    ReassignOppy = "reassignOppy",
    /// Fill in a deal sheet.
    FillDealSheet = "fillDealSheet",
    /// Take a deal to its next stage.
    AdvanceOppy = "advanceOppy",
    /// Stop a deal.
    StopOppy = "stopOppy",
    /// Take up a deal that is on hold.
    ResumeOppy = "resumeOppy",
    /// Open a stopped deal again.
    ReopenOppy = "reopenOppy",
    /// Record that a won deal fell through.
    AnnulOppy = "annulOppy",
    /// Decide Go or No Go as the regional manager.
    DecideGoAsRr = "decideGo" / "rr",
    /// Decide it where no manager of the region may.
    DecideGoAsDirector = "decideGo" / "director",
    /// Ask for a committee.
    RequestCommittee = "requestCommittee",
    /// Accept such a request.
    AcceptCommitteeRequest = "acceptCommitteeRequest",
    /// Decline such a request.
    DeclineCommitteeRequest = "declineCommitteeRequest",
    /// Plan a committee.
    PlanCommittee = "planCommittee",
    /// Write a committee's minutes.
    RecordMinutes = "recordMinutes",
    /// Record the restricted committee's decision.
    RecordRestrictedDecision = "recordDecision" / "restricted",
    /// Take the extended committee's decision.
    RecordExtendedDecision = "recordDecision" / "extended",
    /// Write the pitch for the extended committee.
    WriteExtendedPitch = "writeExtendedPitch",
    /// Say that a condition of a deal is met.
    MeetCondition = "meetCondition",
    /// Say that a condition is met that is one's own to meet.
    MeetOwnCondition = "meetCondition" / "own",
    /// Waive a condition of the restricted committee.
    WaiveRestrictedCondition = "waiveCondition" / "restricted",
    /// Waive a condition of the extended committee.
    WaiveExtendedCondition = "waiveCondition" / "extended",
    /// Name who answers a deal's client.
    NameResponseTeam = "nameResponseTeam",
    /// Name who answers a deal's client, of a large deal, as the engagement manager.
    NameResponseTeamAsEngagement = "nameResponseTeam" / "engagement",
    /// Set a deal's response schedule.
    SetResponseSchedule = "setResponseSchedule",
    /// Set a deal's response schedule, of a large deal, as the engagement manager.
    SetResponseScheduleAsEngagement = "setResponseSchedule" / "engagement",
    /// Name the teams that sign a proposal off.
    RequireTeams = "requireTeams",
    /// Name the teams that sign a proposal off, of a large deal, as the engagement manager.
    RequireTeamsAsEngagement = "requireTeams" / "engagement",
    /// Declare a part of a proposal ready.
    SetDeliverable = "setDeliverable",
    /// Declare a part of a proposal ready, of a large deal, as the engagement manager.
    SetDeliverableAsEngagement = "setDeliverable" / "engagement",
    /// Record a team's sign-off.
    RecordSignOff = "recordSignOff",
    /// Record a team's sign-off, of a large deal, as the engagement manager.
    RecordSignOffAsEngagement = "recordSignOff" / "engagement",
    /// Record the review of a proposal.
    RecordProposalReview = "recordProposalReview",
    /// Record the review of a proposal, of a large deal, as the engagement manager.
    RecordProposalReviewAsEngagement = "recordProposalReview" / "engagement",
    /// Record that a proposal was sent.
    SendProposal = "sendProposal",
    /// Record that a proposal was sent, of a large deal, as the engagement manager.
    SendProposalAsEngagement = "sendProposal" / "engagement",
    /// Say what is negotiated.
    SetNegotiationKind = "setNegotiationKind",
    /// Say what is negotiated, of a large deal, as the engagement manager.
    SetNegotiationKindAsEngagement = "setNegotiationKind" / "engagement",
    /// Set a deal's discount.
    SetDiscount = "setDiscount",
    /// Set a deal's discount, of a large deal, as the engagement manager.
    SetDiscountAsEngagement = "setDiscount" / "engagement",
    /// Set a deal's reverse schedule.
    SetReverseSchedule = "setReverseSchedule",
    /// Set a deal's reverse schedule, of a large deal, as the engagement manager.
    SetReverseScheduleAsEngagement = "setReverseSchedule" / "engagement",
    /// Draft an answer to a client.
    DraftAnswer = "draftAnswer",
    /// Draft an answer to a client, of a large deal, as the engagement manager.
    DraftAnswerAsEngagement = "draftAnswer" / "engagement",
    /// Record that an answer was sent.
    SendAnswer = "sendAnswer",
    /// Record that an answer was sent, of a large deal, as the engagement manager.
    SendAnswerAsEngagement = "sendAnswer" / "engagement",
    /// Record a client's formal agreement.
    RecordClientAgreement = "recordClientAgreement",
    /// Record a client's formal agreement, of a large deal, as the engagement manager.
    RecordClientAgreementAsEngagement = "recordClientAgreement" / "engagement",
    /// Agree to a discount as the regional manager.
    ApproveDiscountAsRr = "approveDiscount" / "rr",
    /// Agree to a discount as the director.
    ApproveDiscountAsDirector = "approveDiscount" / "director",
    /// Approve an answer as the regional manager.
    ApproveAnswerAsRr = "approveAnswer" / "rr",
    /// Approve an answer of a large deal as the engagement manager.
    ApproveAnswerAsEngagement = "approveAnswer" / "engagement",
    /// Approve an answer where no manager of the region may.
    ApproveAnswerAsDirector = "approveAnswer" / "director",
    /// Attach a document to a contract.
    AttachContractDocument = "attachContractDocument",
    /// Check contract documents first, as the assistant.
    CheckDocumentsFirst = "checkOppyDocuments" / "assistant",
    /// Check them first because one was named.
    CheckDocumentsAsNamed = "checkOppyDocuments" / "named",
    /// Check them second, as sales administration.
    CheckDocumentsSecond = "checkOppyDocuments" / "sales_admin",
    /// Name who makes the first check where no assistant may.
    NameOppyChecker = "nameOppyChecker",
    /// Hand in replaced contract documents.
    ResubmitOppyDocuments = "resubmitOppyDocuments",
    /// Read the rules of the sales process.
    ReadPlaybook = "playbook",
    /// Change the rules of the sales process.
    UpdatePlaybook = "updatePlaybook",
    /// Read the forecast: board, waterfall, analytics and quotas.
    ReadForecast = "readForecast",
    /// Set what a person or a team is to sign in a quarter.
    SetQuota = "setQuota",
    /// Read webhooks and their deliveries.
    ReadWebhooks = "readWebhooks",
    /// Register a webhook.
    CreateWebhook = "createWebhook",
    /// Change a webhook.
    UpdateWebhook = "updateWebhook",
    /// Have a webhook told again.
    EnableWebhook = "enableWebhook",
    /// Switch a webhook off.
    DisableWebhook = "disableWebhook",
    /// Delete a webhook.
    DeleteWebhook = "deleteWebhook",
    /// Give a webhook another secret.
    RotateWebhookSecret = "rotateWebhookSecret",
    /// Send a test to a webhook.
    TestWebhook = "testWebhook",
    /// Have a webhook told again of what happened.
    ReplayWebhook = "replayWebhook",
    /// Begin a delivery again.
    ReplayDelivery = "replayDelivery",
}

impl Permission {
    /// The permission that a policy line names.
    #[must_use]
    pub fn find(object: &str, step: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.object() == object && p.step() == step)
    }
}

/// A set of permissions: what decides which schema somebody sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PermissionSet([u128; 2]);

const _: () = assert!(Permission::COUNT <= 256, "PermissionSet has a bit for each permission");

/// Which half of a set has the bit of a permission, and that bit.
const fn bit(permission: Permission) -> (usize, u128) {
    let place = permission as u8;
    ((place >> 7) as usize, 1 << (place & 127))
}

impl PermissionSet {
    /// Every permission.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether it holds a permission.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        let (half, bit) = bit(permission);
        self.0[half] & bit != 0
    }

    /// Whether any permission is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        let ([a, b], [c, d]) = (self.0, other.0);
        (a & c) | (b & d) != 0
    }

    /// Its permissions, in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |p| self.contains(*p))
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([a | c, b | d])
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold([0; 2], |mut bits, permission| {
            let (half, bit) = bit(permission);
            bits[half] |= bit;
            bits
        }))
    }
}
