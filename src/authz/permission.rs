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
    /// Create a role.
    CreateRole = "createRole",
    /// Read the policy.
    ReadPolicy = "readPolicy",
    /// Change the policy.
    ChangePolicy = "changePolicy",
    /// See the network: regions, delegations and the people in them.
    ReadNetwork = "readNetwork",
    /// See what waits for one.
    WorkQueue = "workQueue",
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
pub struct PermissionSet(u128);

const _: () = assert!(Permission::COUNT <= 128, "PermissionSet has a bit for each permission");

impl PermissionSet {
    /// Every permission.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether it holds a permission.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether any permission is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Its permissions, in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |p| self.contains(*p))
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, p| bits | 1 << p as u8))
    }
}
