using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Platform.Tests.Training;

/// <summary>A cluster on a folder and a store of its own; a second one on the same home is the host started again.</summary>
internal sealed class ClusterFixture : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly TemporaryFolder _home = new();
    private readonly FileObjectStore _files;
    private readonly List<ProcessTrainingCluster> _clusters = [];

    public ClusterFixture()
    {
        _files = new FileObjectStore(new FileObjectStoreOptions { Root = _home["storage"] }, TimeProvider.System);
        Store = new RecordingStore(_files);
    }

    public RecordingStore Store { get; }

    public RecordingQueue Queue { get; } = new();

    public string JobsRoot => _home["jobs"];

    public static TrainingJobId Id(string job = "job") => new("default", "run", job);

    public string LocalFolder(string job = "job") => Path.Combine(JobsRoot, "default", "run", job);

    public ProcessTrainingCluster Create(TimeProvider? time = null, string? trainerPath = null, TimeSpan? retention = null)
    {
        var cluster = new ProcessTrainingCluster(
            new ProcessTrainingClusterOptions
            {
                Root = JobsRoot,
                TrainerPath = trainerPath,
                MaxConcurrentJobs = 1,
                MirrorInterval = TimeSpan.FromMilliseconds(50),
                Retention = retention ?? TimeSpan.FromHours(1),
            },
            Store,
            Queue,
            time ?? TimeProvider.System,
            NullLogger<ProcessTrainingCluster>.Instance);
        _clusters.Add(cluster);
        return cluster;
    }

    public async Task<ProcessTrainingCluster> StartAsync(TimeProvider? time = null, string? trainerPath = null, TimeSpan? retention = null)
    {
        var cluster = Create(time, trainerPath, retention);
        await cluster.StartAsync(default);
        return cluster;
    }

    /// <summary>A job that runs a shell script.</summary>
    public static TrainingJob Script(string script, string job = "job", int attempt = 1) => new()
    {
        Description = new JobDescription
        {
            Kind = JobKind.Command,
            Id = job,
            Tenant = "default",
            Run = "run",
            Attempt = attempt,
            Parameters = JsonSerializer.SerializeToElement(new CommandParameters { Command = ["sh", "-c", script] }, JsonDefaults.Options),
        },
        Inputs = new Dictionary<string, ObjectPath>(),
        Folder = new ObjectPath(Containers.Runs, $"default/run/jobs/{job}/"),
    };

    public async Task PutAsync(ObjectPath path, string text) => await Store.WriteAsync(path, new MemoryStream(Encoding.UTF8.GetBytes(text)), null, default);

    public async Task<string?> ReadAsync(string path, string job = "job")
    {
        await using var content = await Store.OpenReadAsync(new ObjectPath(Containers.Runs, $"default/run/jobs/{job}/{path}"), null, default);
        if (content is null)
            return null;
        using var reader = new StreamReader(content.Stream);
        return await reader.ReadToEndAsync();
    }

    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
            await Task.Delay(20, patience.Token);
    }

    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    public static async Task<TrainingJobStatus> EndOfAsync(ITrainingCluster cluster, string job = "job")
    {
        var status = new TrainingJobStatus(TrainingJobState.Unknown);
        await UntilAsync(async () => (status = await cluster.GetStatusAsync(Id(job), default)).Ended);
        return status;
    }

    /// <summary>Waits until the end of a job was announced so many times and its folder is cleared.</summary>
    public async Task SettledAsync(string job = "job", int times = 1)
    {
        await UntilAsync(() => Queue.Ended.Count(ended => ended == new JobEnded("default", "run", job)) >= times);
        await UntilAsync(() => Directory.GetFileSystemEntries(LocalFolder(job)).All(entry => Path.GetFileName(entry) == ProcessJobState.FileName)
            && ReadState(job).Settled);
    }

    public ProcessJobState ReadState(string job = "job") =>
        JsonSerializer.Deserialize<ProcessJobState>(File.ReadAllText(ProcessJob.StatePath(LocalFolder(job))), JsonDefaults.Options)!;

    public async ValueTask DisposeAsync()
    {
        foreach (var cluster in _clusters)
            await cluster.DisposeAsync();
        _files.Dispose();
        _home.Dispose();
    }
}

internal sealed class RecordingQueue : IMessageQueue
{
    public ConcurrentQueue<JobEnded> Ended { get; } = [];

    /// <summary>Makes a sending fail that many times.</summary>
    public int Failures { get; set; }

    public Task SendAsync(string queue, BinaryData body, SendOptions? options, CancellationToken cancellationToken)
    {
        Assert.Equal(TrainingQueues.JobEnded, queue);
        if (Failures-- > 0)
            throw new IOException("The queue is not available.");
        Ended.Enqueue(body.ToObjectFromJson<JobEnded>(JsonDefaults.Options)!);
        return Task.CompletedTask;
    }
}
