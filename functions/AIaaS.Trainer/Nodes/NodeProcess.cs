using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using AIaaS.Formats;
using AIaaS.Platform.Training;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer.Nodes;

/// <summary>
/// Runs one job on a cluster's node, where the job's folder in the object store is mounted: <c>AIaaS.Trainer --node &lt;mounted to read&gt; &lt;mounted to write&gt; &lt;folder&gt;</c>.
/// </summary>
/// <remarks>
/// The job itself is a second process of this program in a folder on the node's disk, where its inputs lie already. A mount is no file system to work in,
/// and of a job that was killed somebody must be left to say so.
/// </remarks>
internal sealed class NodeProcess(TimeProvider timeProvider, TextWriter people, TextWriter log)
{
    public const string Option = "--node";

    private const int KilledExitCode = 128 + 9;
    private const int TerminatedExitCode = 128 + 15;
    private const int MaximumTries = 5;
    private static readonly TimeSpan CopyInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(2);

    /// <summary>The job has 25 s of its own; a node that is taken back gives 30 s in all.</summary>
    private static readonly TimeSpan LeaveTimeout = TimeSpan.FromSeconds(27);

    /// <returns>0 where the job succeeded, 1 where its result says that it failed, 3 where it is to be resumed.</returns>
    public async Task<int> RunAsync(string source, string target, string path)
    {
        Directory.CreateDirectory(path);
        JobFolder folder;
        StoreMirror mirror;
        var text = new BoundedLog();
        try
        {
            File.Copy(Path.Combine(source, JobDescription.FileName), Path.Combine(path, JobDescription.FileName), overwrite: true);
            folder = Open(path);
            mirror = new StoreMirror(source, target, folder);
            mirror.Fetch();
            text.Append(mirror.ReadLog());
        }
        catch (Exception unreachable) when (unreachable is IOException or UnauthorizedAccessException)
        {
            await log.WriteLineAsync($"The job's folder in the object store cannot be used: {unreachable}");
            return JobExitCode.Failed;
        }

        using var leaving = new CancellationTokenSource();
        // To the very end: what is left to store then is stored.
        using var signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            leaving.Cancel();
        });
        text.Append(string.Create(CultureInfo.InvariantCulture, $"--- attempt {folder.Description.Attempt}, {timeProvider.GetUtcNow():u} ---\n"));
        var exitCode = await RunAsync(folder, mirror, text, leaving.Token);
        if (!File.Exists(Path.Combine(folder.Outputs, JobResult.FileName)) && Explain(exitCode) is { } error)
        {
            Directory.CreateDirectory(folder.Outputs);
            folder.WriteResult(new JobResult { Status = JobOutcome.Failed, Error = error });
            exitCode = JobExitCode.Failed;
        }

        return await StoreAsync(folder, mirror, text) ? exitCode switch
        {
            JobExitCode.Succeeded => JobExitCode.Succeeded,
            JobExitCode.Interrupted or TerminatedExitCode => JobExitCode.Interrupted,
            _ => JobExitCode.Failed,
        }
        : JobExitCode.Failed;
    }

    private async Task<int> RunAsync(JobFolder folder, StoreMirror mirror, BoundedLog text, CancellationToken leave)
    {
        using var process = Start(folder.Path);
        var output = Task.WhenAll(CopyAsync(process.StandardOutput, text, people), CopyAsync(process.StandardError, text, log));
        ITimer? killing = null;
        using var leaving = leave.Register(() =>
        {
            killing = timeProvider.CreateTimer(_ => Kill(process), null, LeaveTimeout, Timeout.InfiniteTimeSpan);
            process.StandardInput.Close();
        });
        var ended = process.WaitForExitAsync(CancellationToken.None);
        while (await Task.WhenAny(ended, Task.Delay(CopyInterval, timeProvider, CancellationToken.None)) != ended)
            TryStore(() => Copy(ended: false));
        // A child of the job's own may hold its output open for ever.
        await Task.WhenAny(output, Task.Delay(RetryDelay, timeProvider, CancellationToken.None));
        killing?.Dispose();
        return process.ExitCode;

        void Copy(bool ended)
        {
            mirror.Copy(ended);
            mirror.WriteLog(text);
        }
    }

    private async Task<bool> StoreAsync(JobFolder folder, StoreMirror mirror, BoundedLog text)
    {
        for (var tries = 1; tries <= MaximumTries; tries++)
        {
            if (TryStore(Everything))
                return true;
            await Task.Delay(RetryDelay, timeProvider);
        }

        return false;

        void Everything()
        {
            mirror.Copy(ended: true);
            mirror.WriteLog(text);
            if (File.Exists(Path.Combine(folder.Outputs, JobResult.FileName)))
                mirror.StoreResult();
            else
                mirror.StoreInterruption();
        }
    }

    /// <summary>What fails now succeeds the next time, or fails the job at its end.</summary>
    private bool TryStore(Action store)
    {
        try
        {
            store();
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            log.WriteLine($"Files of the job could not be stored: {failure.Message}");
            return false;
        }
    }

    /// <returns>Why there is no result; null where another attempt is to make one.</returns>
    private static ErrorDetail? Explain(int exitCode) => exitCode switch
    {
        JobExitCode.Interrupted or TerminatedExitCode => null,
        KilledExitCode => new ErrorDetail("The job was killed", "Most likely the machine ran out of memory: give the job less data, or run it on a larger machine."),
        _ => new ErrorDetail("The job ended without a result", "Its process ended unexpectedly; the job's log tells more."),
    };

    private static JobFolder Open(string path)
    {
        try
        {
            return JobFolder.Open(path);
        }
        catch (JobException)
        {
            // The job's own process says what is wrong.
            return JobFolder.Undescribed(path);
        }
    }

    private static Process Start(string folder)
    {
        var program = Environment.ProcessPath!;
        var hosted = Path.GetFileNameWithoutExtension(program) == "dotnet";
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (hosted)
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "AIaaS.Trainer.dll"));
        start.ArgumentList.Add(folder);
        start.Environment[JobEnvironment.Folder] = folder;
        start.Environment[JobEnvironment.ParentPipe] = "1";
        start.Environment["ORT_DISABLE_TELEMETRY"] = "1";
        return Process.Start(start)!;
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception gone) when (gone is InvalidOperationException or Win32Exception or AggregateException)
        {
        }
    }

    private static async Task CopyAsync(StreamReader reader, BoundedLog text, TextWriter shown)
    {
        var buffer = new char[4096];
        int read;
        while ((read = await reader.ReadAsync(buffer)) > 0)
        {
            text.Append(buffer.AsSpan(0, read));
            await shown.WriteAsync(buffer.AsMemory(0, read));
            await shown.FlushAsync();
        }
    }
}
