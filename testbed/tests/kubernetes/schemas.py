"""usage: schemas.py VERSION... -- FILE...: validates objects of Kubernetes against the schemas of several versions."""

import sys
import warnings

import kubernetes_validate
import yaml

# Kinds of operators, which Kubernetes itself does not know.
FOREIGN = {("keda.sh/v1alpha1", "ScaledObject")}


def main() -> int:
    separator = sys.argv.index("--")
    versions, files = sys.argv[1:separator], sys.argv[separator + 1 :]
    faults, skipped, valid = [], set(), 0
    for file in files:
        with open(file, encoding="utf-8") as text:
            objects = [value for value in yaml.safe_load_all(text) if value is not None]
        if not objects:
            faults.append(f"{file}: nothing in it")
        for value in objects:
            kind = (value.get("apiVersion"), value.get("kind"))
            name = value.get("metadata", {}).get("name")
            for version in versions:
                try:
                    kubernetes_validate.validate(value, version, strict=True)
                    valid += 1
                except kubernetes_validate.SchemaNotFoundError:
                    if kind in FOREIGN:
                        skipped.add(kind)
                    else:
                        faults.append(f"{file}: {kind[1]} {name}: Kubernetes {version} has no {kind[0]} {kind[1]}")
                except kubernetes_validate.ValidationError as error:
                    faults.append(f"{file}: {kind[1]} {name}: Kubernetes {version}: {error.message}")
    for fault in sorted(set(faults)):
        print(fault, file=sys.stderr)
    for version, kind in sorted(skipped):
        print(f"not validated: {kind} of {version}, a kind of an operator", file=sys.stderr)
    print(f"{valid} passed, {len(set(faults))} failed: {len(files)} files, Kubernetes {' '.join(versions)}", file=sys.stderr)
    return 1 if faults or not valid else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
