#!/usr/bin/env bash
# Build terraform-provider-alicloud, a client of the service that nobody here wrote, for test_terraform.py:
#
#     tests/opt_in/build_terraform_provider.sh FOLDER
#
# Needs Go 1.25 or newer, a Go module proxy and several GB of memory; takes some 10 minutes on two processors.
# Everything in it is pinned and checked: by the sums below and, for the rest, by the provider's own go.sum.
set -euo pipefail

module=github.com/aliyun/terraform-provider-alicloud
version=v1.285.0
sum=h1:fbhyq8ql5foAoTUd4Sf/2U2LHZKVbYtwRNz3JfMIWrM=

if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export GOWORK=off CGO_ENABLED=0

downloaded=$(go mod download -json "$module@$version") || true
field() { sed -n "s/^.*\"$1\": \"\(.*\)\".*$/\1/p" <<<"$downloaded"; }
if [ "$(field Sum)" != "$sum" ]; then
    printf '%s: %s %s could not be had, or is not the one that was pinned:\n%s\n' "$0" "$module" "$version" "$downloaded" >&2
    exit 1
fi
source=$(field Dir)

# Two modules of the object storage service, which the tests do not touch, in versions that module proxies have.
cat "$source/go.mod" >go.mod
cat "$source/go.sum" - >go.sum <<'SUMS'
github.com/alibabacloud-go/alibabacloud-gateway-oss v0.0.23 h1:NozbmS/KnlaeSiD7pP/HT82NL++ScXmQ2RGkdqxbX9k=
github.com/alibabacloud-go/alibabacloud-gateway-oss v0.0.23/go.mod h1:CZJg8uOTBi943d3DAovJYdKq9J2m/ppHF2YZf3dV0hc=
github.com/alibabacloud-go/alibabacloud-gateway-oss-util v0.0.12 h1:PeA8+z4K3vep1fHsUBTp7RKtzQjy/s1CWzsGkQU9J0s=
github.com/alibabacloud-go/alibabacloud-gateway-oss-util v0.0.12/go.mod h1:bMrMQIlkH6zAvG7rTaKHyIcEokmBUM2ML+R2VyRimJ8=
SUMS
replace() { go mod edit -replace="github.com/alibabacloud-go/$1=github.com/alibabacloud-go/$1@$2"; }
replace alibabacloud-gateway-oss v0.0.23
replace alibabacloud-gateway-oss-util v0.0.12

provider="terraform-provider-alicloud_$version"
nice go build -C "$source" -v -mod=readonly -modfile="$scratch/go.mod" -trimpath -buildvcs=false -ldflags="-s -w" \
    -o "$scratch/$provider" .
mv "$scratch/$provider" "$folder/$provider"
printf 'export TERRAFORM_PROVIDER_ALICLOUD=%q\n' "$folder/$provider"
