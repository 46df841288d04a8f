using System.Collections;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using AIaaS.Formats;

namespace AIaaS.Platform.Training;

/// <summary>A job's process: it leaves when asked to, when its time is over, and when this process ends for whatever reason.</summary>
internal sealed class JobProcess : IDisposable
{
    /// <summary>After the process: a child of the job's own may hold its output open for ever.</summary>
    private static readonly TimeSpan OutputGrace = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StartTimeTolerance = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan OrphanTimeout = TimeSpan.FromSeconds(10);

    /// <summary>What a program needs to find its runtime and its folders; everything else may be a secret of the host's.</summary>
    private static readonly HashSet<string> Inherited = new(StringComparer.OrdinalIgnoreCase)
    {
        "PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SystemRoot", "SystemDrive", "USERPROFILE", "LOCALAPPDATA",
    };

    private readonly Process _process;
    private readonly TimeProvider _timeProvider;
    private readonly Task _output;
    private ITimer? _kill;

    private JobProcess(Process process, TimeProvider timeProvider, BoundedLog log)
    {
        _process = process;
        _timeProvider = timeProvider;
        _output = Task.WhenAll(CopyAsync(process.StandardOutput, log), CopyAsync(process.StandardError, log));
    }

    public int Id => _process.Id;

    /// <summary>Null where it ended before it could be asked.</summary>
    public DateTimeOffset? Started => StartOf(_process);

    /// <summary>Valid once <see cref="WaitAsync"/> completed.</summary>
    public int ExitCode => _process.ExitCode;

    /// <exception cref="Win32Exception">The trainer cannot be started.</exception>
    public static JobProcess Start(string trainerPath, string folder, TimeProvider timeProvider, BoundedLog log)
    {
        var managed = trainerPath.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        var start = new ProcessStartInfo(managed ? DotnetPath() : trainerPath)
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (managed)
            start.ArgumentList.Add(trainerPath);
        start.ArgumentList.Add(folder);
        start.Environment.Clear();
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (variable is { Key: string name, Value: string value } && IsInherited(name))
                start.Environment[name] = value;
        }

        start.Environment[JobEnvironment.Folder] = folder;
        start.Environment[JobEnvironment.ParentPipe] = "1";
        start.Environment["ORT_DISABLE_TELEMETRY"] = "1";
        return new JobProcess(Process.Start(start)!, timeProvider, log);
    }

    /// <summary>Kills a process that outlived its host, unless its id belongs to another by now.</summary>
    /// <returns>Whether there was one.</returns>
    public static bool KillOrphan(int id, DateTimeOffset started)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            if (StartOf(process) is not { } found || (found - started).Duration() > StartTimeTolerance)
                return false;
            process.Kill(entireProcessTree: true);
            process.WaitForExit(OrphanTimeout);
            return true;
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException or Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Completes when the process has ended and its output is read.</summary>
    public async Task WaitAsync()
    {
        await _process.WaitForExitAsync(CancellationToken.None);
        try
        {
            await _output.WaitAsync(OutputGrace, _timeProvider);
        }
        catch (TimeoutException)
        {
        }
    }

    /// <summary>Called once: asks the process to leave, by the end of its standard input (the same to it as SIGTERM, and known to every system), then kills it.</summary>
    public void AskToLeave(TimeSpan timeout)
    {
        _kill = _timeProvider.CreateTimer(_ => Kill(), null, timeout, Timeout.InfiniteTimeSpan);
        _process.StandardInput.Close();
    }

    /// <summary>Ends the process and all that it started, at once.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception gone) when (gone is InvalidOperationException or Win32Exception or AggregateException)
        {
        }
    }

    public void Dispose()
    {
        _kill?.Dispose();
        Kill();
        _process.Dispose();
    }

    private static bool IsInherited(string name)
    {
        if (Inherited.Contains(name))
            return true;
        // DOTNET_A__B is configuration to a host builder, and hooks and heap limits are meant for this process alone.
        return name.StartsWith("DOTNET_", StringComparison.OrdinalIgnoreCase)
            && !name.Contains("__", StringComparison.Ordinal)
            && !name.StartsWith("DOTNET_GC", StringComparison.OrdinalIgnoreCase)
            && !name.Equals("DOTNET_STARTUP_HOOKS", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The one that runs this process, which need not be on the path.</summary>
    private static string DotnetPath()
    {
        var name = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
        var path = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", name));
        return File.Exists(path) ? path : name;
    }

    private static DateTimeOffset? StartOf(Process process)
    {
        try
        {
            return process.StartTime.ToUniversalTime();
        }
        catch (Exception gone) when (gone is InvalidOperationException or Win32Exception)
        {
            return null;
        }
    }

    private static async Task CopyAsync(StreamReader reader, BoundedLog log)
    {
        var buffer = new char[4096];
        int read;
        while ((read = await reader.ReadAsync(buffer)) > 0)
            log.Append(buffer.AsSpan(0, read));
    }
}
