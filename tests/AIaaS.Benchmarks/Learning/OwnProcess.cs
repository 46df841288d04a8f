using System.Diagnostics;
using System.Text.Json;

namespace AIaaS.Benchmarks.Learning;

/// <summary>Our side of a benchmark in a process of its own, so that its CPU time and memory are its own.</summary>
internal static class OwnProcess
{
    /// <summary>Runs a benchmark of this program again, with a variable that tells it to do our side's work in a folder.</summary>
    /// <returns>Its last line, as JSON.</returns>
    public static async Task<T> RunAsync<T>(string benchmark, string variable, string folder, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, Environment = { [variable] = folder } };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
            start.ArgumentList.Add(typeof(OwnProcess).Assembly.Location);
        start.ArgumentList.Add(benchmark);
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize<T>(output.Trim().Split('\n')[^1], JsonSerializerOptions.Web)!
            : throw new InvalidOperationException($"Our side failed: {output}");
    }
}
