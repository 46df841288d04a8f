# Publishes the trainer, self-contained for linux-x64, and packs it under artifacts/trainer/ with the build.json that the
# function app's package takes in. azd runs this before it packages the app. Arguments go to 'dotnet publish'.
#
#   AIAAS_TRAINER_DEVICES   what to build for: "cpu cuda" unless set; "cpu" spares the large CUDA provider
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

Push-Location (Join-Path $PSScriptRoot '../..')
try {
    $build = 'artifacts/trainer'
    $devices = if ($env:AIAAS_TRAINER_DEVICES) { $env:AIAAS_TRAINER_DEVICES -split ' ' } else { 'cpu', 'cuda' }

    if (Test-Path $build) { Remove-Item -Recurse -Force $build }
    New-Item -ItemType Directory -Force $build | Out-Null
    $published = @()
    foreach ($device in $devices) {
        dotnet publish functions/AIaaS.Trainer -c Release -r linux-x64 --self-contained true `
            "-p:TrainerDevice=$device" -p:ContinuousIntegrationBuild=true -p:EnableSourceLink=false `
            -p:IncludeSourceRevisionInInformationalVersion=false -o "$build/$device" @args
        if ($LASTEXITCODE -ne 0) { throw "The trainer for '$device' could not be published." }
        $published += "$device=$build/$device"
    }

    dotnet run infra/hooks/pack-trainer.cs -- $build @published
    if ($LASTEXITCODE -ne 0) { throw 'The trainer could not be packed.' }
    foreach ($device in $devices) { Remove-Item -Recurse -Force "$build/$device" }
}
finally {
    Pop-Location
}
