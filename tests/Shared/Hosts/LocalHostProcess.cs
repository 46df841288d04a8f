using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace AIaaS.Tests;

/// <summary>The local host as a process of its own, on a free port and a home of its own.</summary>
internal sealed partial class LocalHostProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(2);
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output;

    private LocalHostProcess(Process process, ConcurrentQueue<string> output, string home, Uri url)
    {
        _process = process;
        _output = output;
        Home = home;
        Url = url;
    }

    public string Home { get; }

    public Uri Url { get; }

    public int Id => _process.Id;

    public string Output => string.Join('\n', _output);

    public string AdminKey => File.ReadAllText(Path.Combine(Home, "admin.key")).Trim();

    /// <summary>Starts a host and waits until it listens.</summary>
    /// <param name="home">Kept by the caller, so that another host can go on with it.</param>
    /// <param name="settings">Environment variables beside those of this process.</param>
    public static async Task<LocalHostProcess> StartAsync(string home, params IReadOnlyList<(string Name, string Value)> settings)
    {
        var output = new ConcurrentQueue<string>();
        var listening = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = new Process { StartInfo = StartInfo("--port", "0", "--home", home), EnableRaisingEvents = true };
        foreach (var (name, value) in settings)
        {
            process.StartInfo.Environment[name] = value;
        }

        process.OutputDataReceived += (_, line) => Take(line.Data);
        process.ErrorDataReceived += (_, line) => Take(line.Data);
        process.Exited += (_, _) => listening.TrySetException(new InvalidOperationException($"The host ended before it listened:\n{string.Join('\n', output)}"));
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            return new LocalHostProcess(process, output, home, await listening.Task.WaitAsync(StartTimeout));
        }
        catch
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
            throw;
        }

        void Take(string? line)
        {
            if (line is null)
            {
                return;
            }

            output.Enqueue(line);
            if (ListeningLine().Match(line) is { Success: true } match)
            {
                listening.TrySetResult(new Uri(match.Groups[1].Value));
            }
        }
    }

    /// <summary>The command that starts the host built beside these tests.</summary>
    public static ProcessStartInfo StartInfo(params string[] arguments)
    {
        // artifacts/local/bin/{these tests}/{configuration}/
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var program = Path.Combine(own.Parent!.Parent!.FullName, "AIaaS.Functions", own.Name, "AIaaS.Functions.dll");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment.Remove("AIAAS_PORT");
        start.Environment.Remove("AIAAS_HOME");
        return start;
    }

    /// <summary>Waits until the host has ended by itself.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan patience)
    {
        using var over = new CancellationTokenSource(patience);
        await _process.WaitForExitAsync(over.Token);
        return _process.ExitCode;
    }

    /// <summary>Ends the host as a crash would, and all it started only by their own noticing.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    [GeneratedRegex(@"^Listening on (http://127\.0\.0\.1:\d+)")]
    private static partial Regex ListeningLine();
}
