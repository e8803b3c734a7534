"""Lints and renders a Helm chart with each of some files of values, and checks the manifests against
the schemas of Kubernetes. Prints the data of each rendered ConfigMap as JSON, by the name of the
values. Takes the folder of the chart."""

import json
import sys
from pathlib import Path

import helm_python as helm
import kubernetes_validate
import yaml

WARNING = 2
# What the schemas of Kubernetes do not have.
OTHERS = {"cert-manager.io/v1", "monitoring.coreos.com/v1"}


def manifests(chart, values, name):
    """Renders the chart, and returns its manifests after they were validated."""
    chart.validate_schema(chart.merge_values(values))
    found = []
    for file, text in chart.render(values, name="release", namespace="herds").items():
        if file.endswith(".txt"):
            continue
        for manifest in filter(None, yaml.safe_load_all(text)):
            if manifest["apiVersion"] not in OTHERS:
                try:
                    version = kubernetes_validate.latest_version()
                    kubernetes_validate.validate(manifest, version, strict=True)
                except Exception as error:
                    # Further lines have the whole manifest.
                    sys.exit(f"{file} with {name}: {str(error).splitlines()[0]}")
            if manifest["kind"] == "PrometheusRule" and not manifest["spec"].get("groups"):
                sys.exit(f"{file} with {name}: the PrometheusRule has no groups")
            found.append(manifest)
    return found


def main(folder):
    linted = helm.lint(folder)
    problems = [said["error"] for said in linted["messages"] if said["severity"] >= WARNING]
    if problems or linted["errors"]:
        sys.exit(f"the chart has problems: {problems} {linted['errors']}")
    values = sorted(Path(folder, "ci").glob("*-values.yaml"))
    refused = sorted(Path(folder, "ci/refused").glob("*.yaml"))
    if not values or not refused:
        sys.exit("the chart has no files of values in ci and ci/refused")
    result = {}
    with helm.Chart.load(folder) as chart:
        for file in values:
            found = manifests(chart, yaml.safe_load(file.read_text()), file.name)
            result[file.name] = [found["data"] for found in found if found["kind"] == "ConfigMap"]
        for file in refused:
            try:
                chart.validate_schema(chart.merge_values(yaml.safe_load(file.read_text())))
            except helm.HelmError:
                continue
            sys.exit(f"the schema of the values does not refuse {file.name}")
    json.dump(result, sys.stdout)


main(sys.argv[1])
