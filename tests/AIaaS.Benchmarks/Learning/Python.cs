using System.Diagnostics;
using System.Text.Json;

namespace AIaaS.Benchmarks.Learning;

/// <summary>Runs scripts of peers that are written in Python.</summary>
internal static class Python
{
    /// <summary>An interpreter that has the peers, where it is not Debian's.</summary>
    private const string PythonVariable = "AIAAS_BENCHMARK_PYTHON";

    /// <summary>The last line that a script prints.</summary>
    /// <param name="peer">Its folder in <c>peers</c>.</param>
    /// <param name="script">Its file.</param>
    /// <param name="arguments">What it is given.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PeerMissingException">The peer is not installed.</exception>
    public static async Task<T> RunAsync<T>(string peer, string script, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable(PythonVariable) ?? "/usr/bin/python3")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OPENBLAS_NUM_THREADS"] = "1", ["OMP_NUM_THREADS"] = "1" },
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "peers", peer, script));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        if (!File.Exists(start.FileName))
            throw Missing(peer, $"There is no {start.FileName}.");

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode == 0)
            return JsonSerializer.Deserialize<T>(output.Trim().Split('\n')[^1], JsonSerializerOptions.Web)!;
        var message = await errors;
        throw message.Contains("No module named", StringComparison.Ordinal) ? Missing(peer, message.Trim().Split('\n')[^1] + ".") : new InvalidOperationException(message);
    }

    private static PeerMissingException Missing(string peer, string reason) =>
        new($"{reason} tests/AIaaS.Benchmarks/peers/{peer}/install.sh installs it on Debian; {PythonVariable} names another Python that has it.");
}
