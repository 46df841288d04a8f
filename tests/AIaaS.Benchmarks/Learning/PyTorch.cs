using System.Diagnostics;
using System.Text.Json;

namespace AIaaS.Benchmarks.Learning;

/// <summary>Runs scripts of <c>peers/pytorch</c>.</summary>
internal static class PyTorch
{
    /// <summary>An interpreter that has PyTorch, where it is not Debian's.</summary>
    private const string PythonVariable = "AIAAS_BENCHMARK_PYTHON";

    /// <summary>The last line that the script prints.</summary>
    /// <exception cref="PeerMissingException">There is no PyTorch.</exception>
    public static async Task<T> RunAsync<T>(string script, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable(PythonVariable) ?? "/usr/bin/python3")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OPENBLAS_NUM_THREADS"] = "1", ["OMP_NUM_THREADS"] = "1" },
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "peers", "pytorch", script));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        if (!File.Exists(start.FileName))
            throw Missing($"There is no {start.FileName}.");

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode == 0)
            return JsonSerializer.Deserialize<T>(output.Trim().Split('\n')[^1], JsonSerializerOptions.Web)!;
        var message = await errors;
        throw message.Contains("No module named 'torch'", StringComparison.Ordinal) ? Missing("It has no PyTorch.") : new InvalidOperationException(message);
    }

    private static PeerMissingException Missing(string reason) =>
        new($"{reason} tests/AIaaS.Benchmarks/peers/pytorch/install.sh installs PyTorch on Debian; {PythonVariable} names another Python that has it.");
}
