#!/bin/sh
# Publishes the trainer, self-contained for linux-x64, and packs it under artifacts/trainer/ with the build.json that the
# function app's package takes in. azd runs this before it packages the app. Arguments go to 'dotnet publish'.
#
#   AIAAS_TRAINER_DEVICES   what to build for: "cpu cuda" unless set; "cpu" spares the large CUDA provider
set -eu

cd "$(dirname "$0")/../.."
build=artifacts/trainer
devices=${AIAAS_TRAINER_DEVICES:-cpu cuda}

rm -rf "$build"
mkdir -p "$build"
published=
for device in $devices; do
  dotnet publish functions/AIaaS.Trainer -c Release -r linux-x64 --self-contained true \
    -p:TrainerDevice="$device" -p:ContinuousIntegrationBuild=true -p:EnableSourceLink=false \
    -p:IncludeSourceRevisionInInformationalVersion=false -o "$build/$device" "$@"
  published="$published $device=$build/$device"
done

# The list is of words without blanks, and is meant to be split.
# shellcheck disable=SC2086
dotnet run infra/hooks/pack-trainer.cs -- "$build" $published
for device in $devices; do
  rm -r "${build:?}/$device"
done
