//! The one integration binary: see [`harness`] for how its trials are listed and run.

#![forbid(unsafe_code)]

mod api_keys;
mod app;
mod archives;
mod as_of;
mod as_user;
mod audit;
mod authz_matrix;
mod balanced;
mod budgets;
mod crm;
mod demo;
mod deploy;
mod every_field;
mod excessive;
mod faults;
mod feeds;
mod files;
mod forecast;
mod fuzzing;
mod gaps;
mod harness;
mod house;
mod http;
mod identity;
mod issuer;
mod lists;
mod manifests;
mod network;
mod observe;
mod opportunities;
mod orders;
mod policy;
mod postgres;
mod process;
mod rates;
mod running;
mod schema_walk;
mod sign_in;
mod socket;
mod stream;
mod talk;
mod walk;
mod webhooks;
mod work_queue;

use std::{process::ExitCode, time::Duration};

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

use harness::{Backend, TestDb, Trial, scratch_dir, trials};

fn main() -> ExitCode {
    if let Some(end) = gaps::stock() {
        return end;
    }
    let all = [
        trials(),
        api_keys::trials(),
        archives::trials(),
        as_of::trials(),
        as_user::trials(),
        audit::trials(),
        authz_matrix::trials(),
        balanced::trials(),
        budgets::trials(),
        crm::trials(),
        demo::trials(),
        deploy::trials(),
        every_field::trials(),
        faults::trials(),
        feeds::trials(),
        files::trials(),
        forecast::trials(),
        fuzzing::trials(),
        gaps::trials(),
        house::trials(),
        http::trials(),
        identity::trials(),
        lists::trials(),
        manifests::trials(),
        observe::trials(),
        opportunities::trials(),
        orders::trials(),
        policy::trials(),
        process::trials(),
        rates::trials(),
        running::trials(),
        sign_in::trials(),
        socket::trials(),
        stream::trials(),
        walk::trials(),
        webhooks::trials(),
        work_queue::trials(),
    ];
    harness::run(all.into_iter().flatten().collect())
}

fn trials() -> Vec<Trial> {
    trials![
        both a_template_is_made_once_and_each_copy_is_its_own,
        sqlite a_template_is_complete_though_its_log_was_not_folded,
        postgres a_cluster_goes_away_and_comes_back,
        once a_scratch_directory_goes_with_its_value,
    ]
}

async fn a_template_is_made_once_and_each_copy_is_its_own(backend: Backend) {
    let template = || TestDb::from_template(backend, "one order", create_order);
    let (first, second) = (template().await, template().await);
    assert_eq!(first.backend, backend);
    let db = connect(&first.url).await;
    execute(&db, "INSERT INTO orders VALUES (2)").await;
    execute(&connect(&second.url).await, "INSERT INTO orders VALUES (2)").await;
    assert!(db.execute_unprepared("INSERT INTO orders VALUES (1)").await.is_err());
}

async fn a_template_is_complete_though_its_log_was_not_folded(backend: Backend) {
    let copy = TestDb::from_template(backend, "one order in the log", async |url| {
        execute(&connect(url).await, "PRAGMA journal_mode = WAL").await;
        create_order(url).await;
    });
    let db = connect(&copy.await.url).await;
    assert!(db.execute_unprepared("INSERT INTO orders VALUES (1)").await.is_err());
}

async fn a_cluster_goes_away_and_comes_back(_: Backend) {
    let cluster = postgres::Cluster::start().await.expect("a cluster");
    cluster.create_database("mine", None).await.expect("a database");
    let mut options = ConnectOptions::new(cluster.url("mine"));
    options.acquire_timeout(Duration::from_secs(1));
    let db = Database::connect(options).await.expect("a connection");
    execute(&db, "CREATE TABLE orders (id INT PRIMARY KEY)").await;
    cluster.stop_hard().await.expect("a stopped cluster");
    assert!(db.ping().await.is_err());
    cluster.restart().await.expect("a running cluster");
    execute(&db, "INSERT INTO orders VALUES (1)").await;
}

async fn a_scratch_directory_goes_with_its_value() {
    let directory = scratch_dir();
    let path = directory.path().to_owned();
    assert!(path.is_dir());
    drop(directory);
    assert!(!path.exists());
}

async fn create_order(url: &str) {
    let db = connect(url).await;
    execute(&db, "CREATE TABLE orders (id INT PRIMARY KEY)").await;
    execute(&db, "INSERT INTO orders VALUES (1)").await;
}

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(url).await.expect("a connection")
}

async fn execute(db: &DatabaseConnection, sql: &str) {
    db.execute_unprepared(sql).await.expect(sql);
}
