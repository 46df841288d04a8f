using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Platform.Tests.Runs;

/// <summary>The runs of a host that may die at any step, with what the function app does around them.</summary>
internal sealed class RunWorld : IDisposable
{
    public const string Tenant = "default";

    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _files;
    private readonly HashSet<string> _instances = [];

    public RunWorld()
    {
        _files = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        Queue = new CrashingQueue(Crash);
        Store = new CrashingStore(_files, Crash);
        Catalog = new Catalog(Store, TimeProvider.System);
        Runs = new RunService(Catalog, Queue, Time);
        Contracts = new DatasetContracts(Catalog, Time);
        Housekeeping = new DatasetHousekeeping(Catalog, Store, Contracts, Time, NullLogger<DatasetHousekeeping>.Instance);
        Datasets = new DatasetService(Catalog, Store, Housekeeping, Time);
    }

    /// <summary>Begins at the real time, since the files' own times are real.</summary>
    public SteppedTime Time { get; } = new(DateTimeOffset.UtcNow);

    public CrashPoint Crash { get; } = new();

    public CrashingQueue Queue { get; }

    public IObjectStore Store { get; }

    public Catalog Catalog { get; }

    public RunService Runs { get; }

    public DatasetContracts Contracts { get; }

    public DatasetHousekeeping Housekeeping { get; }

    public DatasetService Datasets { get; }

    /// <summary>Runs in the order of their beginnings.</summary>
    public List<string> Begun { get; } = [];

    /// <summary>Orchestrations that were scheduled and have not completed.</summary>
    public IReadOnlyCollection<string> Instances => _instances;

    /// <summary>Where an object lies.</summary>
    public string FileOf(ObjectPath path) => Path.Combine(_folder["storage"], path.Container, path.Name);

    public static RunReference Reference(string run) => new(Tenant, run);

    public async Task AddDatasetAsync(string dataset = "penguins")
    {
        var now = Time.GetUtcNow();
        await Catalog.TryCreateAsync(Dataset.Kind, Tenant, dataset, new Dataset { Name = dataset, Created = now, Updated = now }, default);
    }

    public Task<RunTicket> RequestAsync(string id, string? pipeline = "penguins", string dataset = "penguins")
        => Runs.RequestAsync(Tenant, pipeline, dataset, id, "a test", default);

    /// <summary>Asks for a run and schedules it where it is its turn.</summary>
    public async Task<RunTicket> StartAsync(string id, string? pipeline = "penguins", string dataset = "penguins")
    {
        var ticket = await RequestAsync(id, pipeline, dataset);
        Schedule(ticket);
        return ticket;
    }

    /// <returns>Whether the process died on the way.</returns>
    public async Task<bool> DiesAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (CrashedException)
        {
            // Told by the state.
        }

        return Crash.Dead;
    }

    public void Schedule(RunTicket ticket)
    {
        // An id whose orchestration is running is not accepted again.
        if (ticket.StartNow) _instances.Add(ticket.Run.Id);
    }

    /// <summary>What the orchestration of a run does at its beginning.</summary>
    public async Task<bool> BeginAsync(string run)
    {
        if (await Runs.BeginAsync(Reference(run), default) is not null)
        {
            // The activity may be repeated; the run has begun once.
            if (!Begun.Contains(run)) Begun.Add(run);
            return true;
        }

        _instances.Remove(run);
        return false;
    }

    /// <summary>What it does at its end.</summary>
    public async Task EndAsync(string run, RunStatus status = RunStatus.Succeeded)
    {
        await Runs.EndAsync(Reference(run), status, error: null, default);
        _instances.Remove(run);
    }

    /// <summary>Handles the messages about runs whose turn it is.</summary>
    public async Task PumpAsync()
    {
        while (Queue.Messages.TryDequeue(out var message))
        {
            var reference = JsonSerializer.Deserialize<RunReference>(message.Body, JsonDefaults.Options)!;
            try
            {
                Schedule(await Runs.TakeUpAsync(reference, default));
            }
            catch (ProblemException gone) when (gone.Problem == Problem.NotFound)
            {
                // As the function has it.
            }
        }
    }

    /// <summary>The look round for runs that a crash left behind.</summary>
    public async Task TakeUpStrandedAsync()
    {
        foreach (var reference in await Runs.ListStrandedAsync(default))
        {
            if (!_instances.Contains(reference.Run)) Schedule(await Runs.TakeUpAsync(reference, default));
        }
    }

    /// <summary>Lets time pass and every run that has its turn go through, until none is left.</summary>
    public async Task DrainAsync()
    {
        for (var round = 0; round < 50; round++)
        {
            Time.Advance(2 * RunService.StrandedAfter);
            await PumpAsync();
            await TakeUpStrandedAsync();
            foreach (var run in _instances.ToList())
            {
                if (await BeginAsync(run)) await EndAsync(run);
            }

            if (_instances.Count == 0 && Queue.Messages.IsEmpty && (await UnfinishedAsync()).Count == 0) return;
        }

        Assert.Fail($"Runs are stuck: {string.Join(", ", await UnfinishedAsync())}.");
    }

    public async Task<Run?> FindAsync(string run) => (await Catalog.FindAsync(Run.Kind, Tenant, run, default))?.Value;

    public async Task<Run> GetAsync(string run) => (await Runs.GetAsync(Tenant, run, default)).Value;

    public async Task<PipelineQueue> QueueOfAsync(string pipeline = "penguins")
        => (await Catalog.FindAsync(PipelineQueue.Kind, Tenant, pipeline, default))?.Value ?? new PipelineQueue();

    public async Task<IReadOnlyList<string>> UnfinishedAsync()
        => [.. (await Catalog.ListHeadersAsync(UnfinishedRun.Kind, UnfinishedRun.AllTenants, "", default)).Select(header => header.Name)];

    public async Task AssertIdleAsync(string pipeline = "penguins")
    {
        Assert.Empty(await UnfinishedAsync());
        await AssertQueueOfAsync(pipeline, null);
    }

    /// <summary>Asserts which run of the pipeline is active and which wait, in their order.</summary>
    public Task AssertQueueAsync(string? active, params string[] queued) => AssertQueueOfAsync("penguins", active, queued);

    private async Task AssertQueueOfAsync(string pipeline, string? active, params string[] queued)
    {
        var queue = await QueueOfAsync(pipeline);
        Assert.Equal(active, queue.ActiveRun);
        Assert.Equal(queued, queue.Queued.Select(waiting => waiting.Run));
    }

    public void Dispose()
    {
        _files.Dispose();
        _folder.Dispose();
    }
}
