//! The compose files and `compose/kafka-local` describe the same broker.
//!
//! Whoever tries the crate on the one and runs its tests on the other must meet the same replication,
//! timeouts and refusals. The script prints what it would write (`kafka-local properties NODES`), the
//! compose files are read as the official image reads them; what both set must be equal, except for the
//! rows of [`MAY_DIFFER`].
#![cfg(test)]
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use yaml_rust2::Yaml;
use yaml_rust2::YamlLoader;

/// The properties of one broker.
type Properties = BTreeMap<String, String>;

/// What the two set to different values, and why. A row that no longer differs is a fault.
const MAY_DIFFER: &[(&str, &str)] = &[
    (
        "advertised.listeners",
        "containers need an address of their own beside the host's; the script adds SASL and TLS listeners",
    ),
    (
        "controller.quorum.voters",
        "host names of containers there, ports of 127.0.0.1 here",
    ),
    (
        "listener.security.protocol.map",
        "names the listeners, which differ",
    ),
    (
        "listeners",
        "every container has the same ports, the script's nodes share one address",
    ),
    (
        "log.dirs",
        "a directory inside the container, the script's own folder",
    ),
];

/// What a producer can notice, and what decides how long it notices it: set by both, so compared.
const SEEN_BY_A_PRODUCER: &[&str] = &[
    "auto.create.topics.enable",
    "broker.heartbeat.interval.ms",
    "broker.session.timeout.ms",
    "controlled.shutdown.enable",
    "controller.quorum.election.timeout.ms",
    "controller.quorum.fetch.timeout.ms",
    "default.replication.factor",
    "group.initial.rebalance.delay.ms",
    "min.insync.replicas",
    "num.partitions",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "process.roles",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "transaction.state.log.min.isr",
    "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
];

/// Variables that the image's start scripts read themselves instead of making a property of them.
const NOT_A_PROPERTY: &[&str] = &[
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_OPTS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_VERSION",
];

#[test]
fn one_node_is_the_same_broker_with_and_without_docker() {
    compare("kafka.yml", 1);
}

#[test]
fn three_nodes_are_the_same_cluster_with_and_without_docker() {
    compare("cluster.yml", 3);
}

#[test]
fn every_image_is_the_version_of_the_pom() {
    let pom = read("pom.xml");
    let version = pom
        .split_once("<kafka.version>")
        .and_then(|(_, rest)| rest.split_once("</kafka.version>"))
        .map(|(version, _)| version)
        .expect("compose/pom.xml has a kafka.version");
    for file in ["kafka.yml", "cluster.yml"] {
        for (name, service) in services(&read(file)) {
            let image = text(merged(&service).get("image").expect("an image"));
            assert_eq!(
                image,
                format!("apache/kafka:{version}"),
                "service `{name}` of compose/{file}"
            );
        }
    }
}

#[test]
fn variables_become_properties_by_the_rule_of_the_image() {
    let rows = [
        ("KAFKA_NODE_ID", Some("node.id")),
        ("KAFKA_A__B___C_D", Some("a_b-c.d")),
        (
            "KAFKA_LISTENER_NAME_AUTH_SCRAM___SHA___256_SASL_JAAS_CONFIG",
            Some("listener.name.auth.scram-sha-256.sasl.jaas.config"),
        ),
        ("KAFKA_HEAP_OPTS", None),
        ("CLUSTER_ID", None),
    ];
    for (variable, property) in rows {
        assert_eq!(property_name(variable).as_deref(), property, "{variable}");
    }
}

#[test]
fn a_merged_mapping_yields_to_its_own_entries() {
    let text = "x: &x {KAFKA_NODE_ID: 7, KAFKA_NUM_PARTITIONS: 3}\nservices:\n  k:\n    environment:\n      <<: *x\n      KAFKA_NODE_ID: 1\n";
    let found = brokers(text);
    let expected = Properties::from([
        ("node.id".to_owned(), "1".to_owned()),
        ("num.partitions".to_owned(), "3".to_owned()),
    ]);
    assert_eq!(found, [expected]);
}

#[test]
fn a_difference_a_missing_property_and_a_stale_row_are_found() {
    let full = |value: &str| -> Properties {
        SEEN_BY_A_PRODUCER
            .iter()
            .chain(MAY_DIFFER.iter().map(|(name, _)| name))
            .map(|name| ((*name).to_owned(), value.to_owned()))
            .collect()
    };
    let mut docker = full("1");
    let mut script = full("1");
    for (name, _) in MAY_DIFFER {
        script.insert((*name).to_owned(), "2".to_owned());
    }
    assert_eq!(differences(&docker, &script), Vec::<String>::new());

    docker.insert("message.max.bytes".to_owned(), "10".to_owned());
    assert_eq!(differences(&docker, &script), Vec::<String>::new());
    script.insert("message.max.bytes".to_owned(), "20".to_owned());
    script.remove("num.partitions");
    script.insert("log.dirs".to_owned(), "1".to_owned());
    assert_eq!(
        differences(&docker, &script),
        [
            "`message.max.bytes` is `10` in the compose file, `20` in kafka-local",
            "`log.dirs` is the same on both sides: take its row out of MAY_DIFFER",
            "`num.partitions` is missing in kafka-local",
        ]
    );
}

/// Compares each node of a compose file with the node of the same id that the script would start.
#[track_caller]
fn compare(file: &str, nodes: usize) {
    let Some(printed) = kafka_local(nodes) else {
        println!("skipped: bash is not there, so compose/kafka-local cannot be asked");
        return;
    };
    let script = by_node(sections(&printed));
    let docker = by_node(brokers(&read(file)));
    let ids: Vec<_> = docker.keys().cloned().collect();
    let expected: Vec<_> = (1..=nodes).map(|id| id.to_string()).collect();
    assert_eq!(ids, expected, "node ids of compose/{file}");
    assert!(
        script.keys().eq(docker.keys()),
        "kafka-local printed {:?}",
        script.keys()
    );
    for (id, properties) in &docker {
        let found = differences(properties, &script[id]);
        assert!(
            found.is_empty(),
            "compose/{file}, node {id}:\n{}",
            found.join("\n")
        );
    }
}

/// Says where the two brokers contradict each other, and what a producer depends on and one leaves open.
fn differences(docker: &Properties, script: &Properties) -> Vec<String> {
    let reason = |name: &str| MAY_DIFFER.iter().find(|(row, _)| *row == name);
    let mut found = Vec::new();
    for (name, here) in docker {
        match script.get(name) {
            Some(there) if here != there && reason(name).is_none() => found.push(format!(
                "`{name}` is `{here}` in the compose file, `{there}` in kafka-local"
            )),
            _ => {}
        }
    }
    for (name, _) in MAY_DIFFER {
        if docker.get(*name) == script.get(*name) {
            found.push(format!(
                "`{name}` is the same on both sides: take its row out of MAY_DIFFER"
            ));
        }
    }
    for name in SEEN_BY_A_PRODUCER {
        for (side, properties) in [("the compose file", docker), ("kafka-local", script)] {
            if !properties.contains_key(*name) {
                found.push(format!("`{name}` is missing in {side}"));
            }
        }
    }
    found
}

/// What `kafka-local properties NODES` prints, or nothing where there is no bash.
fn kafka_local(nodes: usize) -> Option<String> {
    let mut command = Command::new("bash");
    command
        .arg(folder().join("kafka-local"))
        .arg("properties")
        .arg(nodes.to_string());
    // A developer's own settings are not what is compared.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KAFKA_LOCAL_") {
            command.env_remove(name);
        }
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("bash does not start: {error}"),
    };
    assert!(
        output.status.success(),
        "kafka-local properties {nodes}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).expect("property files are text"))
}

/// The properties per node out of the script's print; `# node N` opens each, the last of equal names wins.
fn sections(printed: &str) -> Vec<Properties> {
    let mut found = Vec::new();
    for line in printed.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("# node ") {
            found.push(Properties::new());
            continue;
        }
        let (name, value) = line.split_once('=').expect("NAME=VALUE");
        found
            .last_mut()
            .expect("`# node N` comes first")
            .insert(name.to_owned(), value.to_owned());
    }
    found
}

/// The properties of each service of a compose file that is a broker, i.e. has a node id.
fn brokers(compose: &str) -> Vec<Properties> {
    let mut found = Vec::new();
    for (_, service) in services(compose) {
        let service = merged(&service);
        let Some(environment) = service.get("environment") else {
            continue;
        };
        let properties: Properties = merged(environment)
            .iter()
            .filter_map(|(name, value)| Some((property_name(name)?, text(value))))
            .collect();
        if properties.contains_key("node.id") {
            found.push(properties);
        }
    }
    found
}

fn by_node(brokers: Vec<Properties>) -> BTreeMap<String, Properties> {
    let count = brokers.len();
    let found: BTreeMap<_, _> = brokers
        .into_iter()
        .map(|properties| (properties["node.id"].clone(), properties))
        .collect();
    assert_eq!(found.len(), count, "two nodes have one id");
    found
}

/// The property that the image makes of an environment variable.
fn property_name(variable: &str) -> Option<String> {
    if NOT_A_PROPERTY.contains(&variable) {
        return None;
    }
    // `-` and the kept underscore stand in for each other's place until the single ones are dots.
    let name = variable.strip_prefix("KAFKA_")?.to_lowercase();
    let name = name.replace("___", "-").replace("__", "\0");
    Some(name.replace('_', ".").replace('\0', "_"))
}

fn services(compose: &str) -> BTreeMap<String, Yaml> {
    let documents = YamlLoader::load_from_str(compose).expect("a compose file is YAML");
    let document = documents.first().expect("a compose file has a document");
    merged(&merged(document)["services"])
}

/// A mapping with what `<<` brings in put below its own entries.
fn merged(mapping: &Yaml) -> BTreeMap<String, Yaml> {
    let own = mapping.as_hash().expect("a mapping");
    let mut found = BTreeMap::new();
    for (name, value) in own {
        if name.as_str() == Some("<<") {
            found.extend(merged(value));
        }
    }
    for (name, value) in own {
        let name = name.as_str().expect("a name is a string");
        if name != "<<" {
            found.insert(name.to_owned(), value.clone());
        }
    }
    found
}

/// A scalar as the container's environment gets it. Compose itself refuses a bare `true`.
fn text(value: &Yaml) -> String {
    match value {
        Yaml::String(text) => text.clone(),
        Yaml::Integer(number) => number.to_string(),
        other => panic!("a number or a quoted string is needed, found {other:?}"),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compose")
}

fn read(file: &str) -> String {
    let path = folder().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
