//! What is shipped beside the code: the examples of `deploy/` name what there is, and what Sésame is built from is
//! what `.deny.toml` allows (K-15).

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use sesame::config::{Partial, Settings};
use toml::{Table, Value};

use crate::harness::{Trial, trials};

pub fn trials() -> Vec<Trial> {
    trials![
        once the_example_of_settings_names_each_with_its_default,
        once the_shipped_commands_and_variables_are_there,
        once k15_dependencies_come_from_one_place_under_known_licences,
        once k15_licence_expressions_are_read,
    ]
}

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn text(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn settings(toml: &str) -> BTreeMap<String, String> {
    let file: Partial = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    let settings = Settings::resolve(&Partial::default(), &Partial::default(), &file);
    settings.check().expect("settings that can be worked with");
    let told = settings.describe();
    let lines = told.lines().map(|line| {
        let (name, rest) = line.split_once(" = ").expect("a setting");
        (name.to_owned(), rest.split("  # ").next().unwrap_or_default().to_owned())
    });
    lines.collect()
}

/// What an example of an issuer says, without which nothing is told of issuers.
const ISSUER: &str = "[oidc]\nissuer = \"https://login.example\"\naudience = [\"sesame\"]";

/// Lines such as `#port = 8080` are settings that are left as they are; `# ` begins a remark. Where nothing is the
/// default, the line shows what could be said.
async fn the_example_of_settings_names_each_with_its_default() {
    let example = text("deploy/sesame.toml");
    settings(&example);
    let names_one = |line: &str| line.starts_with(|sign: char| sign.is_ascii_lowercase());
    let is_left = |line: &str| line.strip_prefix('#').is_some_and(names_one);
    let of = |keeps: &dyn Fn(&str) -> bool| {
        let lines = example.lines().filter(|line| line.starts_with('[') || keeps(line));
        lines.map(|line| line.strip_prefix('#').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    };
    let (shipped, left) = (settings(ISSUER), settings(&of(&is_left)));
    for (name, value) in shipped.iter().filter(|(_, value)| *value != "none") {
        assert_eq!(left.get(name), Some(value), "{name}: the example says what its default is");
    }
    let everything: Table = toml::from_str(&of(&|line| is_left(line) || names_one(line))).expect("each is named once");
    let mut named = BTreeSet::new();
    for (name, value) in &everything {
        match value {
            Value::Table(inner) => named.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            _ => named.extend([name.clone()]),
        }
    }
    let known: BTreeSet<String> = shipped.into_keys().collect();
    assert_eq!(named, known, "every setting is in the example, and no other");
}

async fn the_shipped_commands_and_variables_are_there() {
    let command = sesame::cli::command();
    let is_known = |name: &str| command.get_subcommands().any(|known| known.get_name() == name);
    for (file, pattern) in [
        ("deploy/Dockerfile", "\"/usr/local/bin/sesame\", \"ready\""),
        ("deploy/Dockerfile", "CMD [\"serve\"]"),
        ("deploy/sesame@.service", "--port %i serve"),
    ] {
        assert!(text(file).contains(pattern), "{file} has no «{pattern}»");
    }
    let guide = text("deploy/README.md");
    let shown = guide.lines().filter_map(|line| line.split("sesame ").nth(1)?.split_whitespace().next());
    let mut seen = 0;
    for name in shown.filter(|name| name.chars().all(|sign| sign.is_ascii_lowercase())) {
        seen += usize::from(is_known(name));
    }
    assert!(seen >= 4 && is_known("serve") && is_known("ready"), "{seen} commands in the guide");
    for file in ["deploy/Dockerfile", "deploy/compose.yaml", "deploy/README.md", "deploy/sesame@.service"] {
        let text = text(file);
        let mut variables: Vec<&str> = text
            .split(|sign: char| !sign.is_ascii_uppercase() && sign != '_')
            .filter(|word| word.starts_with("SESAME_") && !word.ends_with('_'))
            .collect();
        variables.dedup();
        for variable in variables {
            let asked = std::cell::RefCell::new(BTreeSet::new());
            let _read = Partial::from_environment(|name| {
                asked.borrow_mut().insert(name.to_owned());
                None
            });
            assert!(asked.borrow().contains(variable), "{file}: there is no {variable}");
        }
    }
}

/// What `.deny.toml` says.
struct Rules {
    allowed: BTreeSet<String>,
    exceptions: BTreeMap<String, BTreeSet<String>>,
    single: BTreeSet<String>,
    registries: BTreeSet<String>,
}

fn strings(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().expect("a list");
    list.iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
}

impl Rules {
    fn read() -> Self {
        let rules: Table = toml::from_str(&text(".deny.toml")).expect("TOML");
        let exceptions = rules["licenses"]["exceptions"].as_array().expect("a list").iter();
        let single = rules["bans"]["deny"].as_array().expect("a list").iter();
        let name = |entry: &Value| entry["crate"].as_str().expect("a crate").to_owned();
        Self {
            allowed: strings(&rules["licenses"]["allow"]),
            exceptions: exceptions.map(|entry| (name(entry), strings(&entry["allow"]))).collect(),
            single: single.map(name).collect(),
            registries: strings(&rules["sources"]["allow-registry"]),
        }
    }

    fn allow(&self, name: &str, licence: &str) -> bool {
        let more = self.exceptions.get(name);
        is_met(licence, &|one| self.allowed.contains(one) || more.is_some_and(|more| more.contains(one)))
    }
}

/// Whether a licence expression can be met with the licences that are allowed.
fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = either(&words, allowed);
    met && rest.is_empty()
}

fn either<'a, 'w>(words: &'a [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'w str]) {
    let (mut met, mut rest) = both(words, allowed);
    while let Some((&"OR", more)) = rest.split_first() {
        let (other, left) = both(more, allowed);
        (met, rest) = (met | other, left);
    }
    (met, rest)
}

fn both<'a, 'w>(words: &'a [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'w str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let Some((&"AND", more)) = rest.split_first() {
        let (other, left) = one(more, allowed);
        (met, rest) = (met & other, left);
    }
    (met, rest)
}

fn one<'a, 'w>(words: &'a [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'w str]) {
    match words {
        ["(", rest @ ..] => {
            let (met, rest) = either(rest, allowed);
            (met, rest.strip_prefix(&[")"]).unwrap_or(rest))
        }
        [name, "WITH", exception, rest @ ..] => (allowed(&format!("{name} WITH {exception}")), rest),
        // «Or any later version» is met by this one.
        [name, rest @ ..] => (allowed(name.trim_end_matches('+')), rest),
        [] => (false, words),
    }
}

async fn k15_licence_expressions_are_read() {
    let met = |expression: &str| {
        is_met(expression, &|name| ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].contains(&name))
    };
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/GPL-3.0",
        "(MIT OR X) AND Zlib",
        "X OR MIT AND Zlib",
        "MIT+",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(met(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR X) AND Y", "Apache-2.0", "MIT Zlib"] {
        assert!(!met(bad), "{bad}");
    }
}

/// The folders into which cargo unpacks what comes from registries.
fn unpacked() -> Vec<PathBuf> {
    let home =
        env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")));
    let folders = home.map(|home| home.join("registry").join("src"));
    let entries = folders.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

async fn k15_dependencies_come_from_one_place_under_known_licences() {
    let (rules, unpacked) = (Rules::read(), unpacked());
    let lock: Table = toml::from_str(&text("Cargo.lock")).expect("TOML");
    let (mut versions, mut looked) = (BTreeMap::<String, Vec<String>>::new(), 0);
    for package in lock["package"].as_array().expect("packages") {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let (name, version) = (field("name").expect("a name"), field("version").expect("a version"));
        versions.entry(name.to_owned()).or_default().push(version.to_owned());
        let Some(source) = field("source") else {
            assert!(["sesame", "entity", "migration"].contains(&name), "{name} comes from a folder");
            continue;
        };
        let registry = source.strip_prefix("registry+").unwrap_or(source);
        assert!(rules.registries.contains(registry), "{name} comes from {source}");
        assert!(field("checksum").is_some(), "{name} has no checksum");
        // What is for other machines only is not there.
        let manifest = unpacked.iter().map(|folder| folder.join(format!("{name}-{version}/Cargo.toml")));
        let Some(manifest) = manifest.into_iter().find_map(|path| fs::read_to_string(path).ok()) else { continue };
        let manifest: Table = toml::from_str(&manifest).expect("TOML");
        let licence = manifest["package"].get("license").and_then(Value::as_str).unwrap_or_default();
        assert!(rules.allow(name, licence), "{name} {version} is under «{licence}», which .deny.toml does not allow");
        looked += 1;
    }
    assert!(looked * 10 > versions.len() * 8, "the licences of {looked} packages of {} are known", versions.len());
    for name in &rules.single {
        assert_eq!(
            versions.get(name).map(Vec::len),
            Some(1),
            "there is one version of {name}: {:?}",
            versions.get(name)
        );
    }
}
