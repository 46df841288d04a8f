#!/bin/sh
# After azd deployed the function app.
set -eu

sh infra/hooks/subscribe-drops.sh
sh infra/hooks/smoke-test.sh
