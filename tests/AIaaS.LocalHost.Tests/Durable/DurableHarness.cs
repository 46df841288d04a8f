using AIaaS.LocalHost.Durable;
using AIaaS.LocalHost.Durable.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.LocalHost.Tests.Durable;

/// <summary>An engine over a folder of its own, which can be killed and started again.</summary>
internal sealed class DurableHarness : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly bool _replayEveryTurn;

    public DurableHarness(bool replayEveryTurn = false)
    {
        _replayEveryTurn = replayEveryTurn;
        Folder = Directory.CreateTempSubdirectory("durable-").FullName;
    }

    public string Folder { get; }

    public SteppedTime Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public TestFunctions Functions { get; set; } = new();

    public ILoggerFactory Logs { get; set; } = NullLoggerFactory.Instance;

    public int MaxConcurrentActivities { get; set; } = 8;

    public Func<string, HistoryFolder> OpenFolder { get; set; } = folder => new HistoryFolder(folder);

    public DurableEngine Engine { get; private set; } = null!;

    public DurableTaskClient Client { get; private set; } = null!;

    public string RunningFolder => Path.Combine(Folder, "running");

    public DurableHarness Start()
    {
        var options = new DurableEngineOptions
        {
            Folder = Folder,
            ReplayEveryTurn = _replayEveryTurn,
            MaxConcurrentActivities = MaxConcurrentActivities,
            FlushInterval = TimeSpan.Zero,
        };
        Engine = new DurableEngine(options, OpenFolder(Folder), Functions, Time, Logs);
        Client = new LocalDurableTaskClient(Engine, Time);
        Engine.Start();
        return this;
    }

    /// <summary>Starts another engine where the last one was dropped without a stop.</summary>
    public DurableHarness Restart()
    {
        Engine.Kill();
        return Start();
    }

    public async Task<OrchestrationMetadata> RunAsync(string orchestrator, object? input = null, string? instanceId = null) =>
        await EndOfAsync(await ScheduleAsync(orchestrator, input, instanceId));

    public Task<string> ScheduleAsync(string orchestrator, object? input = null, string? instanceId = null) =>
        Client.ScheduleNewOrchestrationInstanceAsync(orchestrator, input, new StartOrchestrationOptions(instanceId));

    public Task<OrchestrationMetadata> EndOfAsync(string instanceId) =>
        Client.WaitForInstanceCompletionAsync(instanceId, getInputsAndOutputs: true).WaitAsync(Patience);

    /// <summary>Waits until the instance is in a state.</summary>
    public async Task<OrchestrationMetadata> UntilAsync(string instanceId, Func<OrchestrationMetadata, bool> reached)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            if (await Client.GetInstanceAsync(instanceId, true, patience.Token) is { } found && reached(found))
                return found;
            await Task.Delay(1, patience.Token);
        }
    }

    public Task<OrchestrationMetadata> UntilStatusAsync(string instanceId, string status) =>
        UntilAsync(instanceId, found => found.SerializedCustomStatus == $"\"{status}\"");

    /// <summary>Lets time pass until the instance ends.</summary>
    public async Task<OrchestrationMetadata> PassTimeUntilEndAsync(string instanceId, TimeSpan step)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            if (await Client.GetInstanceAsync(instanceId, true, patience.Token) is { IsCompleted: true } found)
                return found;
            Time.Advance(step);
            await Task.Delay(1, patience.Token);
        }
    }

    public HistoryContent ReadRunning(string instanceId) => HistoryFrame.Decode(File.ReadAllBytes(RunningPath(instanceId)));

    public string RunningPath(string instanceId) => Path.Combine(RunningFolder, HistoryFolder.KeyOf(instanceId) + ".log");

    public ValueTask DisposeAsync()
    {
        Engine?.Kill();
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
