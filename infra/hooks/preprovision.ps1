# Before azd provisions: what must be decided once and then stay, kept in the azd environment.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true

# A budget's start must not change once it is made, so it is not computed at each deployment.
if (-not $env:AIAAS_BUDGET_START) {
  azd env set AIAAS_BUDGET_START ([DateTime]::UtcNow.ToString('yyyy-MM-01'))
}

# A first admin key, as the local host makes one. Azure is told its hash only. A pipeline brings its own, or none.
if (-not $env:AIAAS_BOOTSTRAP_KEY_SHA256 -and -not $env:AIAAS_AUTH_CLIENT_ID -and -not $env:CI) {
  $file = Join-Path '.azure' $env:AZURE_ENV_NAME 'admin.key'
  if (-not (Test-Path $file)) {
    $random = [Convert]::ToBase64String([Security.Cryptography.RandomNumberGenerator]::GetBytes(32))
    $key = 'aiaas_' + $random.Replace('+', '-').Replace('/', '_').TrimEnd('=')
    New-Item -ItemType File -Force $file | Out-Null
    if ($IsWindows) {
      icacls $file /inheritance:r /grant:r "${env:USERNAME}:F" | Out-Null
    } else {
      chmod 600 $file
    }
    Set-Content -NoNewline -Path $file -Value $key
  }
  $text = (Get-Content -Raw $file).Trim()
  $hash = [Security.Cryptography.SHA256]::HashData([Text.Encoding]::UTF8.GetBytes($text))
  azd env set AIAAS_BOOTSTRAP_KEY_SHA256 ([Convert]::ToHexString($hash).ToLowerInvariant())
  Write-Host "The first admin key is in $file, which only you can read."
}
