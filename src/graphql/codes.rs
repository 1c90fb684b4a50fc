//! The codes of user errors and what they mean, in one place, as the schema's descriptions.

/// Codes of every mutation that takes a version, a deputy or a key.
pub const COMMON: &[&str] = &["CONFLICT", "NOT_DEPUTY", "IDEMPOTENCY_MISMATCH"];

/// Every code with its meaning.
const MEANINGS: &[(&str, &str)] = &[
    ("CONFLICT", "The object changed since the caller saw it; the payload carries it as it is now."),
    ("NOT_DEPUTY", "The caller does not stand in for the person named in `onBehalfOf` today."),
    ("IDEMPOTENCY_MISMATCH", "The key was used for a request with other input."),
    ("FORBIDDEN", "The object can be read, but the action does not reach it."),
    ("NOT_FOUND", "There is no such object for the caller."),
    ("WRONG_STATUS", "The object's status does not allow the action."),
    ("NOT_YOUR_STEP", "The action is due, but at another's step of the workflow."),
    ("ACTION_TYPE_REQUIRED", "A custom order names its action type."),
    ("NO_LINES", "A standard order has at least one line."),
    ("QUANTITY_INVALID", "A quantity is at least one."),
    ("ARTICLE_NOT_AVAILABLE", "The article cannot be ordered today."),
    ("OUT_OF_STOCK", "There is not enough stock of the article."),
    ("AMOUNT_INVALID", "An amount is negative, missing or larger than what it is part of."),
    ("DELIVERY_INCOMPLETE", "The delivery address is not complete."),
    ("DETAILS_INCOMPLETE", "A detail that this action needs is missing."),
    ("CHALLENGE_INCOMPLETE", "Something about the challenge is missing."),
    ("BROKER_IN_CHALLENGE_PROGRAMME", "The broker is enrolled in the company-wide challenge programme."),
    ("BROKER_NOT_IN_PORTFOLIO", "The broker is not in the owner's portfolio."),
    ("GOODWILL_NOT_AN_ORDER", "A gesture towards an insured member is made with `requestGoodwill`."),
    ("OWNER_LEFT", "The owner of the order to be copied places no orders any more."),
    ("INTERRUPTED", "A fault came in between; whether this item was decided has to be read."),
    ("RECEIPT_OVERDUE", "Handover receipts are overdue; the details name the orders."),
    ("SPLIT_MAXIMUM", "The family's maximum share of the allocation would be passed."),
    ("SPLIT_MINIMUM", "What remains would not let the other families reach their minimum."),
    ("BUDGET_DEFICIT", "The envelope would fall below zero."),
    ("RR_BUDGET_DEFICIT", "The regional manager's envelope would fall below zero."),
    ("NOT_A_DELEGATE", "Only an active delegate, who owns deals, has a quota of their own."),
    ("SUBMISSION_CLOSED", "The year's closing date for submissions has passed."),
    ("YEAR_NOT_OPEN", "The budget year has not begun or is not open."),
    ("YEAR_CLOSED", "The budget year is closed."),
    ("YEAR_FIXED", "A numbered order keeps its budget year."),
    ("NOT_ALLOCATED", "The owner has no envelope in that year."),
    ("SELF_VALIDATION", "Nobody decides on what they own, created or submitted."),
    ("REASON_REQUIRED", "The decision needs a reason."),
    ("MISSING_DOCUMENTS", "Supporting documents are missing."),
    ("TOO_MANY", "Too many items in one request."),
    ("TOTAL_RAISED", "The total can be lowered here, never raised."),
    ("SHARES_INVALID", "The shares do not fit the total or rise."),
    ("NOT_GIFT_CHEQUES", "The action concerns gift cheques only."),
    ("FILE_REQUIRED", "A file that was sent completely and not attached yet is needed."),
    ("COMMENT_REQUIRED", "A comment is needed."),
    ("DATE_IN_FUTURE", "The date lies in the future."),
    ("DATE_INVALID", "The date lies before what it must follow."),
    ("ALREADY_RECORDED", "It was recorded before."),
    ("CHEQUES_RECEIVED", "The cheques have been received."),
    ("ATTACHMENT_IN_USE", "A transition relied on the attachment."),
    ("ALREADY_ALLOCATED", "The year's budget was shared out before."),
    ("NO_OBJECTIVES", "The objectives add up to nothing, or name nobody."),
    ("BELOW_COMMITTED", "The envelope would hold less than is committed and consumed."),
    ("SELF_BENEFIT", "Nobody moves budget to themselves."),
    ("WRONG_ENVELOPE", "Budget does not move between these envelopes."),
    ("DATE_OUTSIDE_YEAR", "The date does not lie in the budget year."),
    ("DELEGATION_REQUIRED", "Whoever works in no delegation names the one that it comes from."),
    ("EMAIL_TAKEN", "Somebody else has this e-mail address."),
    ("CODE_TAKEN", "The code is taken."),
    ("UNKNOWN_ROLE", "There is no role of this code."),
    ("PASSWORD_TOO_SHORT", "A password has at least twelve characters."),
    ("PLACE_REQUIRED", "A role that works in a delegation or a region needs one."),
    ("LAST_ADMINISTRATOR", "Nobody would be left who may change users or the policy."),
    ("WRONG_CREDENTIALS", "The e-mail address or the password is wrong."),
    ("SESSION_ENDED", "The session has ended; sign in again."),
    ("PERIOD_INVALID", "The period ends before it begins, or has passed."),
    ("DEPUTY_INVALID", "This person cannot stand in."),
    ("ALREADY_ENDED", "The mandate has ended."),
    ("MANDATE_OVERLAPS", "The same person is already named as the deputy on some of these days."),
    ("TOO_MANY_ATTEMPTS", "Too many attempts with a wrong password; the message says when to try again."),
    ("POLICY_LINE_INVALID", "A line of the policy is malformed or names something unknown."),
    ("POLICY_LINE_EXISTS", "The line is already in the policy."),
    ("POLICY_LINE_UNKNOWN", "The line is not in the policy."),
    ("NAME_REQUIRED", "A name is needed."),
    ("FILE_TOO_LARGE", "The file is larger than allowed."),
    ("FILE_TYPE_REFUSED", "Only PDF, PNG, JPEG and office documents are taken."),
];

/// What a code means.
#[must_use]
pub fn description(code: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(name, _)| *name == code).map(|(_, meaning)| *meaning)
}

/// A PascalCase name with a small first letter, as fields are called.
#[must_use]
pub fn camel(pascal: &str) -> String {
    let mut letters = pascal.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}
