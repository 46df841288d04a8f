# Uploads the trainer that build-trainer packed to trainer/{build id}/ of the storage account, its build.json last: the function
# app takes that file for the sign of a complete upload. Does nothing where it is there already. Needs 'az login' and the role
# Storage Blob Data Contributor on the container.
#
#   AZURE_STORAGE_ACCOUNT_NAME   the storage account; azd sets it from the outputs of the infrastructure
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$account = $env:AZURE_STORAGE_ACCOUNT_NAME
if (-not $account) { throw "AZURE_STORAGE_ACCOUNT_NAME is not set: run 'azd provision' first, or name the storage account." }
$build = Join-Path $PSScriptRoot '../../artifacts/trainer'
if (-not (Test-Path "$build/build.json")) { throw "There is no trainer in $build; run infra/hooks/build-trainer.ps1 first." }
$id = (Get-Content -Raw "$build/build.json" | ConvertFrom-Json).id

# A role that was assigned just now takes effect within minutes only.
function Invoke-Az {
    for ($tries = 1; ; $tries++) {
        $output = az @args
        if ($LASTEXITCODE -eq 0) { return $output }
        if ($tries -ge 10) { throw "'az $($args[0..2])' failed." }
        Write-Host "Not yet; trying again in 30 s ($($tries + 1) of 10)."
        Start-Sleep -Seconds 30
    }
}

function Send-File([string] $name) {
    Invoke-Az storage blob upload --auth-mode login --account-name $account --container-name trainer --name "$id/$name" `
        --file "$build/$name" --overwrite true --no-progress --only-show-errors --output none
}

$found = Invoke-Az storage blob exists --auth-mode login --account-name $account --container-name trainer --name "$id/build.json" `
    --query exists --output tsv --only-show-errors
if ($found -eq 'true') {
    Write-Host "Trainer build $id is in the storage account already."
    return
}

Get-ChildItem "$build/*.tar.gz" | ForEach-Object { Send-File $_.Name }
Send-File 'build.json'
Write-Host "Uploaded trainer build $id."
