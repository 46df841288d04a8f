# Asks the deployed platform whether it works: its health, and with a key at hand its data and a prediction.
#
#   AIAAS_URL          where it is
#   AIAAS_KEY          a key of the role trainer or admin; else the one that the preprovision hook made is taken
#   AIAAS_SMOKE_TRAIN  "true" trains the sample first where it was not trained yet, which takes some minutes and cents
$ErrorActionPreference = 'Stop'

$url = $env:AIAAS_URL
$key = $env:AIAAS_KEY
$file = Join-Path '.azure' "$env:AZURE_ENV_NAME" 'admin.key'
if (-not $key -and (Test-Path $file)) {
  $key = (Get-Content -Raw $file).Trim()
}

function Ask([string] $Path, [string] $Method = 'Get', [string] $Body, [string] $InFile, [string] $ContentType) {
  $request = @{ Uri = "$url$Path"; Method = $Method; SkipHttpErrorCheck = $true; TimeoutSec = 60 }
  if ($key) { $request.Headers = @{ 'x-api-key' = $key } }
  if ($Body) { $request.Body = $Body }
  if ($InFile) { $request.InFile = $InFile }
  if ($ContentType) { $request.ContentType = $ContentType }
  try {
    Invoke-WebRequest @request
  } catch [System.Net.Http.HttpRequestException], [System.Threading.Tasks.TaskCanceledException] {
    [pscustomobject]@{ StatusCode = 0; Content = $_.Exception.Message }
  }
}

function AskUntil([string] $Path, [int] $Attempts) {
  for ($attempt = 1; ; $attempt++) {
    $answer = Ask $Path
    if ($answer.StatusCode -eq 200) {
      Write-Host "ok: $Path"
      return
    }
    if ($attempt -ge $Attempts) {
      throw "failed: $url$Path was answered with $($answer.StatusCode). See the log stream of the function app."
    }
    Start-Sleep -Seconds 10
  }
}

AskUntil '/health/live' 30
AskUntil '/health/ready' 12

if (-not $key) {
  Write-Host 'No key at hand: set AIAAS_KEY to test more than health.'
  return
}

$answer = Ask '/api/v1/endpoints/penguins'
$status = $answer.StatusCode
if ($status -eq 404 -and $env:AIAAS_SMOKE_TRAIN -eq 'true') {
  $answer = Ask '/api/v1/datasets/penguins' -Method Put -InFile 'samples/penguins/penguins.csv' -ContentType 'text/csv'
  if ($answer.StatusCode -ne 202) {
    throw "failed: the sample was answered with $($answer.StatusCode): $($answer.Content)"
  }
  $run = ($answer.Content | ConvertFrom-Json).run
  Write-Host "The sample is being trained as run $run ..."
  for ($attempt = 1; ; $attempt++) {
    $answer = Ask "/api/v1/runs/$run"
    $state = if ($answer.StatusCode -eq 200) { ($answer.Content | ConvertFrom-Json).status }
    if ($state -eq 'succeeded') {
      break
    }
    if ($state -in 'failed', 'cancelled') {
      throw "failed: the run ended without a model: $($answer.Content)"
    }
    if ($attempt -ge 120) {
      throw "failed: the run $run has not ended after half an hour."
    }
    Start-Sleep -Seconds 15
  }
  $status = 200
}

switch ($status) {
  200 {
    $rows = '{"rows":[{"island":"Biscoe","bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211,"body_mass_g":4500}]}'
    $answer = Ask '/api/v1/endpoints/penguins/predictions' -Method Post -Body $rows -ContentType 'application/json'
    if ($answer.StatusCode -ne 200) {
      throw "failed: a prediction was answered with $($answer.StatusCode): $($answer.Content)"
    }
    Write-Host "ok: a prediction: $($answer.Content)"
  }
  404 {
    Write-Host "ok: the key is known. No endpoint 'penguins' yet: AIAAS_SMOKE_TRAIN=true trains the sample and asks it."
  }
  default {
    throw "failed: the endpoint 'penguins' was answered with $status`: $($answer.Content)"
  }
}
