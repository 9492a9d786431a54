"""Checks rendered manifests: each by the schemas of Kubernetes, all of them together, and their flags by the services.

manifests.py PROGRAMS FILE, where PROGRAMS is the folder with classifier-svc and generator-svc.
"""

import os
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

# The oldest that Chart.yaml allows, and the newest that is known.
VERSIONS = ["1.27", kubernetes_validate.latest_version()]
# Kinds that operators add; Kubernetes has no schemas of them, .ci/deploy checks them by the operator's.
CUSTOM = {"ServiceMonitor"}


def check(holds, message):
    if not holds:
        sys.exit(f"error: {message}")


def name(manifest):
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def of(manifests, kind):
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def has_schema(manifest):
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(map(str, error.path))
            check(False, f"{name(manifest)}, Kubernetes {version}: {path}: {error.message}")


def selected(manifests, labels):
    """The pod templates that labels select."""
    pods = [deployment["spec"]["template"] for deployment in of(manifests, "Deployment")]
    return [pod for pod in pods if labels.items() <= pod["metadata"]["labels"].items()]


def is_one_whole(manifests):
    """What the manifests say of each other."""
    for service in of(manifests, "Service"):
        pods = selected(manifests, service["spec"]["selector"])
        check(len(pods) == 1, f"{name(service)} selects {len(pods)} deployments")
        known = {port["name"] for port in pods[0]["spec"]["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            check(port["targetPort"] in known, f"{name(service)}: no port {port['targetPort']}")
    for kind in "PodDisruptionBudget", "NetworkPolicy":
        for manifest in of(manifests, kind):
            selector = manifest["spec"].get("selector") or manifest["spec"]["podSelector"]
            pods = selected(manifests, selector["matchLabels"])
            check(len(pods) == 1, f"{name(manifest)} selects {len(pods)} deployments")
    deployments = {manifest["metadata"]["name"]: manifest for manifest in of(manifests, "Deployment")}
    for scaler in of(manifests, "HorizontalPodAutoscaler"):
        target = deployments.get(scaler["spec"]["scaleTargetRef"]["name"])
        check(target, f"{name(scaler)} scales nothing")
        check("replicas" not in target["spec"], f"{name(scaler)} and {name(target)} both set replicas")
    for monitor in of(manifests, "ServiceMonitor"):
        labels = monitor["spec"]["selector"]["matchLabels"].items()
        services = [s for s in of(manifests, "Service") if labels <= s["metadata"]["labels"].items()]
        check(len(services) == 2, f"{name(monitor)} selects {len(services)} services")
        for service in services:
            ports = {port["name"] for port in service["spec"]["ports"]}
            for endpoint in monitor["spec"]["endpoints"]:
                check(endpoint["port"] in ports, f"{name(monitor)}: {name(service)} has no such port")


def has_its_parts(manifests, deployment):
    """Volumes, probes, and time to end."""
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    volumes = {volume["name"] for volume in pod.get("volumes") or []}
    mounts = {mount["name"] for mount in container.get("volumeMounts") or []}
    check(volumes == mounts, f"{name(deployment)}: volumes {volumes}, mounts {mounts}")
    ports = {port["containerPort"] for port in container["ports"]}
    for probe in "startupProbe", "livenessProbe", "readinessProbe":
        check(container[probe]["grpc"]["port"] in ports, f"{name(deployment)}: {probe}")
    security = container["securityContext"]
    check(security["readOnlyRootFilesystem"] and pod["securityContext"]["runAsNonRoot"], name(deployment))
    paths = [mount["mountPath"] for mount in container.get("volumeMounts") or []]
    for argument in container["args"]:
        path = argument.partition("=")[2]
        if path.startswith("/etc/"):
            check(any(path.startswith(f"{folder}/") for folder in paths), f"{argument} is not mounted")
    seconds = [int(flag(container, f"--{wait}-seconds")) for wait in ("lame-duck", "drain")]
    grace = pod["terminationGracePeriodSeconds"]
    check(grace > sum(seconds), f"{name(deployment)}: {grace} s are not more than {seconds}")


def flag(container, wanted):
    values = [a.partition("=")[2] for a in container["args"] if a.startswith(f"{wanted}=")]
    check(len(values) == 1, f"{container['name']}: expected one {wanted}")
    return values[0]


def is_understood(manifests, deployment, programs):
    """The service takes its arguments and its file of settings, and listens where it is probed."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    program = os.path.join(programs, f"{container['name']}-svc")
    arguments = [*container["args"], "--print-config"]
    with tempfile.TemporaryDirectory() as folder:
        for config in of(manifests, "ConfigMap"):
            if config["metadata"]["name"] == deployment["metadata"]["name"]:
                file = os.path.join(folder, "deepface.toml")
                with open(file, "w", encoding="utf-8") as settings:
                    settings.write(config["data"]["deepface.toml"])
                arguments = [a if not a.startswith("--config=") else f"--config={file}" for a in arguments]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DEEPFACE_")}
        run = subprocess.run([program, *arguments], capture_output=True, text=True, env=clean)
    check(run.returncode == 0, f"{name(deployment)}: {run.stderr}")
    for port in container["ports"]:
        check(f":{port['containerPort']}\"" in run.stdout, f"{name(deployment)} does not listen on {port}")


def asks(pod, programs):
    """The pod of `helm test` asks, and here nobody answers."""
    program = os.path.join(programs, "generator-svc")
    run = subprocess.run([program, *pod["spec"]["containers"][0]["args"]], capture_output=True, text=True)
    check(run.returncode == 1, f"{name(pod)}: expected exit code 1, got {run.returncode}: {run.stderr}")


def main():
    programs, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        manifests = [manifest for manifest in yaml.safe_load_all(file) if manifest]
    check(len(of(manifests, "Deployment")) == 2, "expected two deployments")
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            has_schema(manifest)
    is_one_whole(manifests)
    for deployment in of(manifests, "Deployment"):
        has_its_parts(manifests, deployment)
        is_understood(manifests, deployment, programs)
    for pod in of(manifests, "Pod"):
        asks(pod, programs)


main()
