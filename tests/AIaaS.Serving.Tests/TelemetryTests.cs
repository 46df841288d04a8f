using System.Diagnostics;

namespace AIaaS.Serving.Tests;

public class TelemetryTests
{
    [Fact]
    public async Task Telemetry_is_off_in_the_native_environment_before_the_library_loads()
    {
        if (!OperatingSystem.IsLinux())
            return; // Only there does the library send by itself, and only there is /proc.

        var start = new ProcessStartInfo("dotnet", ["exec", typeof(TelemetryTests).Assembly.Location, "telemetry-probe"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("ORT_DISABLE_TELEMETRY");
        using var probe = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var errors = probe.StandardError.ReadToEndAsync(limit.Token);
        var output = await probe.StandardOutput.ReadToEndAsync(limit.Token);
        await probe.WaitForExitAsync(limit.Token);

        Assert.Equal("", await errors);
        Assert.Equal(
            [
                "start: ORT_DISABLE_TELEMETRY unset, library absent",
                "touched: ORT_DISABLE_TELEMETRY 1, library absent",
                "loaded: ORT_DISABLE_TELEMETRY 1, library loaded",
            ],
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
