using System.ComponentModel;
using System.Diagnostics;
using AIaaS.Formats;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer.Commands;

/// <summary>Runs anyone's command under the folder contract; its output goes where the trainer's goes.</summary>
internal sealed class CommandRunner(TimeProvider timeProvider) : IJobRunner
{
    /// <summary>Within what the trainer itself is allowed after a signal.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);

    public JobKind Kind => JobKind.Command;

    public async Task<JobResult> RunAsync(JobContext job, CancellationToken cancellationToken)
    {
        using var process = Start(job);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await StopAsync(process);
        }

        var own = job.Folder.ReadResult();
        var succeeded = process.ExitCode == JobExitCode.Succeeded;
        if (own is not null && (succeeded || own.Status != JobOutcome.Succeeded))
            return own;
        job.Folder.DeleteResult();
        if (succeeded)
            return new JobResult { Status = JobOutcome.Succeeded };
        cancellationToken.ThrowIfCancellationRequested();
        throw process.ExitCode == JobExitCode.Interrupted
            ? new JobInterruptedException("The command left with exit code 3, to be resumed.")
            : new JobException("The command failed", $"The command ended with exit code {process.ExitCode}; the job's log holds what it printed.");
    }

    private static Process Start(JobContext job)
    {
        var parameters = job.Folder.Parameters<CommandParameters>();
        if (parameters.Command is not [{ Length: > 0 } executable, ..])
            throw new JobException("The command is missing", "'parameters.command' must list an executable, then its arguments.");
        var start = new ProcessStartInfo(executable, parameters.Command.Skip(1))
        {
            UseShellExecute = false,
            WorkingDirectory = job.Folder.Path,
            // A pipe of its own, which ends when this process does, whatever kills it.
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in parameters.Environment)
            start.Environment[name] = value;
        start.Environment[JobEnvironment.Folder] = job.Folder.Path;
        start.Environment[JobEnvironment.ParentPipe] = "1";
        try
        {
            return Process.Start(start)!;
        }
        catch (Exception failure) when (failure is Win32Exception or ArgumentException)
        {
            throw new JobException("The command cannot be started", $"'{executable}' cannot be started: it is not on this machine's path, or is not executable.", failure);
        }
    }

    private async Task StopAsync(Process process)
    {
        process.StandardInput.Close();
        if (!process.HasExited)
            Signals.Terminate(process.Id);
        using var grace = new CancellationTokenSource(Grace, timeProvider);
        try
        {
            await process.WaitForExitAsync(grace.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }
}
