using System.Diagnostics;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Trainer.Commands;

namespace AIaaS.Trainer.Tests;

/// <summary>A job's folder and the trainer's process that works on it.</summary>
internal sealed class TrainerJob : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly List<Process> _processes = [];

    public string Folder { get; } = Directory.CreateTempSubdirectory("aiaas-trainer-").FullName;

    public string this[string path] => Path.Combine(Folder, path);

    public TrainerJob Described(JobDescription description)
    {
        File.WriteAllBytes(this[JobDescription.FileName], JsonSerializer.SerializeToUtf8Bytes(description, JsonDefaults.Options));
        return this;
    }

    public TrainerJob Described(string json)
    {
        File.WriteAllText(this[JobDescription.FileName], json);
        return this;
    }

    /// <summary>A job that runs a shell script.</summary>
    public TrainerJob Scripted(string script, int attempt = 1, DateTimeOffset? deadline = null) => Described(new JobDescription
    {
        Kind = JobKind.Command,
        Id = "job",
        Tenant = "default",
        Run = "run",
        Attempt = attempt,
        Deadline = deadline,
        Parameters = JsonSerializer.SerializeToElement(new CommandParameters { Command = ["sh", "-c", script] }, JsonDefaults.Options),
    });

    public RunningTrainer Start(bool parentPipe = false)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "AIaaS.Trainer.dll"), Folder])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[JobEnvironment.ParentPipe] = parentPipe ? "1" : "0";
        var process = Process.Start(start)!;
        _processes.Add(process);
        return new RunningTrainer(process);
    }

    public async Task<int> RunAsync() => await Start().ExitCodeAsync();

    public JobResult? Result => File.Exists(this["outputs/result.json"])
        ? JsonSerializer.Deserialize<JobResult>(File.ReadAllText(this["outputs/result.json"]), JsonDefaults.Options)
        : null;

    public async Task AppearsAsync(string path)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!File.Exists(this[path]))
            await Task.Delay(20, patience.Token);
    }

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }

        Directory.Delete(Folder, recursive: true);
    }
}

internal sealed class RunningTrainer(Process process)
{
    private readonly Task<string> _output = process.StandardOutput.ReadToEndAsync();
    private readonly Task<string> _errors = process.StandardError.ReadToEndAsync();

    public async Task<int> ExitCodeAsync()
    {
        await process.WaitForExitAsync().WaitAsync(TrainerJob.Patience);
        return process.ExitCode;
    }

    public Task<string> OutputAsync() => _output.WaitAsync(TrainerJob.Patience);

    public Task<string> ErrorsAsync() => _errors.WaitAsync(TrainerJob.Patience);

    public void Terminate() => Signals.Terminate(process.Id);

    public void LeaveByParent() => process.StandardInput.Close();
}
