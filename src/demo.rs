//! The demonstration network: made from a seed, believable, the same every time.

/// Password of every demonstration account, in demo mode only.
pub const PASSWORD: &str = "sesame-demo";

/// An account to try Sésame with.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// What one signs in with.
    pub email: &'static str,
    /// Who it is.
    pub label: &'static str,
    /// Code of its role.
    pub role: &'static str,
}

/// The accounts to try Sésame with.
pub const ACCOUNTS: &[Account] = &[
    Account { email: "delegate@demo.example", label: "Délégué", role: "DELEGATE" },
    Account { email: "delegate2@demo.example", label: "Délégué, même délégation", role: "DELEGATE" },
    Account { email: "delegate3@demo.example", label: "Délégué, autre région", role: "DELEGATE" },
    Account { email: "assistant@demo.example", label: "Assistante commerciale", role: "ASSISTANT" },
    Account { email: "rr@demo.example", label: "Responsable régionale", role: "RR" },
    Account { email: "rr2@demo.example", label: "Responsable régional, autre région", role: "RR" },
    Account { email: "pdv@demo.example", label: "Promotion des ventes", role: "PDV" },
    Account { email: "sales-admin@demo.example", label: "Administration des ventes", role: "SALES_ADMIN" },
    Account { email: "director@demo.example", label: "Direction commerciale", role: "DIRECTOR" },
    Account { email: "platform-admin@demo.example", label: "Administration de la plateforme", role: "PLATFORM_ADMIN" },
];
