#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""manifests.py SOURCE BIN BUILT [CHECK]: do manifests agree with themselves, the services and the images?

SOURCE is the tree, BIN the folder of executables, BUILT a file of manifests; CHECK, the beginning of a check's name,
chooses one. Needs PyYAML and kubernetes-validate (the schemas of Kubernetes' own types). Prints a line for each check,
`passed: ...` or `FAILED: ...`, and what is wrong. Exit status 1 if a check failed.
"""
import fnmatch
import os
import re
import subprocess
import sys

import kubernetes_validate
import yaml

KUBERNETES = "1.33"
FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
RECOMMENDED = [NAME, COMPONENT] + [
    "app.kubernetes.io/" + key for key in ("instance", "part-of", "version", "managed-by")
]


class Shop:
    """The manifests, and what they are compared with."""

    def __init__(self, source, folder, built):
        with open(built, encoding="utf-8") as file:
            self.objects = [item for item in yaml.load_all(file, FastLoader) if item]
        with open(f"{source}/deploy/services.txt", encoding="utf-8") as file:
            ports = {name: int(port) for name, port in re.findall(r"^(\w+) +(\d+) ", file.read(), re.M)}
        # a service of one's own is a component, if it is in Kubernetes at all (deploy/service_files.sh)
        base = f"{source}/deploy/kubernetes/base"
        self.ports = {name: port for name, port in ports.items() if os.path.exists(f"{base}/{name}.yaml")}
        with open(f"{source}/CMakeLists.txt", encoding="utf-8") as file:
            self.version = re.search(r"project\([^)]*VERSION ([\d.]+)", file.read()).group(1)
        with open(f"{source}/deploy/docker/Dockerfile", encoding="utf-8") as file:
            self.dockerfile = file.read()
        self.mended_folder = re.search(r'ENTRYPOINT \["[^"]*/mend_log.sh", "([^"]+)"', self.dockerfile).group(1)
        with open(f"{source}/deploy/redis/users.acl", encoding="utf-8") as file:
            self.redis_users = {*self.ports, *re.findall(r"^user (\w+)", file.read(), re.M)}
        self.help = {name: self.help_of(f"{folder}/ordershop-{name}") for name in self.ports}
        self.known = {name: set(re.findall(r"ORDERSHOP_[A-Z_]+", text)) for name, text in self.help.items()}

    @staticmethod
    def help_of(program):
        return subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout

    def of_kind(self, *kinds):
        return [item for item in self.objects if item["kind"] in kinds]

    def get(self, kind, name):
        found = [item for item in self.of_kind(kind) if item["metadata"]["name"] == name]
        return found[0] if found else None

    def workloads(self):
        return self.of_kind("Deployment", "StatefulSet", "CronJob")

    def services(self):
        return [item for item in self.workloads() if item["metadata"]["labels"].get(COMPONENT) == "service"]

    def peers(self, name):
        variables = re.findall(r"ORDERSHOP_(\w+)_ADDRESS", self.help[name])
        return {variable.lower() for variable in variables if variable.lower() in self.ports}

    def environment(self, workload):
        """Variables of the first container, $(...) put in, as kubelet does it."""
        container = first(workload)
        values = {}
        for source in container.get("envFrom", []):
            values.update(self.get("ConfigMap", source["configMapRef"]["name"])["data"])
        for entry in container.get("env", []):
            value = self.value_from(workload, entry["valueFrom"]) if "valueFrom" in entry else entry.get("value", "")
            values[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda found: values[found.group(1)], value)
        return values

    def value_from(self, workload, source):
        if "configMapKeyRef" in source:
            reference = source["configMapKeyRef"]
            return self.get("ConfigMap", reference["name"])["data"][reference["key"]]
        path = source["fieldRef"]["fieldPath"]
        if path == "status.podIP":
            return "10.0.0.1"  # as an example: nobody knows it before
        if path == "metadata.name":
            return f"{name_of(workload)}-0"
        return pod(workload)["metadata"]["labels"][re.match(r"metadata\.labels\['(.*)'\]", path).group(1)]

    def places(self, name, port):
        """Where the pods of a StatefulSet are."""
        workload = self.get("StatefulSet", name)
        pods = [f"{name}-{i}" for i in range(workload["spec"].get("replicas", 1))] if workload else []
        return [f"{self.host_of(pod, workload)}:{port}" for pod in pods]

    def host_of(self, pod, workload):
        """The Service that is the pod's own, or its name within that of all."""
        own = self.get("Service", pod)
        if own and own["spec"]["selector"] == {"statefulset.kubernetes.io/pod-name": pod}:
            return pod
        return f"{pod}.{workload['spec']['serviceName']}"


def pod(workload):
    spec = workload["spec"]
    return (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]


def first(workload):
    return pod(workload)["spec"]["containers"][0]


def name_of(item):
    return item["metadata"]["name"]


def target_of(workload):
    return {"store": "redis", "job": "client"}.get(workload["metadata"]["labels"][COMPONENT], name_of(workload))


def port_of(container, name):
    return {port["name"]: port["containerPort"] for port in container.get("ports", [])}.get(name)


# --- Checks: each yields what is wrong ---


def every_object_fits_its_schema(shop):
    for item in shop.objects:
        try:
            kubernetes_validate.validate(item, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{item['kind']} {name_of(item)}: {error.message}"


def every_service_is_there_by_name_and_port(shop):
    for name, port in shop.ports.items():
        service, workload = shop.get("Service", name), shop.get("Deployment", name)
        if not service or not workload:
            yield f"{name}: no Service or no Deployment"
            continue
        spec = service["spec"]
        if spec.get("clusterIP") != "None":
            yield f"{name}: its Service is not headless, so clients see one address"
        if [(p["port"], p["targetPort"]) for p in spec["ports"]] != [(port, "grpc")]:
            yield f"{name}: the port of its Service is not {port}"
        if port_of(first(workload), "grpc") != port:
            yield f"{name}: its container's port is not {port}"
        if f"ORDERSHOP_LISTEN=[::]:{port}" not in shop.dockerfile.replace("0.0.0.0", "[::]"):
            yield f"{name}: its image does not listen on {port}"
    redis = shop.get("Service", "redis")["spec"]["ports"][0]
    if port_of(first(shop.get("StatefulSet", "redis")), redis["targetPort"]) != redis["port"]:
        yield "redis: the ports of its Service and its container differ"


def every_image_has_the_version_of_the_tree(shop):
    for workload in shop.workloads():
        for container in pod(workload)["spec"]["containers"]:
            expected = f"ordershop/{target_of(workload)}:{shop.version}"
            if container["image"] != expected:
                yield f"{name_of(workload)}: {container['image']} is not {expected}"
    for target in (target_of(workload) for workload in shop.workloads()):
        if not re.search(rf"^FROM .* AS {target}$", shop.dockerfile, re.M):
            yield f"{target}: no target of the Dockerfile"


def every_variable_is_known(shop):
    of_all = set().union(*shop.known.values())
    for workload in shop.services():
        own = {entry["name"] for entry in first(workload).get("env", [])}
        for variable in own - shop.known[name_of(workload)]:
            if variable.startswith("ORDERSHOP_"):
                yield f"{name_of(workload)}: does not know {variable}"
        # what all share is known to one of them at least, or is an address
        for variable in set(shop.environment(workload)) - own - of_all:
            if not re.fullmatch(r"ORDERSHOP_(\w+)_ADDRESS", variable):
                yield f"{name_of(workload)}: no service knows {variable}"


def every_address_leads_to_a_service(shop):
    for workload in shop.services():
        environment = shop.environment(workload)
        for peer in shop.peers(name_of(workload)):
            address = environment.get(f"ORDERSHOP_{peer.upper()}_ADDRESS")
            if address != f"dns:///{peer}:{shop.ports[peer]}":
                yield f"{name_of(workload)}: {peer} is sought at {address}"
    for workload in shop.workloads():
        url = shop.environment(workload).get("ORDERSHOP_REDIS_URL")
        found = url and re.fullmatch(r"(\w+(?:\+\w+)?)://(\w+)@(.*)", url)
        if url and (not found or found.group(3) not in redis_places(shop, found.group(1).replace("rediss", "redis"))):
            yield f"{name_of(workload)}: {url} is not the shop's Redis"
        if found and found.group(2) not in shop.redis_users:
            yield f"{name_of(workload)}: {found.group(2)} is no user of Redis"
        is_service = workload["metadata"]["labels"][COMPONENT] == "service"
        if is_service and (not found or found.group(2) != name_of(workload)):
            yield f"{name_of(workload)}: is not its own user of Redis"


def redis_places(shop, scheme):
    """What may stand in a URL behind the user."""
    port = shop.get("Service", "redis")["spec"]["ports"][0]["port"]
    if scheme == "redis" and len(shop.places("redis", port)) == 1:
        return [f"redis:{port}/0"]
    sentinel = shop.get("Service", "sentinel")
    if scheme == "redis+sentinel" and sentinel:
        return [",".join(shop.places("sentinel", sentinel["spec"]["ports"][0]["port"])) + "/shop"]
    if scheme == "redis+cluster" and slots_of(shop):
        return [",".join(shop.places("redis", port))]
    return []


def slots_of(shop):
    """Of each master of a cluster, [first, last] each; none of other arrangements."""
    told = shop.environment(shop.get("StatefulSet", "redis")).get("ORDERSHOP_CLUSTER_SLOTS", "")
    return [[int(slot) for slot in part.split("-")] for part in told.split(",") if part]


def a_cluster_has_a_slot_for_each_service(shop):
    slots, redis = slots_of(shop), first(shop.get("StatefulSet", "redis"))
    if not slots:
        return
    if [last + 1 for _, last in slots] != [begun for begun, _ in slots[1:]] + [16384] or slots[0][0] != 0:
        yield f"not each slot has one master: {slots}"
    if len(shop.places("redis", 0)) != 2 * len(slots):
        yield f"{len(shop.places('redis', 0))} nodes are not {len(slots)} masters with a replica each"
    if port_of(redis, "bus") != port_of(redis, "redis") + 10000:
        yield "the second port of a node is not 10000 above its first"
    if "cluster_state:ok" not in " ".join(redis["readinessProbe"]["exec"]["command"]):
        yield "a node is ready before its cluster is"
    for workload in shop.services():
        environment = shop.environment(workload)
        for variable in sorted(shop.known[name_of(workload)]):
            found = re.fullmatch(r"ORDERSHOP_(?:(\w+)_)?KEY_PREFIX", variable)
            if found and environment.get(variable) != f"{{{(found.group(1) or 'shop').lower()}}}:":
                yield f"{name_of(workload)}: {variable} is {environment.get(variable)}"


def servers_and_sentinels_know_each_other(shop):
    replicas = len(shop.places("redis", 0)) // max(len(slots_of(shop)), 1) - 1
    for workload in shop.services():
        environment = shop.environment(workload)
        goes_on = environment.get("ORDERSHOP_REDIS_REPLICAS_MISSING") == "warn"
        most = replicas if goes_on else max(replicas - 1, 0)
        if int(environment.get("ORDERSHOP_REDIS_REPLICAS", 0)) > most:
            yield f"{name_of(workload)}: waits for more replicas than are left when one is gone"
    for name, port in (("redis", 6379), ("sentinel", 26379)):
        workload = shop.get("StatefulSet", name)
        environment = shop.environment(workload) if workload else {}
        if replicas == 0 or not workload:
            continue
        for variable, wanted in (
            ("SELF", shop.places(name, port)[0]),
            ("SERVERS", ",".join(shop.places("redis", 6379))),
            ("SENTINELS", ",".join(shop.places("sentinel", 26379))),
        ):
            told = environment.get(f"ORDERSHOP_FAILOVER_{variable}", "")
            if told != wanted:
                yield f"{name}: {variable} is {told}, not {wanted}"
        for place in shop.places(name, port):
            service = shop.get("Service", place.split(":")[0]) or shop.get("Service", name)
            if not service["spec"].get("publishNotReadyAddresses"):
                yield f"{place}: has no name while it is not ready"


def every_file_is_mounted(shop):
    for workload in shop.workloads():
        volumes = {volume["name"]: volume for volume in pod(workload)["spec"].get("volumes", [])}
        files = {}
        for mount in first(workload).get("volumeMounts", []):
            secret = volumes.get(mount["name"], {}).get("secret")
            if not secret:
                continue
            made = shop.get("Secret", secret["secretName"])
            if not made:
                yield f"{name_of(workload)}: there is no Secret {secret['secretName']}"
                continue
            files.update({f"{mount['mountPath']}/{key}": secret["secretName"] for key in made["data"]})
        wanted = [value for key, value in shop.environment(workload).items() if key.endswith("_FILE")]
        wanted += [word for word in first(workload).get("args", []) if word.startswith("/etc/")]
        wanted += files_of_failover(shop, workload)
        for path in wanted:  # Redis takes a pattern, as that of an include
            if not fnmatch.filter(files, path):
                yield f"{name_of(workload)}: nothing is mounted at {path}"
        for path, secret in files.items():
            user = secret.removeprefix("redis-").rpartition("-")[0]
            if path.endswith("/redis/password") and user not in (name_of(workload), "operator"):
                yield f"{name_of(workload)}: has the password of {user}"


def every_claimed_volume_is_there(shop):
    for workload in shop.workloads():
        for volume in pod(workload)["spec"].get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and not shop.get("PersistentVolumeClaim", claim):
                yield f"{name_of(workload)}: there is no PersistentVolumeClaim {claim}"
    event = shop.get("Deployment", "event")
    folder = shop.environment(event).get("ORDERSHOP_ARCHIVE_FOLDER")
    claimed = {volume["name"] for volume in pod(event)["spec"]["volumes"] if "persistentVolumeClaim" in volume}
    mounts = {mount["mountPath"]: mount["name"] for mount in first(event)["volumeMounts"]}
    if folder and mounts.get(folder) not in claimed:
        yield f"event: its archive at {folder} ends with the pod"
    if claimed and not folder:
        yield "event: does not know of its archive"


def files_of_failover(shop, workload):
    environment, name = shop.environment(workload), name_of(workload)
    users, tls = (environment.get(f"ORDERSHOP_FAILOVER_{variable}") for variable in ("USERS", "TLS"))
    needed = {"redis": ["users.acl", "replication.conf", "member.password"], "sentinel": ["sentinels.acl", "sentinel.password"]}
    return [f"{users}/{file}" for file in needed.get(name, []) if users] + [
        f"{tls}/{file}" for file in ("ca.crt", "tls.crt", "tls.key") if tls
    ]


def redis_is_started_on_a_mended_log(shop):
    container = first(shop.get("StatefulSet", "redis"))
    args, command = container["args"], container.get("command")
    if command and [os.path.basename(word) for word in command] not in (["failover_server.sh"], ["cluster_node.sh"]):
        yield "redis: its command takes the place of the image's entrypoint, which mends the log before each start"
    if command:
        folder = args[0]
    else:
        folder = args[args.index("--dir") + 1] if "--dir" in args else None
    if folder != shop.mended_folder:
        yield f"redis: its data lies in {folder}, the image mends {shop.mended_folder}"
    if folder not in [mount["mountPath"] for mount in container["volumeMounts"]]:
        yield f"redis: no volume is mounted at {folder}"


def every_probe_leads_to_the_health_listener(shop):
    for workload in shop.services():
        container, environment = first(workload), shop.environment(workload)
        listener = environment.get("ORDERSHOP_HEALTH_LISTEN", "")
        for kind, service in (("readinessProbe", ""), ("livenessProbe", "liveness")):
            probe = container.get(kind, {}).get("grpc")
            if not probe:
                yield f"{name_of(workload)}: no {kind} by gRPC"
            elif not listener.endswith(f":{probe['port']}") or port_of(container, "health") != probe["port"]:
                yield f"{name_of(workload)}: {kind} asks port {probe['port']}, health is at {listener}"
            elif probe.get("service", "") != service:
                yield f"{name_of(workload)}: {kind} asks for '{probe.get('service', '')}'"


def no_rollout_takes_away_what_serves(shop):
    for workload in shop.services():
        rolling = workload["spec"].get("strategy", {}).get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0:
            yield f"{name_of(workload)}: maxUnavailable is {rolling.get('maxUnavailable')}"
        spec = pod(workload)["spec"]
        sleep = first(workload).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        grace = int(re.search(r"ORDERSHOP_GRACE_SECONDS.*?default (\d+)", shop.help[name_of(workload)], re.S).group(1))
        grace = int(shop.environment(workload).get("ORDERSHOP_GRACE_SECONDS", grace))
        if sleep < 1 or spec["terminationGracePeriodSeconds"] <= sleep + grace:
            yield f"{name_of(workload)}: {spec['terminationGracePeriodSeconds']} s for {sleep} s of sleep and {grace} s of grace"


def every_pod_has_least_privilege(shop):
    for workload in shop.workloads():
        spec, name = pod(workload)["spec"], name_of(workload)
        if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
            yield f"{name}: has a token or service links"
        account = shop.get("ServiceAccount", spec.get("serviceAccountName"))
        if not account or account.get("automountServiceAccountToken") is not False:
            yield f"{name}: no ServiceAccount of its own without a token"
        context = spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name}: may run as root, or without seccomp"
        for container in spec["containers"]:
            if container.get("securityContext") != {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }:
                yield f"{name}: its container has more rights than it needs"
            resources = container.get("resources", {})
            if set(resources.get("requests", {})) != {"cpu", "memory"} or "memory" not in resources.get("limits", {}):
                yield f"{name}: no requests, or no limit of memory"
    labels = shop.of_kind("Namespace")[0]["metadata"]["labels"]
    for mode in ("enforce", "warn"):
        if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
            yield f"the namespace does not {mode} restricted pod security"


def every_selector_finds_what_it_is_for(shop):
    for workload in shop.workloads():
        labels, name = pod(workload)["metadata"]["labels"], name_of(workload)
        for label in RECOMMENDED:
            if not labels.get(label) or workload["metadata"]["labels"].get(label) != labels.get(label):
                yield f"{name}: label {label} is missing, or another on its pods"
        selectors = [workload["spec"]["selector"]["matchLabels"]] if "selector" in workload["spec"] else []
        selectors += [item["spec"]["selector"] for item in shop.of_kind("Service") if name_of(item) == name]
        budgets = [item for item in shop.of_kind("PodDisruptionBudget") if name_of(item) == name]
        selectors += [item["spec"]["selector"]["matchLabels"] for item in budgets]
        for selector in selectors:
            found = [name_of(other) for other in shop.workloads() if selects({"matchLabels": selector}, other)]
            if found != [name]:
                yield f"{name}: {selector} selects {found}"
        if workload["spec"].get("replicas", 1) > 1 and not budgets:
            yield f"{name}: has replicas, but no PodDisruptionBudget"
    for budget in shop.of_kind("PodDisruptionBudget"):
        workload = shop.get("Deployment", name_of(budget)) or shop.get("StatefulSet", name_of(budget))
        if not workload or workload["spec"].get("replicas", 1) < 2:
            yield f"{name_of(budget)}: a budget for what has no replicas stops drains"


# --- Network policies, as a network plugin reads them ---


def selects(selector, workload):
    labels = pod(workload)["metadata"]["labels"]
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions", []):
        if expression["operator"] != "In" or labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def rule_allows(rule, side, other, port, container):
    ports = rule.get("ports")
    if ports is not None and not any(p.get("port") in (port, port_of(container, port)) for p in ports):
        return False
    peers = rule.get(side)
    return any("podSelector" in peer and "namespaceSelector" not in peer and selects(peer["podSelector"], other) for peer in peers or [])


def direction_allows(shop, kind, side, of, other, port, container):
    policies = [
        item["spec"]
        for item in shop.of_kind("NetworkPolicy")
        if kind in item["spec"]["policyTypes"] and selects(item["spec"]["podSelector"], of)
    ]
    rules = [rule for policy in policies for rule in policy.get(kind.lower(), [])]
    return not policies or any(rule_allows(rule, side, other, port, container) for rule in rules)


def may_call(shop, caller, called, port):
    container = first(called)
    return direction_allows(shop, "Egress", "to", caller, called, port, container) and direction_allows(
        shop, "Ingress", "from", called, caller, port, container
    )


def policies_allow_what_services_are_configured_with_and_nothing_else(shop):
    for caller in shop.workloads():
        component = caller["metadata"]["labels"][COMPONENT]
        store = {"redis", "sentinel"} if shop.get("StatefulSet", "sentinel") else {"redis"}
        wanted = {"service": store, "client": store | {*shop.ports}, "store": store if len(shop.places("redis", 0)) > 1 else set(), "job": {"event"}}[component]
        if component == "service":
            wanted = wanted | shop.peers(name_of(caller))
        for called in shop.workloads():
            for port in [item["name"] for item in first(called).get("ports", [])]:
                allowed = may_call(shop, caller, called, port)
                right = name_of(called) in wanted and port in ("grpc", "redis", "sentinel")
                right = right or (port == "bus" and component == "store")
                if allowed != right:
                    yield f"{name_of(caller)} {'may' if allowed else 'may not'} call {name_of(called)} at {port}"
    every = [item for item in shop.of_kind("NetworkPolicy") if item["spec"]["podSelector"] == {}]
    if not any(set(item["spec"]["policyTypes"]) == {"Ingress", "Egress"} for item in every):
        yield "what no policy names is not forbidden"
    if not any(p.get("port") == 53 for i in every for rule in i["spec"].get("egress", []) for p in rule["ports"]):
        yield "names can't be resolved"


CHECKS = [
    every_object_fits_its_schema,
    every_service_is_there_by_name_and_port,
    every_image_has_the_version_of_the_tree,
    every_variable_is_known,
    every_address_leads_to_a_service,
    a_cluster_has_a_slot_for_each_service,
    servers_and_sentinels_know_each_other,
    every_file_is_mounted,
    every_claimed_volume_is_there,
    redis_is_started_on_a_mended_log,
    every_probe_leads_to_the_health_listener,
    no_rollout_takes_away_what_serves,
    every_pod_has_least_privilege,
    every_selector_finds_what_it_is_for,
    policies_allow_what_services_are_configured_with_and_nothing_else,
]


def main(source, folder, built, chosen=""):
    shop, failed = Shop(source, folder, built), 0
    for check in CHECKS:
        if not check.__name__.replace("_", " ").startswith(chosen):
            continue
        wrong = list(check(shop))
        failed += bool(wrong)
        print(f"{'FAILED' if wrong else 'passed'}: {check.__name__.replace('_', ' ')}")
        for line in wrong[:10]:
            print(f"  {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
