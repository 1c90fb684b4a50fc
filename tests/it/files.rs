//! Files on their way in and out (G-18, D-2).

use ::entity::{
    budgets::budget_year,
    orders::{attachment, order, upload},
    vocabulary::{AttachmentId, OrderId, PersonId, UploadId},
};
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use reqwest::{Method, StatusCode};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use sesame::{
    authz::Caller,
    files::{self, FileProblem, Taken},
    op::Op,
};
use sha2::{Digest, Sha256};

use crate::{
    app::{TestApp, User, id, insert, noon},
    harness::{Backend, Trial, trials},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both g18_a_file_comes_in_once_and_goes_out_as_it_came,
    ]
}

const CREATE: &str = "mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
    upload { id name url expiresAt } userErrors { code field message } } }";

const PDF: &[u8] = b"%PDF-1.7\nune facture\n%%EOF\n";
