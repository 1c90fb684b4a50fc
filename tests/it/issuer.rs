//! A real OpenID Connect issuer on loopback: npm's `oidc-provider`, run by node as a child of the trial.
//!
//! `tests/oidc` holds its script and pins its needs; these are installed once, outside the tree, in the
//! user's cache. Without node the trials that need it are ignored, loudly (`SESAME_REQUIRE_NODE=1` makes
//! them fail instead).

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::Duration,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{sync::OnceCell, task::spawn_blocking, time::timeout};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc");
/// The service that the issuer's tokens are meant for.
pub const AUDIENCE: &str = "urn:sesame";
/// The client that gets them.
pub const CLIENT: &str = "sesame-web";

/// Whether trials with an issuer have to be left out.
pub fn is_missing() -> bool {
    static MISSING: LazyLock<bool> = LazyLock::new(|| {
        let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
        let is_there = has("node") && (has("npm") || modules().join("node_modules").exists());
        let required = std::env::var_os("SESAME_REQUIRE_NODE").is_some_and(|value| value == "1");
        if !is_there && !required {
            eprintln!("\n!!! SIGNING IN AT AN ISSUER IS NOT TESTED: install node and npm\n");
        }
        !is_there && !required
    });
    *MISSING
}

/// Where the issuer's needs are installed: one folder for each set of them.
fn modules() -> PathBuf {
    let lock = std::fs::read(format!("{FOLDER}/package-lock.json")).expect("tests/oidc/package-lock.json");
    let name = sesame_hex(&Sha256::digest(lock)[..8]);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    cache.join("sesame").join(format!("oidc-{name}"))
}

fn sesame_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Installs what the issuer needs, where it is not yet there.
async fn installed() -> &'static Path {
    static READY: OnceCell<PathBuf> = OnceCell::const_new();
    READY.get_or_init(install).await
}

async fn install() -> PathBuf {
    let folder = modules();
    if folder.join("node_modules").exists() {
        return folder;
    }
    // Made beside it, and put in its place when it is whole: several may do so at once.
    let parent = folder.parent().expect("a folder").to_owned();
    std::fs::create_dir_all(&parent).expect("a cache");
    let fresh = tempfile::tempdir_in(&parent).expect("a folder").keep();
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(format!("{FOLDER}/{file}"), fresh.join(file)).expect(file);
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&fresh);
    let done = timeout(Duration::from_secs(240), spawn_blocking(move || npm.output())).await;
    let done = done.expect("npm ci takes too long").expect("a thread").expect("npm");
    assert!(done.status.success(), "npm ci: {}", String::from_utf8_lossy(&done.stderr));
    if std::fs::rename(&fresh, &folder).is_err() {
        std::fs::remove_dir_all(&fresh).expect("what another made first");
    }
    folder
}

/// The issuer, as long as this value lives.
pub struct Issuer {
    pub name: String,
    http: reqwest::Client,
    _child: Killed,
}

/// A process that ends with this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Issuer {
    pub async fn start() -> Self {
        let modules = installed().await;
        let mut child = Command::new("node")
            .arg(format!("{FOLDER}/issuer.mjs"))
            .env("SESAME_OIDC_MODULES", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node");
        let mut output = BufReader::new(child.stdout.take().expect("an output"));
        let child = Killed(child);
        let first = spawn_blocking(move || {
            let mut line = String::new();
            output.read_line(&mut line).map(|_| line)
        });
        let says = timeout(Duration::from_secs(60), first).await.expect("an issuer within a minute");
        let says = says.expect("a thread").expect("a line");
        let says: Value = serde_json::from_str(&says).expect("JSON");
        let name = says["issuer"].as_str().expect("its name").to_owned();
        Self { name, http: reqwest::Client::new(), _child: child }
    }

    /// Has the issuer do something that no issuer offers.
    pub async fn test(&self, what: &str, with: Value) -> Value {
        let request = self.http.post(format!("{}/test/{what}", self.name)).json(&with);
        let response = request.send().await.expect("an answer");
        let is_good = response.status().is_success();
        let text = response.text().await.expect("a text");
        assert!(is_good, "{what}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// A token of somebody's, as if they had signed in.
    pub async fn token(&self, sub: &str) -> String {
        text(&self.test("token", json!({ "sub": sub })).await)
    }

    /// The same of a session of theirs, or with another life.
    pub async fn token_with(&self, sub: &str, more: Value) -> String {
        let mut asked = json!({ "sub": sub });
        asked.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        text(&self.test("token", asked).await)
    }

    /// A token that it would never make.
    pub async fn signed(&self, by: &str, header: Value, claims: Value) -> String {
        text(&self.test("sign", json!({ "by": by, "header": header, "claims": claims })).await)
    }

    /// How often its keys were fetched.
    pub async fn fetches(&self) -> i64 {
        self.test("counts", json!({})).await["jwks"].as_i64().expect("a number")
    }
}

fn text(answer: &Value) -> String {
    answer["token"].as_str().expect("a token").to_owned()
}
