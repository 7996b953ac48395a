//! Settings in deployment files: each exists, secrets come from files where they can, and the server accepts them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{document, documents, text};
use crate::cli::commands::{command, run};

/// The names of all settings, with the files of secrets.
fn known() -> BTreeSet<String> {
    let command = hallpass::cli::command(crate::support::app::application());
    let names = command.get_arguments().filter_map(|it| Some(it.get_env()?.to_str()?.to_owned()));
    names.collect()
}

/// The settings of the container `hallpass` of compose.yaml.
pub fn of_compose() -> Vec<(String, String)> {
    let compose = document("compose.yaml");
    let environment = compose["services"]["hallpass"]["environment"].as_object().unwrap().clone();
    environment
        .into_iter()
        .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
        .collect()
}

/// The settings of the pods, from the generated ConfigMap.
fn of_config_map() -> Vec<(String, String)> {
    let kustomization = document("deploy/kubernetes/kustomization.yaml");
    let literals = kustomization["configMapGenerator"][0]["literals"].as_array().unwrap().clone();
    let pairs = literals.iter().map(|it| it.as_str().unwrap().split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The variables of the container in a manifest: name and value.
fn of_container(manifest: &str) -> Vec<(String, String)> {
    let manifest = documents(manifest).remove(0);
    let container = &manifest["spec"]["template"]["spec"]["containers"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let variables = container["env"].as_array().unwrap().iter();
    variables.map(|it| (text(&it["name"]), text(&it["value"]))).collect()
}

/// The variables of the systemd unit.
fn of_unit() -> Vec<(String, String)> {
    let unit = text("deploy/systemd/hallpass.service");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    lines.map(|it| it.split_once('=').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// The variables of the image.
fn of_image() -> Vec<(String, String)> {
    let file = text("Dockerfile");
    let line = file.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap();
    let pairs = line.split(' ').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn every_setting_in_deploy_files_exists() {
    let known = known();
    for (file, settings) in [
        ("compose.yaml", of_compose()),
        ("kustomization.yaml", of_config_map()),
        ("deployment.yaml", of_container("deploy/kubernetes/deployment.yaml")),
        ("migrate.yaml", of_container("deploy/kubernetes/migrate.yaml")),
        ("hallpass.service", of_unit()),
        ("Dockerfile", of_image()),
    ] {
        assert!(!settings.is_empty(), "{file}");
        for (name, _) in settings {
            assert!(known.contains(&name), "{file} has {name}, which is no setting");
        }
    }
}

/// Runs a command that reads every setting, with these and files in place of those that `secrets` names.
fn accepted(mut settings: Vec<(String, String)>, secrets: &[(String, String)]) {
    let directory = tempfile::tempdir().unwrap();
    for (name, _) in secrets {
        let file = directory.path().join(name);
        let secret = match name.as_str() {
            "DATABASE_URL_FILE" => "postgres://hallpass_server:secret@db.example/hallpass",
            "REDIS_URL_FILE" => "rediss://:secret@redis.example",
            _ => "whsec_aGFsbHBhc3MgaGFsbHBhc3MgaGFsbHBhc3M=",
        };
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        settings.push((name.clone(), file.display().to_string()));
    }
    let settings: Vec<_> = settings.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
    let output = run(&mut command(directory.path(), &["access"], &settings));
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
}

#[test]
fn server_accepts_the_settings_of_each_file() {
    accepted([of_image(), of_compose()].concat(), &[]);
    for manifest in ["deploy/kubernetes/deployment.yaml", "deploy/kubernetes/migrate.yaml"] {
        accepted([of_image(), of_config_map()].concat(), &of_container(manifest));
    }
    let auth = ("BETTER_AUTH_URL".to_owned(), "https://auth.example.com".to_owned());
    accepted(vec![auth], &of_unit());
}

#[test]
fn secrets_of_pods_and_unit_are_files() {
    let command = hallpass::cli::command(crate::support::app::application());
    let secrets = command.get_arguments().filter(|it| it.is_hide_env_values_set());
    let secrets: Vec<_> = secrets.filter_map(|it| it.get_env()?.to_str()).collect();
    assert!(secrets.contains(&"DATABASE_URL") && secrets.contains(&"REDIS_URL"), "{secrets:?}");
    let all = [
        of_config_map(),
        of_container("deploy/kubernetes/deployment.yaml"),
        of_container("deploy/kubernetes/migrate.yaml"),
        of_unit(),
    ];
    for (name, _) in all.concat() {
        assert!(!secrets.contains(&name.as_str()), "{name} is a secret: use {name}_FILE");
    }
}
