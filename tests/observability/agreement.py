#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agreement.py SOURCE: do alerts, dashboard, scrape configurations and documents agree?

Prints a line for each check, `passed: ...` or `FAILED: ...`, and what is wrong. Exit status 1 if a check failed. Needs PyYAML.
That the metrics of the documents are those that are served is checked by tests/acceptance/metrics.sh.
"""
import json
import re
import sys

import yaml

SOURCE = sys.argv[1]
BUILT_IN = {"ALERTS", "up"}


def text_of(path):
    with open(f"{SOURCE}/{path}", encoding="utf-8") as file:
        return file.read()


def yaml_of(path):
    return yaml.safe_load(text_of(path))


def section(document, title):
    return re.search(rf"^## {title}\n(.*?)(?=^## )", document, re.M | re.S).group(1)


OPERATING = text_of("docs/operating.md")
RULES = [rule for group in yaml_of("deploy/observability/alerts.yaml")["groups"] for rule in group["rules"]]
DASHBOARD = json.loads(text_of("deploy/observability/dashboard.json"))
SERVICES = dict(re.findall(r"^([a-z0-9]+) +(\d+) ", text_of("deploy/services.txt"), re.M))
SERVICES["gateway"] = "50050"


def documented_metrics():
    rows = re.findall(r"^\| (`[^|]*_[^|]*`) \|", section(OPERATING, "Metrics"), re.M)
    return {name for row in rows for name in re.findall(r"`([a-z_*]+)`", row)}


def is_documented(metric):
    plain = re.sub(r"_(bucket|sum|count)$", "", metric)
    known = documented_metrics()
    return any(re.fullmatch(name.replace("*", ".*"), one) for name in known for one in (metric, plain))


def metrics_in(expression):
    """The metrics that an expression names: what is no label, function or word of the language."""
    bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"|'[^']*'|\[[^\]]*\]", "", expression)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", "", bare)
    words = re.findall(r"\b[A-Za-z_:][A-Za-z0-9_:]*\b(?!\s*\()", bare)
    return {word for word in words if word not in ("and", "or", "unless", "by", "on", "le")}


def unknown_metrics(expressions):
    named = {metric for expression in expressions for metric in metrics_in(expression)}
    assert named, "nothing is named"
    return sorted(metric for metric in named - BUILT_IN if not is_documented(metric))


def alerts_name_documented_metrics():
    return unknown_metrics(rule["expr"] for rule in RULES)


def dashboard_expressions():
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def dashboard_names_documented_metrics():
    return unknown_metrics(expression.replace("$service", "x") for expression in dashboard_expressions())


def dashboard_is_whole():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    wrong = [] if len(set(ids)) == len(ids) else ["ids of panels that come twice"]
    return wrong + ([] if len(set(places)) == len(places) else ["panels that lie upon each other"])


def keda_names_documented_metrics():
    example = yaml_of("deploy/kubernetes/components/metrics/keda.example.yaml")
    return unknown_metrics(trigger["metadata"]["query"] for trigger in example["spec"]["triggers"])


def each_alert_has_a_section():
    headings = re.findall(r"^### (Alert: .*)$", section(OPERATING, "Alerts"), re.M)
    anchors = {"docs/operating.md#" + heading.lower().replace(":", "").replace(" ", "-") for heading in headings}
    linked = {rule["annotations"]["runbook_url"] for rule in RULES}
    named = {rule["alert"] for rule in RULES if rule["alert"].lower() not in rule["annotations"]["runbook_url"]}
    return sorted((anchors ^ linked) | named)


def each_alert_is_tested():
    tests = yaml_of("tests/observability/alerts_test.yaml")["tests"]
    tested = {alert["alertname"] for test in tests for alert in test.get("alert_rule_test", []) if alert.get("exp_alerts")}
    return sorted(tested ^ {rule["alert"] for rule in RULES})


def each_service_is_scraped():
    config = yaml_of("deploy/observability/prometheus.yaml")["scrape_configs"][0]
    found = {target["labels"]["service"]: target["targets"][0] for target in config["static_configs"]}
    wanted = {name: f"127.0.0.1:{int(port) - 40600}" for name, port in SERVICES.items()}
    return sorted(f"{name}: {found.get(name)}, not {wanted.get(name)}" for name in found.keys() | wanted.keys()
                  if found.get(name) != wanted.get(name))


def each_container_is_scraped():
    names = yaml_of("deploy/observability/prometheus.compose.yaml")["scrape_configs"][0]["dns_sd_configs"][0]["names"]
    overlay = yaml_of("deploy/observability/compose.yaml")["services"]
    serving = {name for name, one in overlay.items() if "ORDERSHOP_METRICS_LISTEN" in one.get("environment", {})}
    return sorted((set(names) ^ SERVICES.keys()) | (serving ^ SERVICES.keys()))


def pod_monitor_fits_the_component():
    monitor = yaml_of("deploy/kubernetes/components/metrics/podmonitor.example.yaml")["spec"]
    policy = yaml_of("deploy/kubernetes/components/metrics/network-policy.yaml")["spec"]
    patch = yaml.safe_load(yaml_of("deploy/kubernetes/components/metrics/kustomization.yaml")["patches"][0]["patch"])
    port = next(step["value"]["name"] for step in patch if "ports" in step["path"])
    endpoint = monitor["podMetricsEndpoints"][0]
    wrong = [] if monitor["selector"] == policy["podSelector"] else ["the pods that are selected"]
    wrong += [] if endpoint["port"] == policy["ingress"][0]["ports"][0]["port"] == port else ["the port's name"]
    targets = {relabeling["targetLabel"] for relabeling in endpoint["relabelings"]}
    return wrong + sorted({"job", "service"} - targets)


CHECKS = {
    "alerts name metrics that there are": alerts_name_documented_metrics,
    "the dashboard names metrics that there are": dashboard_names_documented_metrics,
    "the dashboard's panels have ids and places of their own": dashboard_is_whole,
    "so does the example for KEDA": keda_names_documented_metrics,
    "each alert links to the section that says what to do, and each section is of an alert": each_alert_has_a_section,
    "each alert is tested": each_alert_is_tested,
    "each service is scraped on one machine, at the port of its settings": each_service_is_scraped,
    "each container is told to serve metrics, and is scraped": each_container_is_scraped,
    "the PodMonitor fits the component": pod_monitor_fits_the_component,
}

failed = 0
for sentence, check in CHECKS.items():
    wrong = check()
    print(f"{'FAILED' if wrong else 'passed'}: {sentence}")
    for one in wrong:
        print(f"  {one}")
    failed += bool(wrong)
sys.exit(1 if failed else 0)
