//! The Kubernetes manifests: valid, restricted, and stopped only after the server has drained.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::{document, documents, output, path, python_tool, text};
use crate::cli::commands::{Process, hallpass_with};

const DIRECTORY: &str = "deploy/kubernetes";

/// The files of the directory, without the kustomization.
fn files() -> Vec<String> {
    let entries = std::fs::read_dir(path(DIRECTORY)).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "kustomization.yaml").collect();
    names.sort();
    names
}

/// The pods of the manifests, with the name of their file.
fn pods() -> Vec<(String, Value)> {
    let all = files().into_iter().flat_map(|name| {
        let found = documents(&format!("{DIRECTORY}/{name}"));
        found.into_iter().map(move |document| (name.clone(), document))
    });
    all.filter_map(|(name, document)| {
        let pod = document["spec"]["template"]["spec"].clone();
        pod.is_object().then_some((name, pod))
    })
    .collect()
}

#[test]
fn manifests_match_the_kubernetes_schema() {
    let files = files().into_iter().map(|name| path(DIRECTORY).join(name));
    output(python_tool("kubernetes-validate").arg("--strict").args(files));
}

#[test]
fn kustomization_lists_every_manifest() {
    let kustomization = document(&format!("{DIRECTORY}/kustomization.yaml"));
    let listed: Vec<String> = serde_json::from_value(kustomization["resources"].clone()).unwrap();
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(sorted, files());
    for (name, pod) in pods() {
        let image = &pod["containers"][0]["image"];
        assert_eq!(image, &kustomization["images"][0]["name"], "{name}");
    }
}

#[test]
fn pods_have_no_privileges() {
    assert_eq!(pods().len(), 2);
    for (name, pod) in pods() {
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        let of_pod = &pod["securityContext"];
        assert_eq!(of_pod["runAsNonRoot"], true, "{name}");
        assert_eq!(of_pod["runAsUser"], 65532, "{name}: the user of the image");
        assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        for container in pod["containers"].as_array().unwrap() {
            let expected = json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            });
            assert_eq!(container["securityContext"], expected, "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
        }
    }
}

#[test]
fn pods_have_no_variables_of_services() {
    // What Kubernetes adds for a Service named hallpass stops the server.
    let variables = [("HALLPASS_PORT", "tcp://10.0.0.1:80")];
    assert_eq!(hallpass_with(&[], &variables).code, 2);
    for (name, pod) in pods() {
        assert_eq!(pod["enableServiceLinks"], false, "{name}");
    }
}

#[test]
fn grace_period_is_longer_than_the_drain() {
    let kustomization = document(&format!("{DIRECTORY}/kustomization.yaml"));
    let literals = kustomization["configMapGenerator"][0]["literals"].as_array().unwrap();
    let delay = literals.iter().find_map(|it| it.as_str()?.strip_prefix("DRAIN_DELAY=")).unwrap();
    let delay: u64 = delay.trim_end_matches('s').parse().unwrap();
    let deployment = document(&format!("{DIRECTORY}/deployment.yaml"));
    let pod = &deployment["spec"]["template"]["spec"];
    // Requests in progress have ten seconds.
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() >= delay + 10 + 5);
    let probe = &pod["containers"][0]["readinessProbe"];
    let number = |name: &str| probe[name].as_u64().unwrap();
    let noticed = number("periodSeconds") * number("failureThreshold") + number("timeoutSeconds");
    assert!(noticed <= delay, "endpoints are removed after {noticed} s, and {delay} s are drained");
}

#[test]
fn replicas_outlast_a_disruption() {
    let deployment = document(&format!("{DIRECTORY}/deployment.yaml"));
    let replicas = deployment["spec"]["replicas"].as_u64().unwrap();
    let budget = document(&format!("{DIRECTORY}/poddisruptionbudget.yaml"));
    assert!(replicas > budget["spec"]["maxUnavailable"].as_u64().unwrap());
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let service = document(&format!("{DIRECTORY}/service.yaml"));
    for selector in [
        &deployment["spec"]["selector"]["matchLabels"],
        &budget["spec"]["selector"]["matchLabels"],
        &service["spec"]["selector"],
    ] {
        assert_eq!(selector, labels);
    }
}

#[tokio::test]
async fn probes_ask_paths_of_the_server() {
    let server = Process::start(&[]);
    let deployment = document(&format!("{DIRECTORY}/deployment.yaml"));
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    for (probe, expected) in
        [("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")]
    {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert_eq!(path, expected);
        let url = format!("{}{path}", server.url);
        assert_eq!(crate::support::app::client().get(url).send().await.unwrap().status(), 200);
    }
}

/// In place of a cluster, for the commands of the documentation: it has the rules of Kubernetes that they could break. A
/// file that is named exists, and a Job that exists is not changed.
const KUBECTL: &str = r#"#!/bin/sh
set -eu
echo "kubectl $*" >> "$CLUSTER/commands"
for argument; do
    case "$argument" in
        --from-file=*) [ -s "${argument##*=}" ] || { echo "no file: $argument" >&2; exit 1; } ;;
    esac
done
case "$*" in
    *"apply -f -"*) cat > /dev/null ;;
    *"delete job hallpass-migrate --ignore-not-found"*) rm -f "$CLUSTER/job" ;;
    *"apply -k "*)
        cat "$3/migrate.yaml" "$3/kustomization.yaml" > "$CLUSTER/new"
        if [ -e "$CLUSTER/job" ] && ! cmp -s "$CLUSTER/job" "$CLUSTER/new"; then
            echo 'The Job "hallpass-migrate" is invalid: spec.template: field is immutable' >&2
            exit 1
        fi
        mv "$CLUSTER/new" "$CLUSTER/job" ;;
esac
"#;

/// The blocks of commands in the section about Kubernetes: once, and after each change.
fn documented_commands() -> [String; 2] {
    let page = text("docs/operations/deploy.md");
    let section = page.split("\n## ").find(|it| it.starts_with("Kubernetes\n")).unwrap();
    let blocks: Vec<_> = section.split("```sh\n").skip(1).collect();
    let blocks = blocks.iter().map(|it| it.split("```").next().unwrap().to_owned());
    blocks.collect::<Vec<_>>().try_into().expect("there are two blocks")
}

#[test]
fn documented_commands_work_after_a_change() {
    let files = tempfile::tempdir().unwrap();
    let at = |name: &str| files.path().join(name);
    for directory in ["bin", "home", "deploy"] {
        std::fs::create_dir(at(directory)).unwrap();
    }
    std::fs::write(at("bin/kubectl"), KUBECTL).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(at("bin/kubectl"), executable).unwrap();
    output(Command::new("cp").arg("-r").arg(path(DIRECTORY)).arg(at("deploy")));
    let run = |commands: &str| {
        let mut shell = Command::new("bash");
        let commands = format!("PATH=\"$CLUSTER/bin:$PATH\"\n{commands}");
        shell.args(["-euo", "pipefail", "-c", &commands]).current_dir(files.path());
        shell.env("HOME", at("home")).env("CLUSTER", files.path());
        output(&mut shell)
    };
    let [once, each_change] = documented_commands();
    run(&once);
    let of_secret = std::fs::metadata(at("home/hallpass-secrets/LOG_ID_KEY")).unwrap();
    assert_eq!(of_secret.permissions().mode() & 0o777, 0o600);
    run(&each_change);
    let kustomization = at("deploy/kubernetes/kustomization.yaml");
    let changed = std::fs::read_to_string(&kustomization)
        .unwrap()
        .replace("DRAIN_DELAY=10s", "DRAIN_DELAY=9s");
    std::fs::write(&kustomization, changed).unwrap();
    run(&each_change);
    // Every secret of the pods is created, with every file that they read.
    let commands = std::fs::read_to_string(at("commands")).unwrap();
    for (name, pod) in pods() {
        let secret = pod["volumes"][0]["secret"]["secretName"].as_str().unwrap();
        let create = format!("create secret generic {secret} ");
        let created = commands.lines().find(|line| line.contains(&create)).unwrap();
        for variable in pod["containers"][0]["env"].as_array().unwrap() {
            let file = variable["value"].as_str().unwrap().rsplit('/').next().unwrap();
            assert!(created.contains(&format!("--from-file={file}")), "{name}: {file}: {created}");
        }
    }
}
