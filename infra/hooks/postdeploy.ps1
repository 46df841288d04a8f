# After azd deployed the function app.
$ErrorActionPreference = 'Stop'

& ./infra/hooks/subscribe-drops.ps1
& ./infra/hooks/smoke-test.ps1
